//! Packets of a real interface in a running server.

use std::cmp::Reverse;
use std::net::{TcpListener, TcpStream, UdpSocket};

use tests::program::halfopen;
use tests::server::Server;
use tracker::service::service_name;

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
fn the_live_table_shows_both_directions_and_what_a_rule_rejects() {
    if !may_capture() {
        eprintln!("skipped: packet sockets need CAP_NET_RAW");
        return;
    }
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let blocked = TcpListener::bind("127.0.0.1:0").unwrap();
    let (open, blocked) = (open.local_addr().map(|address| (open, address)).unwrap(), blocked);
    let (port, blocked_port) = (open.1.port(), blocked.local_addr().unwrap().port());
    let filter = format!("tcp and (port {port} or port {blocked_port})");
    let rule = format!("reject tcp to 127.0.0.0/8 port {blocked_port}");
    let environment = [
        ("HALFOPEN_TRACK_INTERFACES", "lo"),
        ("HALFOPEN_TRACK_FILTER", filter.as_str()),
        ("HALFOPEN_TRACK_THREADS", "2"),
        ("HALFOPEN_TRACK_RING_MIB", "4"),
        ("HALFOPEN_TRACK_RULES", rule.as_str()),
        ("HALFOPEN_TRACK_TIMEOUT_TCP_ESTABLISHED", "2h"),
    ];
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &environment);
    server.wait_line("following packets");
    let streams: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(open.1).unwrap()).collect();
    let rejected = TcpStream::connect(blocked.local_addr().unwrap()).unwrap();
    let count = |page: &serde_json::Value| page["items"].as_array().unwrap().len();
    let path = format!("/api/v1/sessions/live?state=established&port={port}");
    let page = server.wait_json(&path, |page| count(page) == 20);
    assert_eq!((&page["complete"], &page["matched"]), (&true.into(), &20.into()), "{page:#}");
    for session in page["items"].as_array().unwrap() {
        let left = session["time_left"].as_i64().unwrap();
        assert!((7_100_000..=7_200_000).contains(&left), "{session:#}");
        assert_eq!(session["forward"]["destination_port"], port);
        assert_eq!(session["reverse"]["source_port"], port);
        assert_eq!((&session["forward"]["packets"], &session["reverse"]["packets"]), (&2.into(), &1.into()));
        let client = session["client_port"].as_u64().unwrap();
        assert!(streams.iter().any(|stream| u64::from(stream.local_addr().unwrap().port()) == client));
    }
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.json(&format!("{path}&sort=client&limit=7&cursor={cursor}"));
        paged.extend(page["items"].as_array().unwrap().iter().map(|item| item["session_id"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    paged.sort_by_key(ToString::to_string);
    paged.dedup();
    assert_eq!(paged.len(), 20);
    let page = server.wait_json(&format!("/api/v1/sessions/live?port={blocked_port}"), |page| count(page) == 1);
    let session = &page["items"][0];
    assert_eq!((&session["state"], &session["timeout"]), (&"blocked".into(), &"blocked".into()), "{session:#}");
    let tables = server.wait_json("/api/v1/sessions/live?limit=1", |page| page["tables"][0]["threads"] == 2);
    assert_eq!(tables["tables"][0]["interface"], "lo");
    drop((streams, rejected));
    assert!(server.stop().success());
}

/// The kernel spreads the datagrams over the threads by their ports, and gives the errors, which have none, to one of them.
#[test]
fn icmp_errors_find_the_sessions_of_the_other_thread() {
    const SESSIONS: usize = 40;
    if !may_capture() {
        eprintln!("skipped: packet sockets need CAP_NET_RAW");
        return;
    }
    // Of two ports without a name the lower one is the server's.
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let bound = std::iter::repeat_with(|| UdpSocket::bind("127.0.0.1:0").unwrap());
    let mut clients: Vec<UdpSocket> =
        bound.filter(|socket| service_name(17, port(socket)).is_none()).take(SESSIONS + 1).collect();
    clients.sort_by_key(|socket| Reverse(port(socket)));
    let closed = clients.pop().unwrap().local_addr().unwrap();
    let filter = format!("icmp or (udp and port {})", closed.port());
    let environment = [
        ("HALFOPEN_TRACK_INTERFACES", "lo"),
        ("HALFOPEN_TRACK_FILTER", filter.as_str()),
        ("HALFOPEN_TRACK_THREADS", "2"),
        ("HALFOPEN_TRACK_RING_MIB", "4"),
        ("HALFOPEN_TRACK_TIMEOUT_UDP_INITIAL", "2s"),
        ("HALFOPEN_STORE_FLUSH", "1s"),
    ];
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &environment);
    server.wait_line("following packets");
    for client in &clients {
        client.send_to(b"anyone?", closed).unwrap();
        // The kernel limits how many errors it sends in a second.
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    let path = format!("/api/v1/sessions?from=now-1h&to=now&limit=100&port={}", closed.port());
    let page = server.wait_json(&path, |page| page["items"].as_array().unwrap().len() >= SESSIONS);
    let outcomes: Vec<_> = page["items"].as_array().unwrap().iter().map(|session| &session["outcome"]).collect();
    assert!(outcomes.iter().all(|outcome| **outcome == "unreachable"), "{outcomes:?}");
    assert!(server.stop().success());
}

#[test]
fn settings_of_the_tracker_that_make_no_sense_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("halfopen.toml");
    for (text, named) in [
        ("threads = 0", "track.threads"),
        ("rules = [\"reject tcpp\"]", "track.rules"),
        ("nat = [\"udp to 300.1.1.1\"]", "track.nat"),
        ("default_action = \"drop\"", "track.default_action"),
        ("filter = \"tcp and and\"", "track.filter"),
        ("half_open_percent = 101", "track.half_open_percent"),
        ("timeout_udp_initial = \"0s\"", "udp_initial"),
    ] {
        std::fs::write(&file, format!("[track]\n{text}\n")).unwrap();
        let output = halfopen(["config", "check", file.to_str().unwrap()]).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(named), "{text}");
    }
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
