//! Handshakes made by the real kernel: what it did, and what the tracker says of it.

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::{Pair, connect, follow, ip, quick};
use crate::packet::proto;

pub fn set<T: Copy>(socket: &impl AsRawFd, level: i32, option: i32, value: T) {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`, which outlives the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Begins a connection with a time to live of one, as a traceroute does.
fn connect_with_ttl_1(to: [u8; 4], port: u16) {
    // SAFETY: socket(2) takes no pointers; the descriptor is owned by the value made of it.
    let socket: std::net::TcpStream = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0);
        std::os::fd::FromRawFd::from_raw_fd(fd)
    };
    set(&socket, libc::IPPROTO_IP, libc::IP_TTL, 1i32);
    // SAFETY: all-zero bytes are a valid sockaddr_in.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes(to);
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: pointer and length describe `address`, which outlives the call.
    unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) };
    // The answer comes from the next hop within a moment; the socket must live until then.
    std::thread::sleep(Duration::from_millis(100));
}

#[test]
fn what_the_kernel_did_is_what_the_tracker_says() {
    let Some(pair) = Pair::new("k") else { return };
    let mut capture = pair.capture(quick("v0")).unwrap();
    let name = &pair.name;
    assert!(ip(&format!("-n {name} route add 10.88.0.0/24 via 10.77.0.2")));
    for (kind, last) in [("unreachable", 1), ("prohibit", 2), ("blackhole", 3)] {
        assert!(ip(&format!("-n {name}b route add {kind} 10.88.0.{last}/32")));
    }
    // The one that dies on the way has a way to go.
    assert!(ip(&format!("-n {name}b route add 10.88.0.9/32 dev v1")));
    let listeners = pair.within(true, || {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        // One error for each packet, without the usual limit.
        let _ = std::fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0");
        [7001, 7002, 7003].map(|port| TcpListener::bind(("10.77.0.2", port)).unwrap())
    });
    let [closing, resetting, keeping] = listeners;
    let server = std::thread::spawn(move || {
        drop(closing.accept().unwrap());
        let (stream, _) = resetting.accept().unwrap();
        set(&stream, libc::SOL_SOCKET, libc::SO_LINGER, libc::linger { l_onoff: 1, l_linger: 0 });
        drop(stream);
        keeping.accept().unwrap().0
    });
    let client = pair.within(false, || {
        use std::io::Read as _;
        let mut stream = connect("10.77.0.2:7001").unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        drop(stream);
        // The reset may be here before the call returns.
        if let Ok(mut stream) = connect("10.77.0.2:7002") {
            assert!(stream.read(&mut [0]).is_err());
        }
        let kept = connect("10.77.0.2:7003").unwrap();
        assert!(connect("10.77.0.2:7004").is_err());
        for last in 1..=3 {
            let to = format!("10.88.0.{last}:7000").parse().unwrap();
            assert!(std::net::TcpStream::connect_timeout(&to, Duration::from_millis(300)).is_err());
        }
        connect_with_ttl_1([10, 88, 0, 9], 7000);
        kept
    });
    let kept = server.join().unwrap();
    let (_, records) = follow(&mut capture, |packets| packets.iter().any(|p| p.proto == proto::ICMP && p.kind == 11));
    drop((client, kept));
    let outcome = |server: &str, port: u16| {
        let found: Vec<_> = records
            .iter()
            .filter(|r| r.proto == proto::TCP && r.server.port == port && r.server.ip.to_string() == server)
            .map(|r| r.outcome.as_str())
            .collect();
        found.join(" ")
    };
    assert_eq!(outcome("10.77.0.2", 7001), "closed");
    assert_eq!(outcome("10.77.0.2", 7002), "reset_resp");
    assert_eq!(outcome("10.77.0.2", 7003), "open");
    assert_eq!(outcome("10.77.0.2", 7004), "refused");
    assert_eq!(outcome("10.88.0.1", 7000), "unreachable");
    assert_eq!(outcome("10.88.0.2", 7000), "admin_blocked");
    assert_eq!(outcome("10.88.0.3", 7000), "no_answer");
    assert_eq!(outcome("10.88.0.9", 7000), "ttl_exceeded");
}
