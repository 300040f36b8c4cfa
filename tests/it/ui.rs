//! The web UI on the demo, in Debian's Chromium: every page in both themes and sizes, the way from an anomaly to its cause, the
//! same by keyboard, all of it behind a proxy, a job that is brought, the catalogue of jobs, and planned work.

use tests::browser::browser;
use tests::corpus::root;
use tests::server::Server;

/// Where pictures of the pages go; git ignores it.
fn shots() -> String {
    std::env::var("HALFOPEN_SHOTS").unwrap_or_else(|_| root().join("shots").to_string_lossy().into_owned())
}

fn with_demo(run: impl FnOnce(&Server)) {
    let home = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let environment = [("XDG_DATA_HOME", home.path().to_str().unwrap())];
    let mut server = Server::start(store.path(), &["--demo"], &environment);
    server.wait_line("ready");
    run(&server);
    assert!(server.stop().success());
}

#[test]
fn every_page_is_sound_on_a_desk() {
    with_demo(|server| {
        let shots = shots();
        for look in ["light-desktop", "dark-desktop"] {
            browser("pages.mjs", server, &[("LOOK", look), ("SHOTS", &shots)]);
        }
    });
}

#[test]
fn every_page_is_sound_on_a_phone() {
    with_demo(|server| {
        let shots = shots();
        for look in ["light-phone", "dark-phone"] {
            browser("pages.mjs", server, &[("LOOK", look), ("SHOTS", &shots)]);
        }
    });
}

#[test]
fn from_an_anomaly_to_its_cause_with_mouse_and_keyboard_and_behind_a_proxy() {
    with_demo(|server| {
        browser("path.mjs", server, &[]);
        browser("keyboard.mjs", server, &[]);
        browser("proxied.mjs", server, &[]);
    });
}

#[test]
fn a_job_is_brought_runs_over_history_and_is_silenced() {
    with_demo(|server| browser("imported.mjs", server, &[]));
}

#[test]
fn the_catalogue_and_calendars_are_worked_with() {
    with_demo(|server| browser("planned.mjs", server, &[]));
}
