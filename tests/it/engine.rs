//! The engine through the program: killed at any moment, fed live, and looked after, it says what it always would.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tests::export::{biflow_template, ipfix, refused};
use tests::ipfix::message;
use tests::program::{binary, halfopen, stdout};
use tests::server::Server;

/// Monday 2026-03-02 00:00 UTC.
const MONDAY: u64 = 1_772_409_600;
/// Everything that does not tell when something was first known.
const RESULTS: &str = "SELECT result_type, perspective, timestamp, bucket_span, score, severity, probability, level, \
    server_ip, server_port, client_ip, multi_bucket_impact, actual, typical, lower, upper, attempts, clients, \
    anomaly_length, influencers, outcomes, cause, evidence, event_count, failed_count, series_count, influencer_field, \
    influencer_value FROM results ORDER BY 1, 2, 3, level, server_ip, server_port, client_ip, influencer_field, \
    influencer_value";

fn load(store: &Path, bytes: &[u8]) {
    let file = store.with_extension("ipfix");
    std::fs::write(&file, bytes).unwrap();
    stdout(["load".as_ref(), file.as_os_str(), "--store".as_ref(), store.as_os_str()]);
}

fn ask(store: &Path, sql: &str) -> String {
    stdout(["query", sql, "--format", "csv", "--store", store.to_str().unwrap()])
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).map(drop).unwrap();
        }
    }
}

/// Two days and a half by quarter hours, with half an hour in which the server refuses everybody.
fn history(folder: &Path) -> PathBuf {
    let store = folder.join("store");
    let quarter = |n: u64| message(MONDAY + n * 900, 900, n, 10, if (230..232).contains(&n) { 80 } else { n % 3 / 2 });
    load(&store, &(0..240).flat_map(quarter).collect::<Vec<_>>());
    store
}

#[test]
fn killed_at_any_moment_detection_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = history(folder.path());
    let whole = folder.path().join("whole");
    copy(&store, &whole);
    let detect = |store: &Path| halfopen(["detect", "--format", "csv", "--store", store.to_str().unwrap()]);
    let begun = Instant::now();
    assert!(detect(&whole).output().unwrap().status.success());
    let usual = begun.elapsed();
    let expected = ask(&whole, RESULTS);
    assert!(expected.contains("critical"), "{expected}");
    // Killed again and again, each time somewhat later, until it lives long enough to end.
    let mut kills = 0;
    for part in 1.. {
        let mut child =
            detect(&store).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(usual * part / 12);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(part < 60, "detection never ends");
    }
    assert!(kills > 2, "killed {kills} times only");
    assert_eq!(ask(&store, RESULTS), expected);
    assert_eq!(
        std::fs::read_dir(store.join("tmp")).unwrap().count(),
        std::fs::read_dir(whole.join("tmp")).unwrap().count()
    );
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Buckets of two seconds, so that a test sees many of them.
const SHORT: &[(&str, &str)] = &[
    ("HALFOPEN_DETECTION_BUCKET_SPAN", "2s"),
    ("HALFOPEN_DETECTION_GRACE", "5s"),
    ("HALFOPEN_DETECTION_QUERY_DELAY", "0s"),
    ("HALFOPEN_NETFLOW_HOLD", "1s"),
    ("HALFOPEN_STORE_FLUSH", "500ms"),
];

/// Sends what happens in these seconds when it happens, with a failure of the server from `broken` on.
fn send(server: &Server, seconds: u64, broken: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for second in 0..seconds {
        let time = now();
        let refused = if second >= broken { 30 } else { time % 3 / 2 };
        socket.send_to(&message(time, 1, time, 10, refused), server.netflow).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn live_with_a_kill_in_it_equals_replay() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("live");
    let begin = now() - 420;
    let before = (0..200).flat_map(|n| message(begin + n * 2, 2, n, 10, n % 3 / 2));
    load(&store, &before.collect::<Vec<_>>());
    let mut server = Server::start(&store, &[], SHORT);
    server.wait_line("ready");
    send(&server, 8, 4);
    let interim = server.wait_json("/api/v1/buckets", |page| {
        page["items"].as_array().unwrap().iter().any(|bucket| bucket["is_interim"] == true)
    });
    let last = interim["items"].as_array().unwrap().iter().filter(|bucket| bucket["is_interim"] == false).count();
    assert!(last > 100, "{last} sealed buckets");
    server.kill();
    let mut server = Server::start(&store, &[], SHORT);
    server.wait_line("ready");
    send(&server, 6, 100);
    let end = now();
    // Everything that was sent has been sealed and scored.
    let scored = |page: &serde_json::Value| {
        let sealed = page["items"].as_array().unwrap().iter().filter(|bucket| bucket["is_interim"] == false);
        sealed.filter_map(|bucket| bucket["timestamp"].as_i64()).max().is_some_and(|last| last / 1000 + 2 >= end as i64)
    };
    // What seals the last bucket is that time goes on.
    server.wait_json("/api/v1/buckets", |page| {
        send(&server, 1, 100);
        scored(page)
    });
    assert!(server.stop().success());

    let replay = folder.path().join("replay");
    copy(&store.join("sessions"), &replay.join("sessions"));
    let mut detect = halfopen(["detect", "--format", "csv", "--store", replay.to_str().unwrap()]);
    assert!(detect.envs(SHORT.iter().copied()).output().unwrap().status.success());
    let until = |store: &Path| {
        let sql =
            RESULTS.replace("FROM results", &format!("FROM results WHERE timestamp < to_timestamp_seconds({end})"));
        ask(store, &sql)
    };
    let (live, replayed) = (until(&store), until(&replay));
    assert!(live.lines().count() > 200 && live.contains("critical"), "{live}");
    assert_eq!(live, replayed);

    let forecast =
        ["forecast", "--perspective", "private", "--server", "10.2.0.9", "--port", "443", "--horizon", "20s"];
    let output = halfopen(forecast)
        .args(["--format", "csv", "--store", store.to_str().unwrap()])
        .envs(SHORT.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 11, "{text} {}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("time,typical,lower,upper"), "{text}");
}

#[test]
fn old_sessions_leave_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let at = |time: u64, n: u64| message(time, 60, n, 10, 0);
    let (old, new) = (now() - 5 * 3_600, now() - 600);
    load(
        &store,
        &(0..5).flat_map(|n| at(old + n * 60, n)).chain((0..5).flat_map(|n| at(new + n * 60, n))).collect::<Vec<_>>(),
    );
    let mut server = Server::start(&store, &[], &[("HALFOPEN_STORE_RETENTION", "2h")]);
    server.wait_line("sessions beyond the retention removed");
    let metrics = ureq::get(server.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(metrics.contains("halfopen_store_sessions_removed_total 50"), "{metrics}");
    assert!(metrics.contains("halfopen_store_bytes "), "{metrics}");
    assert!(server.stop().success());
    assert_eq!(ask(&store, "SELECT count(*) AS n FROM sessions"), "n\n50\n");
}

#[test]
fn a_query_takes_no_more_memory_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    load(&store, &message(MONDAY, 900, 0, 10, 1));
    let query = |sql: &str| {
        let output = halfopen(["query", sql, "--format", "csv", "--store", store.to_str().unwrap()])
            .env("HALFOPEN_QUERY_MEMORY", "64MB")
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let numbers = "generate_series(1, 6000000)";
    // A sort of 48 MB goes on in files; a join cannot.
    let sorted = query(&format!("SELECT sum(value) AS n FROM (SELECT * FROM {numbers} ORDER BY value % 1000, value)"));
    assert_eq!((sorted.0, sorted.1.as_str()), (true, "n\n18000003000000\n"), "{}", sorted.2);
    let joined = query(&format!("SELECT count(*) FROM {numbers} a JOIN {numbers} b ON a.value = b.value"));
    assert!(!joined.0 && joined.2.contains("Resources exhausted"), "{joined:?}");
    assert_eq!(query("SELECT count(*) AS n FROM sessions").1, "n\n11\n");
}

#[test]
fn a_community_id_is_a_column_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    load(&store, &message(MONDAY, 900, 0, 10, 1));
    let answer = ask(&store, "SELECT min(community_id) AS id FROM sessions WHERE community_id IS NOT NULL");
    let id = answer.lines().nth(1).unwrap();
    assert!(id.starts_with("1:"), "{answer}");
    let same = ask(&store, &format!("SELECT DISTINCT community_id AS id FROM sessions WHERE community_id = '{id}'"));
    assert_eq!(same, answer);
}

#[test]
fn a_flood_from_many_addresses_is_counted_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut messages = vec![ipfix(1, 0, &[biflow_template()])];
    messages.extend((0..200_000).step_by(500).map(|first| ipfix(1, first, &[refused(first..first + 500)])));
    load(&store, &messages.concat());
    // Until the bucket in which they ended is over.
    std::thread::sleep(std::time::Duration::from_secs(1));
    // Address space, kB: of which libraries and threads take over half.
    let limited = "ulimit -v 4000000 && exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(binary())
        .args(["detect", "--store", store.to_str().unwrap()])
        .env("HALFOPEN_DETECTION_BUCKET_SPAN", "1s")
        .env("HALFOPEN_DETECTION_GRACE", "0s")
        .env("HALFOPEN_DETECTION_QUERY_DELAY", "0s")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read_dir(store.join("counts")).unwrap().count() > 0);
}
