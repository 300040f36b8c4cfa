//! Filters against packets, through an interpreter of the instructions in use.

use super::code::{NETWORK, PROTOCOL, VLAN_PRESENT, VLAN_TAG, op};
use super::*;

/// What the kernel gives a filter to look at.
struct Given {
    protocol: u32,
    vlan: Option<u32>,
    network: Vec<u8>,
}

fn run(filter: &str, given: &Given) -> bool {
    let program = Filter::new(filter).unwrap().program(LinkType::Ethernet).unwrap();
    let load = |at: u32, size: usize| -> Option<u32> {
        match at {
            PROTOCOL => return Some(given.protocol),
            VLAN_TAG => return Some(given.vlan.unwrap_or(0)),
            VLAN_PRESENT => return Some(u32::from(given.vlan.is_some())),
            _ => {}
        }
        let at = at.wrapping_sub(NETWORK) as usize;
        let bytes = given.network.get(at..at + size)?;
        Some(bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    };
    let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
    loop {
        let one = program[at];
        at += 1;
        let loaded = match one.code {
            op::LOAD_WORD => load(one.k, 4),
            op::LOAD_HALF => load(one.k, 2),
            op::LOAD_BYTE => load(one.k, 1),
            op::LOAD_HALF_INDEXED => load(one.k.wrapping_add(x), 2),
            op::LOAD_HEADER_LENGTH => {
                let Some(first) = load(one.k, 1) else { return false };
                x = (first & 15) * 4;
                continue;
            }
            op::AND => {
                a &= one.k;
                continue;
            }
            op::JUMP => {
                at += one.k as usize;
                continue;
            }
            op::RETURN => return one.k != 0,
            test => {
                let holds = match test {
                    op::IF_EQUAL => a == one.k,
                    op::IF_GREATER => a > one.k,
                    op::IF_AT_LEAST => a >= one.k,
                    op::IF_BITS => a & one.k != 0,
                    other => panic!("{other:#x}"),
                };
                at += usize::from(if holds { one.jt } else { one.jf });
                continue;
            }
        };
        // A load behind the end of the packet rejects it.
        let Some(value) = loaded else { return false };
        a = value;
    }
}

fn v4(number: u8, src: [u8; 4], dst: [u8; 4], ports: (u16, u16)) -> Given {
    let mut network = vec![0x46, 0, 0, 0, 0, 0, 0, 0, 64, number, 0, 0];
    network.extend(src);
    network.extend(dst);
    network.extend([1, 1, 1, 1]);
    network.extend(ports.0.to_be_bytes());
    network.extend(ports.1.to_be_bytes());
    Given { protocol: 0x0800, vlan: None, network }
}

fn v6(number: u8, last: (u8, u8), ports: (u16, u16)) -> Given {
    let mut network = vec![0x60, 0, 0, 0, 0, 0, number, 64];
    for last in [last.0, last.1] {
        network.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    network.extend(ports.0.to_be_bytes());
    network.extend(ports.1.to_be_bytes());
    Given { protocol: 0x86dd, vlan: None, network }
}

#[test]
fn primitives_and_their_joints() {
    let web = v4(6, [10, 0, 0, 1], [192, 168, 1, 9], (5000, 443));
    let dns = v6(17, (1, 2), (5353, 53));
    for (filter, on_web, on_dns) in [
        ("tcp", true, false),
        ("udp", false, true),
        ("proto 17", false, true),
        ("ip", true, false),
        ("ip6", false, true),
        ("host 10.0.0.1", true, false),
        ("src host 10.0.0.1", true, false),
        ("dst host 10.0.0.1", false, false),
        ("net 192.168.0.0/16", true, false),
        ("net 192.168.0.0/24", false, false),
        ("net 0.0.0.0/0", true, false),
        ("host 2001:db8::2", false, true),
        ("src host 2001:db8::2", false, false),
        ("net 2001:db8::/33", false, true),
        ("net ::/0", false, true),
        ("port 443", true, false),
        ("src port 443", false, false),
        ("dst port 53", false, true),
        ("port 50-5000", true, true),
        ("port 54-442", false, false),
        ("not tcp", false, true),
        ("tcp and port 443", true, false),
        ("tcp and not port 443", false, false),
        ("port 53 or port 443", true, true),
        ("udp or tcp and port 80", false, true),
        ("(udp or tcp) and port 443", true, false),
        ("!(udp || tcp) && port 443", false, false),
        ("vlan", false, false),
    ] {
        assert_eq!(run(filter, &web), on_web, "{filter} on web");
        assert_eq!(run(filter, &dns), on_dns, "{filter} on dns");
    }
}

#[test]
fn tags_fragments_and_short_packets() {
    let mut packet = v4(6, [10, 0, 0, 1], [10, 0, 0, 2], (1, 2));
    packet.vlan = Some(0x6064);
    assert!(run("vlan", &packet) && run("vlan 100 and tcp", &packet) && !run("vlan 101", &packet));
    packet.network[7] = 5;
    assert!(!run("port 1", &packet) && run("tcp", &packet), "a later fragment has no ports");
    packet.network.truncate(10);
    assert!(!run("host 10.0.0.1", &packet));
}

#[test]
fn long_filters_reach_their_end() {
    let many: Vec<String> = (0..200).map(|last| format!("host 10.0.0.{last}")).collect();
    let filter = many.join(" or ");
    assert!(run(&filter, &v4(6, [10, 0, 0, 199], [1, 1, 1, 1], (1, 2))));
    assert!(!run(&filter, &v4(6, [10, 0, 0, 200], [1, 1, 1, 1], (1, 2))));
    let endless = vec!["port 1"; 200].join(" or ");
    assert!(matches!(Filter::new(&endless).unwrap().program(LinkType::RawIp), Err(FilterError::TooLong(_))));
}

#[test]
fn mistakes_are_named() {
    for (text, problem) in [
        ("", "too early"),
        ("tcp and", "too early"),
        ("(tcp", "not closed"),
        ("tcp udp", "unexpected"),
        ("host x", "an address"),
        ("port 70000", "port"),
        ("vlan 5000", "VLAN"),
        ("src tcp", "expected"),
        ("bogus", "unknown word"),
    ] {
        let error = Filter::new(text).unwrap_err().to_string();
        assert!(error.contains(problem), "{text}: {error}");
    }
    let deep = format!("{}tcp", "not ".repeat(100_000));
    assert!(Filter::new(&deep).unwrap_err().to_string().contains("too deep"));
}

#[test]
fn ready_programs() {
    let filter = Filter::from_program("2\n40 0 0 12\n6 0 0 65535\n").unwrap();
    assert_eq!(filter.program(LinkType::Ethernet).unwrap()[1], Instruction { code: 6, jt: 0, jf: 0, k: 65535 });
    for bad in ["", "x", "2\n6 0 0 1", "1\n6 0 0", "1\n6 300 0 0", "0\n"] {
        assert!(Filter::from_program(bad).is_err(), "{bad:?}");
    }
}
