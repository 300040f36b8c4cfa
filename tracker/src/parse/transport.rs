//! TCP, UDP, ICMP, `ICMPv6`, SCTP; anything else is told by its addresses alone.

use crate::community::icmp_exchange;
use crate::packet::{Addr, NO_SCALE, Packet, Quoted, flag, is_icmp_error, proto};

use super::ip::{IpPacket, read_v4, read_v6};
use super::{Layer, Parsed, Parser, Skip, be16, be32, checksum};

impl Parser {
    pub(super) fn transport(
        &mut self,
        ip: &IpPacket<'_>,
        layer: Layer,
        mut packet: Packet,
        out: &mut Vec<Packet>,
    ) -> Parsed {
        match ip.proto {
            proto::TCP => {
                tcp(ip, &mut packet)?;
                packet.bad_checksum = self.wrong(ip, layer);
                out.push(packet);
            }
            proto::UDP => {
                let length = ports(ip, &mut packet, 8)?;
                // What follows the datagram within the IP packet belongs to nobody; segmentation offload may leave the
                // length empty, and a first fragment has that of the whole.
                let length = u32::from(length);
                let ip = &match length {
                    8.. if length <= ip.body_len => ip.cut(length),
                    _ => *ip,
                };
                packet.payload = ip.body_len.saturating_sub(8);
                // Zero is no checksum in IPv4 (RFC 768).
                if be16(ip.body, 6) != Some(0) && ip.part.is_none() {
                    packet.bad_checksum = length <= ip.body_len && self.wrong(ip, layer);
                }
                out.push(packet);
                if ip.part.is_none() {
                    self.udp_tunnel(&packet, &ip.body[8..], layer, out);
                }
            }
            proto::SCTP => {
                ports(ip, &mut packet, 12)?;
                packet.payload = ip.body_len.saturating_sub(12);
                packet.kind = ip.body.get(12).copied().unwrap_or(0);
                out.push(packet);
            }
            proto::ICMP | proto::ICMP6 => {
                icmp(ip, &mut packet)?;
                packet.bad_checksum = self.wrong(ip, layer);
                out.push(packet);
            }
            _ => out.push(packet),
        }
        Ok(())
    }

    /// Whether the transport checksum can be judged and is wrong.
    fn wrong(&mut self, ip: &IpPacket<'_>, layer: Layer) -> bool {
        let whole = ip.part.is_none() && ip.body.len() == ip.body_len as usize;
        if !self.settings.checksums || layer.meta.checksum_known || !whole {
            return false;
        }
        let seed = if ip.proto == proto::ICMP { 0 } else { pseudo_header(ip) };
        let right = checksum::holds(seed, ip.body) || self.settings.partial_checksums && is_partial(ip);
        let wrong = !right;
        self.stats.bad_checksum += u64::from(wrong);
        wrong
    }
}

/// The sum over the pseudo header. The v4-mapped prefix adds 0xffff, which is zero in ones' complement.
fn pseudo_header(ip: &IpPacket<'_>) -> u64 {
    checksum::add(checksum::add(u64::from(ip.body_len) + u64::from(ip.proto), &ip.src), &ip.dst)
}

/// Whether the checksum is the bare sum over the pseudo header, with or without the length in it.
fn is_partial(ip: &IpPacket<'_>) -> bool {
    let at = match ip.proto {
        proto::TCP => 16,
        proto::UDP => 6,
        _ => return false,
    };
    let sum = checksum::fold(pseudo_header(ip));
    let without = checksum::fold(checksum::add(checksum::add(u64::from(ip.proto), &ip.src), &ip.dst));
    be16(ip.body, at).is_some_and(|field| field == sum || field == without)
}

/// Reads the two ports of a header of `size` bytes; gives the 16 bits after them (the length, for UDP).
fn ports(ip: &IpPacket<'_>, packet: &mut Packet, size: usize) -> Result<u16, Skip> {
    if (ip.body_len as usize) < size {
        return Err(Skip::Malformed);
    }
    let header = ip.body.get(..size).ok_or(Skip::Truncated)?;
    packet.sport = u16::from_be_bytes([header[0], header[1]]);
    packet.dport = u16::from_be_bytes([header[2], header[3]]);
    Ok(u16::from_be_bytes([header[4], header[5]]))
}

fn tcp(ip: &IpPacket<'_>, packet: &mut Packet) -> Parsed {
    ports(ip, packet, 20)?;
    let header = &ip.body[..20];
    let size = usize::from(header[12] >> 4) * 4;
    if size < 20 || size > ip.body_len as usize {
        return Err(Skip::Malformed);
    }
    packet.seq = be32(header, 4).unwrap_or(0);
    packet.ack = be32(header, 8).unwrap_or(0);
    packet.flags = be16(header, 12).unwrap_or(0) & 0x01ff;
    packet.window = be16(header, 14).unwrap_or(0);
    packet.payload = ip.body_len - size as u32;
    if packet.flags & flag::SYN != 0 {
        packet.scale = window_scale(&ip.body[20..size.min(ip.body.len())]);
    }
    Ok(())
}

/// The shift of the window scale option (RFC 7323), [`NO_SCALE`] where it is absent.
fn window_scale(mut options: &[u8]) -> u8 {
    loop {
        match *options {
            [] | [0, ..] => return NO_SCALE,
            [1, ref rest @ ..] => options = rest,
            [3, 3, shift, ..] => return shift.min(14),
            [_, length, ..] if length >= 2 && usize::from(length) <= options.len() => {
                options = &options[usize::from(length)..];
            }
            _ => return NO_SCALE,
        }
    }
}

fn icmp(ip: &IpPacket<'_>, packet: &mut Packet) -> Parsed {
    if ip.body_len < 8 {
        return Err(Skip::Malformed);
    }
    let header = ip.body.get(..8).ok_or(Skip::Truncated)?;
    packet.kind = header[0];
    packet.code = header[1];
    packet.payload = ip.body_len - 8;
    if is_icmp_error(ip.proto, packet.kind) {
        packet.quoted = quoted(ip.proto, &ip.body[8..]);
    } else {
        (packet.sport, packet.dport) = echo(ip.proto, header);
    }
    Ok(())
}

/// The identifier of a query and what it asks: what both directions share.
fn echo(protocol: u8, header: &[u8]) -> (u16, u16) {
    let id = match (protocol, header[0]) {
        (proto::ICMP, 0 | 8 | 13..=18) | (proto::ICMP6, 128 | 129 | 139 | 140) => {
            u16::from_be_bytes([header[4], header[5]])
        }
        _ => 0,
    };
    (id, icmp_exchange(protocol, header[0], header[1]))
}

/// The packet inside an ICMP error: its IP header and the first 8 bytes behind it (RFC 792, RFC 4443).
fn quoted(protocol: u8, bytes: &[u8]) -> Option<Quoted> {
    // What is quoted is cut off: the lengths in it say nothing.
    let inner = if protocol == proto::ICMP { read_v4(bytes, u32::MAX) } else { read_v6(bytes, u32::MAX) }.ok()?;
    if inner.part.is_some_and(|part| !part.is_first()) {
        return None;
    }
    let (src, dst): (Addr, Addr) = (inner.src, inner.dst);
    let mut quoted = Quoted { src, dst, proto: inner.proto, sport: 0, dport: 0, seq: None };
    match inner.proto {
        proto::TCP | proto::UDP | proto::SCTP => {
            quoted.sport = be16(inner.body, 0)?;
            quoted.dport = be16(inner.body, 2)?;
            quoted.seq = if inner.proto == proto::TCP { be32(inner.body, 4) } else { None };
        }
        proto::ICMP | proto::ICMP6 => {
            let header = inner.body.get(..8)?;
            if is_icmp_error(inner.proto, header[0]) {
                return None;
            }
            (quoted.sport, quoted.dport) = echo(inner.proto, header);
        }
        _ => {}
    }
    Some(quoted)
}
