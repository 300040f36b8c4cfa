//! Handshakes that a real firewall, a full queue, a silent peer or a scan makes, as the kernel's own connection tracking
//! and the test's knowledge say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

use super::kernel::set;
use super::{Pair, ip, quick};
use crate::capture::{Capture, CaptureSettings};
use crate::packet::{Packet, proto};
use crate::parse::{ParseSettings, Parser};
use crate::record::SessionRecord;
use crate::settings::TableSettings;
use crate::table::SessionTable;

/// Port, what the firewall of the second namespace does, and the outcome.
const V4: [(u16, &str, &str); 9] = [
    (7100, "drop", "no_answer"),
    (7101, "reject with icmp type net-unreachable", "unreachable"),
    (7102, "reject with icmp type host-unreachable", "unreachable"),
    (7103, "reject with icmp type prot-unreachable", "unreachable"),
    (7104, "reject with icmp type port-unreachable", "unreachable"),
    (7105, "reject with icmp type net-prohibited", "admin_blocked"),
    (7106, "reject with icmp type host-prohibited", "admin_blocked"),
    (7107, "reject with icmp type admin-prohibited", "admin_blocked"),
    (7108, "reject with tcp reset", "refused"),
];
const V6: [(u16, &str, &str); 6] = [
    (7200, "drop", "no_answer"),
    (7201, "reject with icmpv6 type no-route", "unreachable"),
    (7202, "reject with icmpv6 type admin-prohibited", "admin_blocked"),
    (7203, "reject with icmpv6 type addr-unreachable", "unreachable"),
    (7204, "reject with icmpv6 type port-unreachable", "unreachable"),
    (7205, "reject with tcp reset", "refused"),
];

/// Runs a program in a namespace; a missing program fails the test.
fn within(namespace: &str, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip")
        .args(["netns", "exec", namespace, program])
        .args(arguments)
        .env("PATH", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !errors.contains("No such file or directory") || errors.contains("Could not process"),
        "{program}: {errors}"
    );
    if output.status.success() { Ok(String::from_utf8_lossy(&output.stdout).into_owned()) } else { Err(errors) }
}

/// A SYN that no socket knows of, from any address.
fn send_syn(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) {
    let mut segment = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
    segment.extend([0, 0, 3, 232, 0, 0, 0, 0, 0x50, 2, 0xfa, 0xf0, 0, 0, 0, 0]);
    let pseudo = [&from.0.octets()[..], &to.0.octets(), &[0, 6, 0, 20], &segment].concat();
    let mut sum: u32 = pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    sum = (sum & 0xffff) + (sum >> 16);
    segment[16..18].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    let mut packet = vec![0x45, 0, 0, 40, 0, 7, 0, 0, 64, 6, 0, 0];
    packet.extend(from.0.octets());
    packet.extend(to.0.octets());
    packet.extend(segment);
    // SAFETY: socket(2) takes no pointers; the descriptor is owned by the value made of it. The address is all-zero but
    // for its fields, and pointers and lengths of sendto(2) describe values that outlive the call.
    let sent = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_RAW);
        assert!(fd >= 0);
        let socket = OwnedFd::from_raw_fd(fd);
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as u16;
        address.sin_addr.s_addr = u32::from_ne_bytes(to.0.octets());
        let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let (bytes, to) = (packet.as_ptr().cast(), (&raw const address).cast());
        libc::sendto(socket.as_raw_fd(), bytes, packet.len(), 0, to, length)
    };
    assert_eq!(sent, packet.len() as isize, "{}", std::io::Error::last_os_error());
}

/// Records of everything that is captured until it has been quiet for a while.
fn records(capture: &mut Capture) -> Vec<SessionRecord> {
    let mut parser = Parser::new(ParseSettings::default());
    let mut packets: Vec<Packet> = Vec::new();
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(600) {
        let mut each = |link, frame: &[u8], meta| parser.parse(link, frame, meta, &mut packets);
        if capture.next_block(Duration::from_millis(100), &mut each).unwrap() {
            last = Instant::now();
        }
    }
    assert_eq!(parser.stats().malformed + parser.stats().truncated, 0);
    let mut table = SessionTable::new(TableSettings::default());
    let mut records = Vec::new();
    table.on_packets(&packets, &mut records);
    table.finish(&mut records);
    records
}

fn outcomes(records: &[SessionRecord]) -> BTreeMap<(IpAddr, u16), String> {
    let mut all: BTreeMap<(IpAddr, u16), String> = BTreeMap::new();
    for record in records.iter().filter(|record| record.proto == proto::TCP) {
        let text = all.entry((record.client.ip, record.server.port)).or_default();
        text.push_str(if text.is_empty() { "" } else { " " });
        text.push_str(record.outcome.as_str());
    }
    all
}

/// What the kernel's connection tracking says of each server port: the state of its last entry.
fn conntrack(namespace: &str) -> BTreeMap<u16, String> {
    let listed = within(namespace, "conntrack", &["-L", "-p", "tcp"]).unwrap();
    let state = |line: &str| {
        let mut words = line.split_whitespace();
        let state = words.nth(3)?.to_owned();
        let port = words.find_map(|word| word.strip_prefix("dport=")?.parse().ok())?;
        Some((port, state))
    };
    listed.lines().filter_map(state).collect()
}

/// Whether an outcome is what a state of the kernel's connection tracking means.
fn agrees(state: &str, outcome: &str) -> bool {
    match state {
        "SYN_SENT" | "SYN_SENT2" => outcome == "no_answer",
        "SYN_RECV" => outcome == "half_open",
        "ESTABLISHED" => outcome == "open",
        "FIN_WAIT" | "CLOSE_WAIT" => ["half_closed_orig", "half_closed_resp"].contains(&outcome),
        "LAST_ACK" | "TIME_WAIT" => outcome == "closed",
        "CLOSE" => ["refused", "reset_orig", "reset_resp", "half_open_reset_orig"].contains(&outcome),
        other => panic!("unknown state {other}"),
    }
}

/// Sets up the firewall; false if the kernel has none.
fn firewall(name: &str) -> bool {
    let namespace = format!("{name}b");
    if let Err(error) = within(&namespace, "nft", &["list", "ruleset"]) {
        eprintln!("SKIPPED: this kernel has no nftables: {error}");
        return false;
    }
    let mut rules =
        String::from("table inet t {\nchain c {\ntype filter hook input priority 0\nct state invalid counter\n");
    for (port, verdict, _) in V4.iter().chain(&V6) {
        writeln!(rules, "tcp dport {port} {verdict}").unwrap();
    }
    rules.push_str("}\n}\n");
    within(&namespace, "nft", &[&rules]).unwrap();
    true
}

#[test]
fn firewalls_scans_and_full_queues() {
    let Some(pair) = Pair::new("w") else { return };
    let name = &pair.name;
    for step in
        [format!("-n {name} addr add fd77::1/64 dev v0 nodad"), format!("-n {name}b addr add fd77::2/64 dev v1 nodad")]
    {
        assert!(ip(&step), "{step}");
    }
    if !firewall(name) {
        return;
    }
    let mac = pair.within(false, || std::fs::read_to_string("/sys/class/net/v0/address"));
    let link = Command::new("ip").args(["-n", name, "-br", "link", "show", "v0"]).output().unwrap();
    let link = String::from_utf8_lossy(&link.stdout).into_owned();
    let mac =
        link.split_whitespace().find(|word| word.matches(':').count() == 5).map(str::to_owned).or(mac.ok()).unwrap();
    assert!(ip(&format!("-n {name}b neigh add 10.77.0.99 lladdr {mac} dev v1 nud permanent")));
    // Nobody reads until the end: every packet may take a block of its own.
    let settings = CaptureSettings { block_size: 1 << 17, blocks: 512, ..quick("v0") };
    let mut capture = pair.capture(settings).unwrap();
    let (open, full, scanned) = pair.within(true, || {
        let _ = std::fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0");
        let _ = std::fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0");
        let [open, full, scanned] = [7001, 7002, 7003].map(|port| TcpListener::bind(("10.77.0.2", port)).unwrap());
        // SAFETY: listen(2) takes no pointers. Called again it sets the length of the queue: room for one.
        assert_eq!(unsafe { libc::listen(full.as_raw_fd(), 0) }, 0);
        (open, full, scanned)
    });
    let server = std::thread::spawn(move || {
        let kept = open.accept().unwrap().0;
        let (reset, _) = open.accept().unwrap();
        set(&reset, libc::SOL_SOCKET, libc::SO_LINGER, libc::linger { l_onoff: 1, l_linger: 0 });
        (open, kept, reset)
    });
    let kept = pair.within(false, || {
        let connect = |to: SocketAddr, patience| TcpStream::connect_timeout(&to, Duration::from_millis(patience));
        let kept = [
            connect("10.77.0.2:7001".parse().unwrap(), 3000).unwrap(),
            connect("10.77.0.2:7001".parse().unwrap(), 3000).unwrap(),
            connect("10.77.0.2:7002".parse().unwrap(), 3000).unwrap(),
        ];
        assert!(connect("10.77.0.2:7002".parse().unwrap(), 300).is_err(), "the queue is full");
        assert!(connect("10.77.0.2:7004".parse().unwrap(), 300).is_err(), "nobody listens");
        for (port, verdict, _) in V4 {
            assert!(connect(SocketAddr::from(([10, 77, 0, 2], port)), 150).is_err(), "{verdict}");
        }
        for (port, verdict, _) in V6 {
            assert!(connect(format!("[fd77::2]:{port}").parse().unwrap(), 150).is_err(), "{verdict}");
        }
        let (own, silent, server) = (Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 99), [10, 77, 0, 2].into());
        send_syn((own, 55_001), (server, 7003));
        send_syn((silent, 55_002), (server, 7003));
        kept
    });
    let (listener, accepted, reset) = server.join().unwrap();
    drop(reset);
    let found = outcomes(&records(&mut capture));
    assert_eq!(capture.stats().unwrap().drops, 0);
    let states = conntrack(&format!("{name}b"));
    drop((kept, accepted, listener, full, scanned));

    let of = |client: &str, port: u16| found.get(&(client.parse().unwrap(), port)).map_or("", String::as_str);
    assert_eq!(of("10.77.0.1", 7001), "open reset_resp");
    assert_eq!(of("10.77.0.1", 7002), "open no_answer");
    assert_eq!(of("10.77.0.1", 7003), "half_open_reset_orig", "a SYN scan");
    assert_eq!(of("10.77.0.99", 7003), "half_open", "a peer that stays silent");
    assert_eq!(of("10.77.0.1", 7004), "refused");
    for (port, verdict, outcome) in V4 {
        assert_eq!(of("10.77.0.1", port), outcome, "{verdict}");
    }
    for (port, verdict, outcome) in V6 {
        assert_eq!(of("fd77::1", port), outcome, "{verdict}");
    }
    let mut compared = 0;
    for ((client, port), outcome) in &found {
        // Where one port has several sessions, conntrack's last entry is one of them.
        let Some(state) = states.get(port) else { continue };
        let any = found.iter().filter(|((_, other), _)| other == port).flat_map(|(_, text)| text.split(' '));
        assert!(any.clone().any(|outcome| agrees(state, outcome)), "{client} {port}: {outcome}, conntrack: {state}");
        compared += 1;
    }
    assert!(compared >= 3, "{states:?}");
}
