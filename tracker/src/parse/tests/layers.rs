//! Link layers, IP and transports.

use super::build::*;
use crate::packet::{NO_SCALE, Quoted, addr_of, flag, proto};
use crate::parse::{FrameMeta, LinkType, ParseSettings, Parser};

#[test]
fn link_layers() {
    let ip = ipv4(6, &tcp_syn());
    assert_eq!(is_syn(LinkType::Ethernet, &ethernet(0x0800, &ip)).vlan, 0);
    is_syn(LinkType::RawIp, &ip);
    is_syn(LinkType::Loopback, &[&[2, 0, 0, 0][..], &ip].concat());
    is_syn(LinkType::Loopback, &[&[0, 0, 0, 2][..], &ip].concat());
    is_syn(LinkType::Cooked, &[&[0; 14][..], &[8, 0], &ip].concat());
    is_syn(LinkType::Cooked2, &[&[8, 0][..], &[0; 18], &ip].concat());
    is_syn(LinkType::Ppp, &[&[0xff, 3, 0, 0x21][..], &ip].concat());
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &ip].concat();
    is_syn(LinkType::Ethernet, &ethernet(snap.len() as u16, &snap));
    let packet = is_syn(LinkType::Ethernet, &ethernet(0x0800, &[&ip[..], &[0; 9]].concat()));
    assert_eq!((packet.ip_len, packet.src), (44, addr_of(V4.0.into())), "padding does not count");
    assert!(read(LinkType::Ethernet, &ethernet(0x0806, &ip)).is_empty());
    assert!(read(LinkType::Other(147), &ip).is_empty());
}

#[test]
fn tags_and_labels() {
    let ip = ipv4(6, &tcp_syn());
    let tagged = ethernet(0x8100, &[&[0x60, 100, 8, 0][..], &ip].concat());
    assert_eq!(is_syn(LinkType::Ethernet, &tagged).vlan, 100);
    let double = ethernet(0x88a8, &[&[0, 200, 0x81, 0, 1, 44, 8, 0][..], &ip].concat());
    assert_eq!(is_syn(LinkType::Ethernet, &double).vlan, 0x012c_00c8);
    let mpls = ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64][..], &ip].concat());
    assert_eq!(is_syn(LinkType::Ethernet, &mpls).vlan, 0);
    let wire = [&[0, 1, 0x01, 64, 0, 0, 0, 0][..], &ethernet(0x0800, &ip)].concat();
    is_syn(LinkType::Ethernet, &ethernet(0x8847, &wire));
    let pppoe = [&[0x11, 0, 0, 1, 0, 46, 0, 0x21][..], &ip].concat();
    is_syn(LinkType::Ethernet, &ethernet(0x8864, &pppoe));
    let all = ethernet(0x88a8, &[&[0, 9, 0x81, 0, 0, 8, 0x88, 0x64][..], &pppoe].concat());
    assert_eq!(is_syn(LinkType::Ethernet, &all).vlan, 8 << 16 | 9);
}

#[test]
fn a_tag_that_the_card_took_out_is_the_outer_one() {
    let frame = ethernet(0x8100, &[&[1, 44, 8, 0][..], &ipv4(6, &tcp_syn())].concat());
    let mut parser = Parser::new(ParseSettings::default());
    let mut packets = Vec::new();
    let meta = FrameMeta { time: 0, wire_len: frame.len() as u32, vlan: Some(200), checksum_known: false };
    parser.parse(LinkType::Ethernet, &frame, meta, &mut packets);
    assert_eq!(packets[0].vlan, 0x012c_00c8);
}

#[test]
fn ipv6_extension_headers() {
    let udp = udp(5000, 53, b"abc");
    let options = [&[43, 0, 1, 4, 0, 0, 0, 0][..], &[60, 1], &[0; 14], &[17, 0, 0, 0, 0, 0, 0, 0], &udp].concat();
    for frame in [ipv6(17, &udp), ipv6(0, &options)] {
        let packets = read(LinkType::RawIp, &frame);
        assert_eq!((packets[0].proto, packets[0].sport, packets[0].dport, packets[0].payload), (17, 5000, 53, 3));
        assert_eq!(packets[0].ip_len as usize, frame.len());
    }
    let esp = read(LinkType::RawIp, &ipv6(50, &[0; 20]));
    assert_eq!((esp[0].proto, esp[0].sport), (50, 0));
    let nothing = read(LinkType::RawIp, &ipv6(59, &[]));
    assert_eq!(nothing[0].proto, 59);
    let authenticated = [&[17, 4][..], &[0; 22], &udp].concat();
    let both: Vec<u8> = read(LinkType::RawIp, &ipv6(51, &authenticated)).iter().map(|p| p.proto).collect();
    assert_eq!(both, [51, 17]);
}

#[test]
fn fragments_have_the_ports_of_the_first() {
    let body = udp(5000, 53, &[7; 40]);
    let first = ipv4_with(17, 9, 0x2000, &body[..24]);
    let second = ipv4_with(17, 9, 3, &body[24..]);
    let stranger = ipv4_with(17, 10, 3, &body[24..]);
    let (packets, stats) = read_with(ParseSettings::default(), LinkType::RawIp, &[first, second, stranger]);
    let seen: Vec<_> = packets.iter().map(|p| (p.sport, p.dport, p.fragment, p.payload)).collect();
    assert_eq!(seen, [(5000, 53, false, 16), (5000, 53, true, 24), (0, 0, true, 24)]);
    assert_eq!((stats.fragments, stats.fragments_unknown), (1, 1));
    let head = |offset: u16, more: u16| [&[17, 0][..], &(offset << 3 | more).to_be_bytes(), &[0, 0, 0, 5]].concat();
    let frames = [
        ipv6(44, &[&head(0, 1)[..], &body[..24]].concat()),
        ipv6(44, &[&head(3, 0)[..], &body[24..]].concat()),
        ipv6(44, &[&head(0, 0)[..], &body[..]].concat()),
    ];
    let (packets, _) = read_with(ParseSettings::default(), LinkType::RawIp, &frames);
    let seen: Vec<_> = packets.iter().map(|p| (p.sport, p.dport, p.fragment)).collect();
    assert_eq!(seen, [(5000, 53, false), (5000, 53, true), (5000, 53, false)]);
}

#[test]
fn icmp() {
    let echo = |kind| [kind, 0, 0, 0, 0x12, 0x34, 0, 1, 9, 9];
    let settings = || ParseSettings { checksums: false, ..ParseSettings::default() };
    for (frame, kind) in [(ipv4(1, &echo(8)), 8), (ipv4(1, &echo(0)), 0), (ipv6(58, &echo(129)), 129)] {
        let (packets, _) = read_with(settings(), LinkType::RawIp, &[frame]);
        assert_eq!((packets[0].kind, packets[0].sport), (kind, 0x1234));
        assert_eq!(packets[0].dport, if kind == 129 { 128 << 8 } else { 8 << 8 }, "the request");
    }
    // An error quotes an IP header and eight bytes, cut off.
    let quote = &ipv4(6, &tcp_syn())[..28];
    let (packets, _) =
        read_with(settings(), LinkType::RawIp, &[ipv4(1, &[&[3, 13, 0, 0, 0, 0, 0, 0][..], quote].concat())]);
    let (src, dst) = (addr_of(V4.0.into()), addr_of(V4.1.into()));
    let expected = Quoted { src, dst, proto: 6, sport: 5000, dport: 80, seq: Some(1000) };
    assert_eq!((packets[0].kind, packets[0].code, packets[0].quoted), (3, 13, Some(expected)));
    let quote = &ipv6(17, &udp(5000, 53, &[1; 200]))[..60];
    let (packets, _) =
        read_with(settings(), LinkType::RawIp, &[ipv6(58, &[&[1, 4, 0, 0, 0, 0, 0, 0][..], quote].concat())]);
    assert_eq!(packets[0].quoted.unwrap().dport, 53);
    let (packets, _) = read_with(settings(), LinkType::RawIp, &[ipv4(1, &[3, 1, 0, 0, 0, 0, 0, 0, 0x45])]);
    assert_eq!(packets[0].quoted, None);
}

#[test]
fn checksums() {
    let good = ipv4(6, &tcp_syn());
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    let mut header = good.clone();
    header[8] ^= 1;
    let mut partial = good.clone();
    // What a sender with offload writes: the sum of the pseudo header.
    let sum = 0x0a00u32 + 1 + 0x0a00 + 2 + 6 + 24;
    partial[36..38].copy_from_slice(&(sum as u16).to_be_bytes());
    let frames = [good, bad, header, partial];
    let flags = |settings: ParseSettings| -> Vec<bool> {
        read_with(settings, LinkType::RawIp, &frames).0.iter().map(|p| p.bad_checksum).collect()
    };
    assert_eq!(flags(ParseSettings::default()), [false, true, false]);
    assert_eq!(flags(ParseSettings::zeek()), [false, true, true]);
    assert_eq!(flags(ParseSettings { checksums: false, ..ParseSettings::default() }), [false; 4]);
    let (_, stats) = read_with(ParseSettings::default(), LinkType::RawIp, &frames);
    assert_eq!((stats.bad_ip_checksum, stats.bad_checksum), (1, 1));
}

#[test]
fn a_short_capture_gives_what_its_headers_say() {
    let whole = ipv4(6, &[&tcp_syn()[..], &[1; 500]].concat());
    let mut parser = Parser::new(ParseSettings::default());
    let mut packets = Vec::new();
    let meta = FrameMeta { time: 0, wire_len: whole.len() as u32, vlan: None, checksum_known: false };
    for length in [40, 44, 300] {
        parser.parse(LinkType::RawIp, &whole[..length], meta, &mut packets);
    }
    assert!(packets.iter().all(|p| p.payload == 500 && p.ip_len == 544 && !p.bad_checksum));
    assert_eq!(packets.iter().map(|p| p.scale).collect::<Vec<_>>(), [NO_SCALE, 7, 7]);
    parser.parse(LinkType::RawIp, &whole[..39], meta, &mut packets);
    assert_eq!((packets.len(), parser.stats().truncated), (3, 1));
}

#[test]
fn offload_leaves_the_length_empty() {
    let mut frame = ipv4(6, &[&tcp_syn()[..], &[1; 1000]].concat());
    frame[2..4].copy_from_slice(&[0, 0]);
    let packets =
        read_with(ParseSettings { checksums: false, ..ParseSettings::default() }, LinkType::RawIp, &[frame]).0;
    assert_eq!((packets[0].payload, packets[0].flags), (1000, flag::SYN));
}

#[test]
fn sctp() {
    let init = [&[0x13, 0x88, 0x0b, 0x59][..], &[0; 8], &[1, 0, 0, 20], &[0; 16]].concat();
    let packets = read(LinkType::RawIp, &ipv4(proto::SCTP, &init));
    assert_eq!((packets[0].sport, packets[0].dport, packets[0].kind), (5000, 2905, 1));
}

#[test]
fn the_length_of_udp_counts() {
    // Nine bytes behind the datagram belong to nobody.
    let padded = ipv4(17, &[&udp(1, 2, b"abc")[..], &[0; 9]].concat());
    assert_eq!(read(LinkType::RawIp, &padded)[0].payload, 3);
    let mut empty = udp(1, 2, b"abc");
    empty[5] = 0;
    assert_eq!(read(LinkType::RawIp, &ipv4(17, &empty))[0].payload, 3, "segmentation offload");
}

#[test]
fn what_nobody_answers_is_told_by_its_code_too() {
    let message = |kind, code| ipv4(1, &[kind, code, 0, 0, 0x12, 0x34, 0, 0]);
    let settings = ParseSettings { checksums: false, ..ParseSettings::default() };
    let (packets, _) = read_with(settings, LinkType::RawIp, &[message(8, 5), message(9, 0), message(40, 3)]);
    let ports: Vec<_> = packets.iter().map(|packet| (packet.sport, packet.dport)).collect();
    assert_eq!(ports, [(0x1234, 0x0800), (0, 0x0a00), (0, 40 << 8 | 3)]);
}

#[test]
fn hdlc_and_firewall_logs() {
    let ip = ipv4(6, &tcp_syn());
    is_syn(LinkType::Pppoe, &[&[0x11, 0, 0, 1, 0, 50, 0, 0x21][..], &ip].concat());
    is_syn(LinkType::CiscoHdlc, &[&[0x0f, 0, 8, 0][..], &ip].concat());
    is_syn(LinkType::Pflog, &[&[61, 2][..], &[0; 62], &ip].concat());
    let length = (ip.len() as u16 + 4).to_le_bytes();
    let log = [&[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0, 5, 0, 10, 0, b'x', 0, 0, 0][..], &length, &[9, 0], &ip].concat();
    is_syn(LinkType::Nflog, &log);
    let big = [&[2, 0, 0, 0, 0, 8, 0, 1, 8, 0, 1, 0][..], &(ip.len() as u16 + 4).to_be_bytes(), &[0, 9], &ip].concat();
    is_syn(LinkType::Nflog, &big);
}

#[test]
fn a_fragmented_packet_counts_once_where_it_is_put_together() {
    let whole = [&udp(5000, 53, &[7; 24])[..]].concat();
    let fragments = [ipv4_with(17, 9, 2, &whole[16..]), ipv4_with(17, 9, 0x2000, &whole[..16])];
    let (packets, stats) = read_with(ParseSettings::zeek(), LinkType::RawIp, &fragments);
    assert_eq!((packets.len(), stats.fragments), (1, 2));
    assert_eq!((packets[0].sport, packets[0].payload, packets[0].ip_len), (5000, 24, 52));
    assert!(!packets[0].fragment);
    let (packets, _) = read_with(ParseSettings::zeek(), LinkType::RawIp, &fragments[..1]);
    assert!(packets.is_empty());
    // In IPv6 the fragment header carries what IPv4 has in its own.
    let segment = tcp_syn();
    let piece =
        |offset: u16, body: &[u8]| ipv6(44, &[&[6, 0][..], &offset.to_be_bytes(), &[0, 0, 0, 9], body].concat());
    let fragments = [piece(1, &segment[..16]), piece(16, &segment[16..])];
    let (packets, _) = read_with(ParseSettings::zeek(), LinkType::RawIp, &fragments);
    assert_eq!((packets.len(), packets[0].seq, packets[0].payload), (1, 1000, 0));
}
