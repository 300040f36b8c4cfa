//! Packets of a real interface in a running server.

use std::net::{TcpListener, TcpStream};

use tests::program::halfopen;
use tests::server::Server;

/// Whether this process may capture packets (`CAP_NET_RAW`, bit 13 of the effective set).
fn may_capture() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    set & (1 << 13) != 0
}

#[test]
fn refused_connections_on_loopback_are_seen() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let filter = format!("tcp and port {}", closed.port());
    let environment = [
        ("HALFOPEN_TRACK_INTERFACES", "lo"),
        ("HALFOPEN_TRACK_FILTER", filter.as_str()),
        ("HALFOPEN_STORE_FLUSH", "1s"),
    ];
    let store = tempfile::tempdir().unwrap();
    if !may_capture() {
        let args =
            ["serve", "--http", "127.0.0.1:0", "--netflow", "127.0.0.1:0", "--store", store.path().to_str().unwrap()];
        let output = halfopen(args).envs(environment).output().unwrap();
        assert_eq!(output.status.code(), Some(69));
        assert!(String::from_utf8_lossy(&output.stderr).contains("CAP_NET_RAW"), "it says what is missing");
        return;
    }
    let mut server = Server::start(store.path(), &[], &environment);
    server.wait_line("following packets");
    for _ in 0..3 {
        TcpStream::connect(closed).unwrap_err();
    }
    let path = format!("/api/v1/sessions?from=now-1h&to=now&port={}", closed.port());
    let page = server.wait_json(&path, |page| page["items"].as_array().unwrap().len() >= 3);
    let sessions = page["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 3, "{page:#}");
    for session in sessions {
        assert_eq!(session["outcome"], "refused", "{session:#}");
        assert_eq!(session["conn_state"], "REJ");
        assert_eq!((session["observer"].as_str(), session["export_type"].as_str()), (Some("lo"), Some("packet")));
    }
    let metrics = ureq::get(server.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(metrics.contains("halfopen_track_packets_total{interface=\"lo\"}"), "{metrics}");
    assert!(server.stop().success());
}

#[test]
fn an_interface_that_is_not_there_is_named() {
    let store = tempfile::tempdir().unwrap();
    let args =
        ["serve", "--http", "127.0.0.1:0", "--netflow", "127.0.0.1:0", "--store", store.path().to_str().unwrap()];
    let output = halfopen(args).env("HALFOPEN_TRACK_INTERFACES", "nosuch0").output().unwrap();
    assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nosuch0"));
}
