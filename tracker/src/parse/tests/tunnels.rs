//! Carriers and what they carry.

use super::build::*;
use crate::packet::{Packet, TunnelKind};
use crate::parse::{LinkType, ParseSettings};

fn inner() -> Vec<u8> {
    ipv4(6, &tcp_syn())
}

fn carried(frame: &[u8], carrier: u8, kind: TunnelKind, id: u32) -> Packet {
    let packets = read(LinkType::RawIp, frame);
    assert_eq!(packets.len(), 2);
    assert_eq!((packets[0].proto, packets[0].tunnel_kind), (carrier, TunnelKind::None));
    let packet = is_syn(LinkType::RawIp, frame);
    assert_eq!((packet.tunnel_kind, packet.tunnel), (kind, id));
    packet
}

#[test]
fn ip_in_ip_and_gre() {
    carried(&ipv4(4, &inner()), 4, TunnelKind::Ip, 0);
    carried(&ipv6(4, &inner()), 4, TunnelKind::Ip, 0);
    let six = ipv4(41, &ipv6(17, &udp(1, 2, b"")));
    assert_eq!(read(LinkType::RawIp, &six).iter().map(|p| p.proto).collect::<Vec<_>>(), [41, 17]);
    carried(&ipv4(47, &[&[0, 0, 8, 0][..], &inner()].concat()), 47, TunnelKind::Gre, 0);
    carried(
        &ipv4(47, &[&[0x30, 0, 8, 0, 0, 1, 0, 2, 0, 0, 0, 9][..], &inner()].concat()),
        47,
        TunnelKind::Gre,
        0x0001_0002,
    );
    carried(
        &ipv4(47, &[&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9][..], &inner()].concat()),
        47,
        TunnelKind::Gre,
        3,
    );
    carried(&ipv4(47, &[&[0, 0, 0x65, 0x58][..], &ethernet(0x0800, &inner())].concat()), 47, TunnelKind::Gre, 0);
    let erspan = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1][..], &[0; 8], &ethernet(0x0800, &inner())].concat();
    carried(&ipv4(47, &erspan), 47, TunnelKind::Gre, 0);
    let pptp = ipv4(47, &[0x20, 1, 0x88, 0x0b, 0, 0, 0, 1]);
    assert_eq!(read(LinkType::RawIp, &pptp).len(), 1);
}

#[test]
fn vxlan_and_geneve() {
    let frame = ethernet(0x0800, &inner());
    let vxlan = udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 1, 2, 0][..], &frame].concat());
    let packet = carried(&ipv4(17, &vxlan), 17, TunnelKind::Vxlan, 0x0102);
    assert_eq!(packet.vlan, 0);
    let geneve = udp(50_000, 6081, &[&[1, 0, 0x65, 0x58, 0, 1, 2, 0, 9, 9, 9, 9][..], &frame].concat());
    carried(&ipv6(17, &geneve), 17, TunnelKind::Geneve, 0x0102);
    let bare = udp(50_000, 6081, &[&[0, 0, 8, 0, 0, 0, 7, 0][..], &inner()].concat());
    carried(&ipv4(17, &bare), 17, TunnelKind::Geneve, 7);
    let other = ParseSettings { vxlan_ports: vec![8472], ..ParseSettings::default() };
    let (packets, _) = read_with(other, LinkType::RawIp, &[ipv4(17, &vxlan)]);
    assert_eq!(packets.len(), 1);
}

#[test]
fn nesting_has_an_end() {
    let mut frame = inner();
    for _ in 0..20 {
        frame = ipv4(4, &frame);
    }
    let (packets, stats) = read_with(ParseSettings::default(), LinkType::RawIp, &[frame]);
    assert_eq!((packets.len(), stats.too_deep), (5, 1), "the carrier and four inside it");
}

#[test]
fn what_cannot_be_opened_costs_only_the_inner_packet() {
    for broken in [
        ipv4(4, &[0x45]),
        ipv4(47, &[0]),
        ipv4(47, &[0, 0, 8, 0]),
        ipv4(17, &udp(1, 4789, &[8, 0])),
        ipv4(17, &udp(1, 4789, &[0; 40])),
        ipv4(17, &udp(1, 6081, &[0xff; 40])),
        ipv4(51, &[6]),
    ] {
        let (packets, stats) = read_with(ParseSettings::default(), LinkType::RawIp, std::slice::from_ref(&broken));
        assert_eq!(packets.len(), 1, "{broken:02x?}");
        assert_eq!(stats.malformed + stats.truncated, 1, "{broken:02x?}");
    }
}

#[test]
fn teredo_gtp_and_pptp() {
    let v6 = ipv6(17, &udp(5, 6, b"x"));
    let origin = [&[0, 0, 1, 2, 3, 4, 5, 6][..], &v6].concat();
    let authenticated = [&[0, 1, 1, 2, 7, 8, 9][..], &[0; 9], &origin].concat();
    for body in [v6.clone(), origin, authenticated] {
        let (packets, _) = read_with(ParseSettings::default(), LinkType::RawIp, &[ipv4(17, &udp(9, 3544, &body))]);
        assert_eq!(packets.len(), 2, "{body:02x?}");
        assert_eq!((packets[1].dport, packets[1].tunnel_kind), (6, TunnelKind::Teredo));
    }
    // The port alone does not make it a tunnel, and costs nothing.
    for body in [&b"hello"[..], &[0x60; 30], &[0, 1], &[0, 1, 255, 255], &[]] {
        let (packets, stats) = read_with(ParseSettings::default(), LinkType::RawIp, &[ipv4(17, &udp(9, 3544, body))]);
        assert_eq!((packets.len(), stats.malformed, stats.truncated), (1, 0, 0), "{body:02x?}");
    }
    let gtp = |flags: u8, rest: &[u8]| [&[flags, 255, 0, 60, 0, 0, 0, 9][..], rest, &inner()].concat();
    for body in [gtp(0x30, &[]), gtp(0x32, &[0, 1, 0, 0]), gtp(0x34, &[0, 0, 0, 0x85, 1, 0, 9, 0])] {
        let packet = is_syn(LinkType::RawIp, &ipv4(17, &udp(2152, 2152, &body)));
        assert_eq!((packet.tunnel_kind, packet.tunnel), (TunnelKind::Gtp, 9));
    }
    let pptp = |flags: [u8; 2], rest: &[u8]| ipv4(47, &[&flags[..], &[0x88, 0x0b, 0, 9, 0, 77], rest].concat());
    let ppp = [&[0xff, 3, 0, 0x21][..], &inner()].concat();
    let packet = is_syn(LinkType::RawIp, &pptp([0x30, 1], &[&[0, 0, 0, 1][..], &ppp].concat()));
    assert_eq!((packet.tunnel_kind, packet.tunnel), (TunnelKind::Gre, 77));
    is_syn(LinkType::RawIp, &pptp([0x30, 0x81], &[&[0, 0, 0, 1, 0, 0, 0, 2][..], &ppp].concat()));
    let (packets, stats) = read_with(ParseSettings::default(), LinkType::RawIp, &[pptp([0x20, 0x81], &[0; 4])]);
    assert_eq!((packets.len(), stats.malformed + stats.truncated), (1, 0), "an acknowledgment alone");
}
