//! A real exporter into a running server: what softflowd saw is what `halfopen` tells.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tests::browser::browser;
use tests::corpus::corpus;
use tests::program::{real, stdout};
use tests::server::Server;

/// Short times, so that a test waits seconds for what takes minutes in operation.
const QUICK: &[(&str, &str)] = &[("HALFOPEN_NETFLOW_HOLD", "3s"), ("HALFOPEN_STORE_FLUSH", "1s")];
const EVERYTHING: &str = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";

/// Replays a capture through softflowd.
fn softflowd(capture: &Path, to: SocketAddr, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let status = real("softflowd")
        .arg("-r")
        .arg(capture)
        .args(["-n", &to.to_string(), "-a", "-d", "-c", "none", "-p"])
        .arg(folder.path().join("pid"))
        .args(options)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "softflowd {options:?}: {status}");
}

/// Client port to outcome, as the corpus expects it.
fn expected() -> BTreeMap<u64, String> {
    let text = std::fs::read_to_string(corpus("packets/mix.expected.tsv").unwrap()).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            (fields[1].parse().unwrap(), fields[4].to_owned())
        })
        .collect()
}

/// Flow records do not carry ICMP errors of other flows: there, `unreachable` may read `no_answer`.
fn same(expected: &str, found: &str) -> bool {
    expected == found || (expected == "unreachable" && found == "no_answer")
}

fn check_outcomes(found: &BTreeMap<u64, String>, expected: &BTreeMap<u64, String>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (port, outcome) in expected {
        assert!(same(outcome, &found[port]), "port {port}: expected {outcome}, found {}", found[port]);
    }
}

fn outcomes_of(items: &Value) -> BTreeMap<u64, String> {
    let items = items["items"].as_array().unwrap();
    items.iter().map(|s| (s["client_port"].as_u64().unwrap(), s["outcome"].as_str().unwrap().to_owned())).collect()
}

fn replay(options: &[&str]) {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let expected = expected();
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], QUICK);
    softflowd(&capture, server.netflow, options);

    let path = format!("/api/v1/sessions?{EVERYTHING}&proto=6&limit=1000");
    let page = server.wait_json(&path, |page| page["items"].as_array().unwrap().len() >= expected.len());
    assert_eq!(page["items"].as_array().unwrap().len(), expected.len(), "{page:#}");
    check_outcomes(&outcomes_of(&page), &expected);

    let shown: BTreeMap<_, _> = expected
        .iter()
        .map(|(port, outcome)| (port, [outcome.as_str(), if outcome == "unreachable" { "no_answer" } else { outcome }]))
        .collect();
    browser("sessions.mjs", &server, &[("OUTCOMES", &serde_json::to_string(&shown).unwrap())]);

    let exporters = server.json("/api/v1/exporters");
    let exporter = &exporters["items"][0];
    assert_eq!(exporter["address"], "127.0.0.1", "{exporters:#}");
    assert!(exporter["records"].as_u64().unwrap() >= 19, "{exporters:#}");

    assert!(server.stop().success());
    let sql = "SELECT client_port, outcome FROM sessions WHERE proto = 6 AND server_ip = '10.99.0.2'";
    let csv = stdout(["query", sql, "--format", "csv", "--store", store.path().to_str().unwrap()]);
    let rows: Vec<_> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), expected.len(), "{csv}");
    let found = rows
        .iter()
        .map(|row| row.split_once(',').unwrap())
        .map(|(port, outcome)| (port.parse().unwrap(), outcome.to_owned()))
        .collect();
    check_outcomes(&found, &expected);
}

#[test]
fn softflowd_v5() {
    replay(&["-v", "5"]);
}

#[test]
fn softflowd_v9() {
    replay(&["-v", "9"]);
}

#[test]
fn softflowd_ipfix() {
    replay(&["-v", "10"]);
}

#[test]
fn softflowd_ipfix_biflow() {
    replay(&["-v", "10", "-b"]);
}

/// Sessions that one exporter cut by its active time-out stay one session each.
#[test]
fn softflowd_active_timeout() {
    replay(&["-v", "9", "-t", "maxlife=1"]);
}

/// Without usable evidence nothing has failed.
#[test]
fn sampled_flows_are_never_failed() {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], QUICK);
    softflowd(&capture, server.netflow, &["-v", "10", "-s", "3"]);
    let path = format!("/api/v1/sessions?{EVERYTHING}&proto=6&limit=1000");
    let page = server.wait_json(&path, |page| !page["items"].as_array().unwrap().is_empty());
    for session in page["items"].as_array().unwrap() {
        assert_eq!(session["outcome_class"], "indeterminate", "{session:#}");
    }
    assert!(server.stop().success());
}

/// A crash loses nothing that arrived a second before it, written or still waiting for its other half, and doubles nothing.
#[test]
fn a_crash_loses_and_doubles_nothing() {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let expected = expected();
    let store = tempfile::tempdir().unwrap();
    // With the default hold, sessions without any answer are still waiting when the process is killed.
    let mut server = Server::start(store.path(), &[], &[("HALFOPEN_STORE_FLUSH", "1s")]);
    softflowd(&capture, server.netflow, &["-v", "10"]);
    let path = format!("/api/v1/sessions?{EVERYTHING}&proto=6&limit=1000");
    let page = server.wait_json(&path, |page| page["items"].as_array().unwrap().len() >= 11);
    assert!(page["items"].as_array().unwrap().len() < expected.len(), "some sessions wait: {page:#}");
    std::thread::sleep(std::time::Duration::from_secs(2));
    server.kill();

    let mut server = Server::start(store.path(), &[], QUICK);
    let all = server.wait_json(&path, |page| page["items"].as_array().unwrap().len() >= expected.len());
    check_outcomes(&outcomes_of(&all), &expected);
    assert!(server.stop().success());
    let sql = "SELECT count(*) AS n, count(DISTINCT session_id) AS ids FROM sessions WHERE proto = 6";
    let csv = stdout(["query", sql, "--format", "csv", "--store", store.path().to_str().unwrap()]);
    assert_eq!(csv.trim(), format!("n,ids\n{0},{0}", expected.len()));
    let left = std::fs::read_dir(store.path().join("journal")).unwrap().count();
    assert_eq!(left, 0, "a graceful end leaves no journal");
}
