//! Capture on a veth pair in a network namespace of its own. Needs root and iproute2; says so and skips without.

mod firewall;
mod kernel;

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use crate::live::Live;
use crate::packet::{Packet, proto};
use crate::parse::{ParseSettings, Parser};
use crate::record::SessionRecord;
use crate::settings::TableSettings;
use crate::table::{SessionTable, TableFilter, TableQuery};

fn ip(arguments: &str) -> bool {
    Command::new("ip").args(arguments.split(' ')).output().is_ok_and(|output| output.status.success())
}

/// Two namespaces joined by a veth pair; they go when the value does.
struct Pair {
    name: String,
}

impl Pair {
    fn new(name: &str) -> Option<Self> {
        let name = format!("ho{}{name}", std::process::id());
        let pair = Self { name: name.clone() };
        if !ip(&format!("netns add {name}")) || !ip(&format!("netns add {name}b")) {
            eprintln!("skipped: network namespaces need root and iproute2");
            return None;
        }
        let steps = [
            format!("-n {name} link add v0 type veth peer name v1 netns {name}b"),
            format!("-n {name} addr add 10.77.0.1/24 dev v0"),
            format!("-n {name}b addr add 10.77.0.2/24 dev v1"),
            format!("-n {name} link set v0 up"),
            format!("-n {name} link set lo up"),
            format!("-n {name}b link set v1 up"),
        ];
        if !steps.iter().all(|step| ip(step)) {
            eprintln!("skipped: no veth pairs here");
            return None;
        }
        Some(pair)
    }

    /// Runs in the first namespace, or in the second; the thread stays there, so each gets a thread of its own.
    fn within<T: Send + 'static>(&self, second: bool, run: impl FnOnce() -> T + Send + 'static) -> T {
        self.spawn(second, run).join().unwrap()
    }

    fn spawn<T: Send + 'static>(
        &self,
        second: bool,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let path = format!("/run/netns/{}{}", self.name, if second { "b" } else { "" });
        std::thread::spawn(move || {
            let namespace = std::fs::File::open(path).unwrap();
            // SAFETY: setns(2) takes no pointers; only this thread changes its namespace.
            assert_eq!(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }, 0);
            run()
        })
    }

    fn capture(&self, settings: CaptureSettings) -> Result<Capture, CaptureError> {
        self.within(false, move || Capture::open(&settings))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
        ip(&format!("netns del {}b", self.name));
    }
}

/// Follows what the capture sees until `enough`, at most for ten seconds; then the records.
fn follow(capture: &mut Capture, enough: impl Fn(&[Packet]) -> bool) -> (Vec<Packet>, Vec<SessionRecord>) {
    let mut parser = Parser::new(ParseSettings::default());
    let mut packets = Vec::new();
    let began = Instant::now();
    while !enough(&packets) && began.elapsed() < Duration::from_secs(10) {
        capture
            .next_block(Duration::from_millis(100), |link, frame, meta| parser.parse(link, frame, meta, &mut packets))
            .unwrap();
    }
    let mut table = SessionTable::new(TableSettings::default());
    let mut records: Vec<SessionRecord> = Vec::new();
    table.on_packets(&packets, &mut records);
    table.finish(&mut records);
    (packets, records)
}

fn quick(interface: &str) -> CaptureSettings {
    CaptureSettings { blocks: 8, retire: Duration::from_millis(5), ..CaptureSettings::new(interface) }
}

fn connect(to: &str) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&to.parse::<SocketAddr>().unwrap(), Duration::from_secs(3))
}

#[test]
fn sessions_of_a_real_kernel() {
    let Some(pair) = Pair::new("s") else { return };
    let mut capture = pair.capture(quick("v0")).unwrap();
    assert_eq!(capture.link(), LinkType::Ethernet);
    let listener = pair.within(true, || TcpListener::bind("10.77.0.2:8080").unwrap());
    let server = std::thread::spawn(move || drop(listener.accept()));
    pair.within(false, || {
        drop(connect("10.77.0.2:8080").unwrap());
        assert!(connect("10.77.0.2:8081").is_err());
    });
    server.join().unwrap();
    let (_, records) = follow(&mut capture, |packets| packets.iter().filter(|p| p.proto == proto::TCP).count() >= 9);
    let outcome = |port| {
        let found: Vec<_> = records.iter().filter(|r| r.server.port == port).collect();
        assert_eq!(found.len(), 1, "{port}");
        (found[0].outcome.as_str(), found[0].client.ip.to_string())
    };
    assert_eq!(outcome(8081), ("refused", "10.77.0.1".to_owned()));
    assert!(["closed", "half_closed_orig", "half_closed_resp"].contains(&outcome(8080).0));
    assert!(capture.stats().unwrap().packets >= 9);
    assert_eq!(capture.stats().unwrap().drops, 0);
}

#[test]
fn the_kernel_filters() {
    let Some(pair) = Pair::new("f") else { return };
    let mut only = quick("v0");
    only.filter = Some(Filter::new("udp and dst port 9000").unwrap());
    let mut capture = pair.capture(only).unwrap();
    pair.within(false, || {
        let socket = UdpSocket::bind("10.77.0.1:0").unwrap();
        for port in [9001, 9000, 9002, 9000] {
            socket.send_to(b"hello", ("10.77.0.2", port)).unwrap();
        }
    });
    let (packets, _) = follow(&mut capture, |packets| packets.len() >= 2);
    let ports: Vec<u16> = packets.iter().map(|packet| packet.dport).collect();
    assert_eq!(ports, [9000, 9000]);
    assert!(packets.iter().all(|packet| packet.payload == 5 && !packet.bad_checksum));
}

#[test]
fn tags_are_kept_though_the_kernel_takes_them_out() {
    let Some(pair) = Pair::new("v") else { return };
    let mut capture = pair.capture(quick("v0")).unwrap();
    let mut frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x81, 0, 0x20, 100, 8, 0]].concat();
    frame.extend([0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1]);
    frame.extend([0x13, 0x88, 0x23, 0x28, 0, 9, 0, 0, b'x']);
    let sum: u32 = frame[18..38].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let check = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[28..30].copy_from_slice(&check.to_be_bytes());
    pair.within(true, move || {
        let socket = Socket::open("v1").unwrap();
        let (index, _) = socket.interface("v1").unwrap();
        socket.bind(index).unwrap();
        // SAFETY: pointer and length describe `frame`, which outlives the call.
        let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize);
    });
    let (packets, records) = follow(&mut capture, |packets| packets.iter().any(|packet| packet.dport == 9000));
    assert!(packets.iter().any(|packet| packet.dport == 9000 && packet.vlan == 100), "{packets:?}");
    assert!(records.iter().any(|record| record.vlan == Some(100)));
}

#[test]
fn a_group_shares_the_flows() {
    let Some(pair) = Pair::new("g") else { return };
    let group = Some((std::process::id() & 0xffff) as u16);
    let filter = Some(Filter::new("udp").unwrap());
    let settings = CaptureSettings { fanout: group, filter, ..quick("v0") };
    let mut captures: Vec<Capture> = (0..2).map(|_| pair.capture(settings.clone()).unwrap()).collect();
    pair.within(false, || {
        for _ in 0..40 {
            let socket = UdpSocket::bind("10.77.0.1:0").unwrap();
            for _ in 0..5 {
                socket.send_to(b"x", "10.77.0.2:9000").unwrap();
            }
        }
    });
    let mut ports: Vec<Vec<u16>> = Vec::new();
    for capture in &mut captures {
        let mut parser = Parser::new(ParseSettings::default());
        let mut packets = Vec::new();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            let mut each = |link, frame: &[u8], meta| parser.parse(link, frame, meta, &mut packets);
            if !capture.next_block(Duration::from_millis(200), &mut each).unwrap() {
                break;
            }
        }
        ports.push(packets.iter().map(|packet| packet.sport).collect());
    }
    assert_eq!(ports[0].len() + ports[1].len(), 200);
    assert!(!ports[0].is_empty() && !ports[1].is_empty());
    assert!(ports[0].iter().all(|port| !ports[1].contains(port)), "a flow stays with one capture");
}

#[test]
fn a_group_on_loopback_sees_each_frame_once() {
    let group = Some((std::process::id() & 0xffff) as u16 ^ 0x5a5a);
    let filter = Some(Filter::new("udp and dst port 9017").unwrap());
    let settings = CaptureSettings { fanout: group, filter, ..quick("lo") };
    let mut captures: Vec<Capture> = match (0..2).map(|_| Capture::open(&settings)).collect() {
        Ok(captures) => captures,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        socket.send_to(b"x", "127.0.0.1:9017").unwrap();
    }
    let mut seen = 0;
    for capture in &mut captures {
        while capture.next_block(Duration::from_millis(200), |_, _, _| seen += 1).unwrap() {}
    }
    assert_eq!(seen, 20);
}

#[test]
fn errors_are_clear() {
    match Capture::open(&quick("no-such-if")) {
        Err(CaptureError::NoInterface { interface }) => assert_eq!(interface, "no-such-if"),
        Err(error @ CaptureError::Privileges { .. }) => {
            assert!(error.to_string().contains("CAP_NET_RAW"));
            eprintln!("skipped: packet sockets need CAP_NET_RAW");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_thread_of_its_own_follows_sessions_until_they_time_out() {
    let Some(pair) = Pair::new("l") else { return };
    let capture = pair.capture(quick("v0")).unwrap();
    let mut live =
        Live::new(capture, Parser::new(ParseSettings::default()), SessionTable::new(TableSettings::default()));
    pair.within(false, || assert!(connect("10.77.0.2:8081").is_err()));
    let mut records: Vec<SessionRecord> = Vec::new();
    let began = Instant::now();
    while live.table().is_empty() && began.elapsed() < Duration::from_secs(10) {
        live.turn(Duration::from_millis(50), || 0, &mut records).unwrap();
    }
    let filter = TableFilter { proto: Some(proto::TCP), ..TableFilter::default() };
    let view = |live: &Live| live.table().ask(TableQuery { filter: filter.clone(), ..TableQuery::default() }, 0).0;
    while view(&live).first().is_none_or(|view| view.state != "refused") && began.elapsed() < Duration::from_secs(10) {
        live.turn(Duration::from_millis(50), || 0, &mut records).unwrap();
    }
    let last = view(&live)[0].last;
    live.turn(Duration::ZERO, || last + 2_900_000, &mut records).unwrap();
    let refused: Vec<_> = records.iter().filter(|record| record.server.port == 8081).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].outcome.as_str(), "refused");
    let stats = live.stats().unwrap();
    assert_eq!(stats.capture.drops, 0);
    assert!(stats.parse.frames >= 2 && stats.table.created >= 1);
}
