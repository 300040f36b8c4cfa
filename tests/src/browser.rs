//! Chromium, driven by the scripts of `tests/browser`.

use std::process::Command;

use crate::corpus::root;
use crate::program::real;
use crate::server::Server;

/// Runs a script of `tests/browser` against this server; it fails on what the script expects, and on any error of a page.
///
/// # Panics
/// The script fails, or something it needs is missing.
pub fn browser(script: &str, server: &Server, environment: &[(&str, &str)]) {
    let modules = root().join("dashboards/ui/node_modules/playwright-core");
    assert!(modules.exists(), "{} is missing: run `make ui` first", modules.display());
    let downloads = tempfile::tempdir().expect("a temporary folder can be made");
    let output = Command::new("node")
        .arg(root().join("tests/browser").join(script))
        .env("BASE", server.url(""))
        .env("CHROMIUM", real("chromium").get_program())
        .env("UI", root().join("dashboards/ui"))
        .env("DOWNLOADS", downloads.path())
        .envs(environment.iter().copied())
        .output()
        .expect("node runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {text}");
}
