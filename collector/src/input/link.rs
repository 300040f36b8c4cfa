//! From a captured frame to the UDP payload in it.
//!
//! Owns link, IP and UDP headers as far as export datagrams need them (Ethernet with VLAN tags, Linux cooked, raw IP, BSD
//! loopback); must not know capture files or messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const UDP: u8 = 17;

/// Link layer of a capture (the link-layer header types of libpcap).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    RawIp,
    /// BSD loopback: four octets of address family.
    Loopback,
    LinuxCooked,
    LinuxCooked2,
    Other,
}

impl Link {
    pub(super) fn of(number: i32) -> Self {
        match number {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            0 | 108 => Self::Loopback,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            _ => Self::Other,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Source and payload of a UDP datagram, `None` for everything else, fragments and cut packets included.
pub(super) fn udp_payload(link: Link, frame: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let packet = match link {
        Link::Ethernet => after_ethertype(frame, 12)?,
        Link::LinuxCooked => after_ethertype(frame, 14)?,
        Link::LinuxCooked2 => after_tags(u16_at(frame, 0)?, frame.get(20..)?)?,
        Link::Loopback => frame.get(4..)?,
        Link::RawIp => frame,
        Link::Other => return None,
    };
    match packet.first()? >> 4 {
        4 => ipv4(packet),
        6 => ipv6(packet),
        _ => None,
    }
}

fn after_ethertype(frame: &[u8], at: usize) -> Option<&[u8]> {
    after_tags(u16_at(frame, at)?, frame.get(at + 2..)?)
}

/// Skips VLAN tags (IEEE 802.1Q, 802.1ad).
fn after_tags(mut kind: u16, mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..4 {
        match kind {
            0x0800 | 0x86dd => return Some(rest),
            0x8100 | 0x88a8 | 0x9100 => {
                kind = u16_at(rest, 2)?;
                rest = rest.get(4..)?;
            }
            _ => return None,
        }
    }
    None
}

fn ipv4(packet: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let header = usize::from(packet.first()? & 15) * 4;
    let total = usize::from(u16_at(packet, 2)?);
    let fragment = u16_at(packet, 6)? & 0x3fff;
    if header < 20 || fragment != 0 || *packet.get(9)? != UDP {
        return None;
    }
    let source = Ipv4Addr::from(*packet.get(12..)?.first_chunk::<4>()?);
    // Offloaded segments may carry a zero total length.
    let end = if total == 0 { packet.len() } else { total.min(packet.len()) };
    udp(IpAddr::V4(source), packet.get(header..end)?)
}

fn ipv6(packet: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let source = Ipv6Addr::from(*packet.get(8..)?.first_chunk::<16>()?);
    let mut next = *packet.get(6)?;
    let mut rest = packet.get(40..)?;
    for _ in 0..8 {
        match next {
            UDP => return udp(IpAddr::V6(source), rest),
            // Hop-by-hop, routing and destination options.
            0 | 43 | 60 => {
                next = *rest.first()?;
                rest = rest.get((usize::from(*rest.get(1)?) + 1) * 8..)?;
            }
            _ => return None,
        }
    }
    None
}

fn udp(source: IpAddr, segment: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let port = u16_at(segment, 0)?;
    let length = usize::from(u16_at(segment, 4)?);
    let end = if length < 8 { segment.len() } else { length.min(segment.len()) };
    Some((SocketAddr::new(source, port), segment.get(8..end)?))
}
