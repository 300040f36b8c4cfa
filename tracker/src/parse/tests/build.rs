//! Builds frames from the inside out.

use crate::packet::{Packet, flag};
use crate::parse::{FrameMeta, LinkType, ParseSettings, ParseStats, Parser};

pub const V4: ([u8; 4], [u8; 4]) = ([10, 0, 0, 1], [10, 0, 0, 2]);
pub const V6: ([u8; 16], [u8; 16]) = (
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
);

fn sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A TCP SYN from port 5000 to port 80 with window scale 7, its checksum for IPv4 between [`V4`].
pub fn tcp_syn() -> Vec<u8> {
    let mut segment = [5000u16.to_be_bytes(), 80u16.to_be_bytes()].concat();
    segment.extend(1000u32.to_be_bytes());
    segment.extend(0u32.to_be_bytes());
    segment.extend([0x60, flag::SYN as u8, 0xfa, 0xf0, 0, 0, 0, 0, 1, 3, 3, 7]);
    let pseudo = [&V4.0[..], &V4.1, &[0, 6, 0, 24]].concat();
    let check = sum(&[&pseudo, &segment]);
    segment[16..18].copy_from_slice(&check.to_be_bytes());
    segment
}

/// UDP without a checksum.
pub fn udp(sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    [&sport.to_be_bytes()[..], &dport.to_be_bytes(), &(payload.len() as u16 + 8).to_be_bytes(), &[0, 0], payload]
        .concat()
}

pub fn ipv4_with(number: u8, id: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend((payload.len() as u16 + 20).to_be_bytes());
    header.extend(id.to_be_bytes());
    header.extend(fragment.to_be_bytes());
    header.extend([64, number, 0, 0]);
    header.extend(V4.0);
    header.extend(V4.1);
    let check = sum(&[&header]);
    header[10..12].copy_from_slice(&check.to_be_bytes());
    header.extend(payload);
    header
}

pub fn ipv4(number: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(number, 7, 0, payload)
}

pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend((payload.len() as u16).to_be_bytes());
    header.extend([next, 64]);
    header.extend(V6.0);
    header.extend(V6.1);
    header.extend(payload);
    header
}

pub fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 6][..], &[4; 6], &kind.to_be_bytes(), payload].concat()
}

pub fn read_with(settings: ParseSettings, link: LinkType, frames: &[Vec<u8>]) -> (Vec<Packet>, ParseStats) {
    let mut parser = Parser::new(settings);
    let mut packets = Vec::new();
    for frame in frames {
        let meta = FrameMeta { time: 5, wire_len: frame.len() as u32, vlan: None, checksum_known: false };
        parser.parse(link, frame, meta, &mut packets);
    }
    (packets, parser.stats())
}

pub fn read(link: LinkType, frame: &[u8]) -> Vec<Packet> {
    let (packets, stats) = read_with(ParseSettings::default(), link, &[frame.to_vec()]);
    assert_eq!(stats.packets, packets.len() as u64);
    packets
}

/// The frame holds exactly the SYN of [`tcp_syn`]; gives its packet.
pub fn is_syn(link: LinkType, frame: &[u8]) -> Packet {
    let packets = read(link, frame);
    let packet = *packets.last().unwrap_or_else(|| panic!("no packet in {frame:02x?}"));
    assert_eq!((packet.sport, packet.dport, packet.seq, packet.flags), (5000, 80, 1000, flag::SYN));
    assert_eq!((packet.scale, packet.window, packet.payload), (7, 64_240, 0));
    packet
}
