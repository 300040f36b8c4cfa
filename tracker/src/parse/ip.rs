//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use crate::packet::{Packet, proto};

use super::checksum;
use super::fragments::FragmentKey;
use super::{Layer, Parsed, Parser, Skip, be16, be32};
use crate::packet::Addr;

/// How many extension headers are read.
const MAX_EXTENSIONS: usize = 8;

/// An IP packet without its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct IpPacket<'a> {
    pub src: Addr,
    pub dst: Addr,
    pub proto: u8,
    /// Whole length of the packet.
    pub ip_len: u32,
    /// Length of what follows the headers, as the header says.
    pub body_len: u32,
    /// What follows the headers, as far as captured.
    pub body: &'a [u8],
    /// More fragments follow or this is one: the body is no whole packet.
    pub part: Option<Part>,
}

impl IpPacket<'_> {
    /// The same packet with a body of so many bytes.
    pub fn cut(&self, body_len: u32) -> Self {
        Self { body_len, body: &self.body[..self.body.len().min(body_len as usize)], ..*self }
    }
}

/// Which part of a fragmented packet this is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub id: u32,
    /// Where it begins, in bytes.
    pub offset: u32,
    /// It is not the last.
    pub more: bool,
}

impl Part {
    /// Whether it has the transport header.
    pub fn is_first(self) -> bool {
        self.offset == 0
    }
}

fn v4(bytes: &[u8]) -> Addr {
    let mut addr = [0; 16];
    addr[10] = 0xff;
    addr[11] = 0xff;
    addr[12..].copy_from_slice(bytes);
    addr
}

fn v6(bytes: &[u8]) -> Addr {
    let mut addr = [0; 16];
    addr.copy_from_slice(bytes);
    addr
}

/// Reads an IPv4 header. `wire_len` bounds the packet where the capture knows it.
pub(super) fn read_v4(bytes: &[u8], wire_len: u32) -> Result<IpPacket<'_>, Skip> {
    let header = bytes.get(..20).ok_or(Skip::Truncated)?;
    let size = usize::from(header[0] & 0x0f) * 4;
    if header[0] >> 4 != 4 || size < 20 {
        return Err(Skip::Malformed);
    }
    let total = match u32::from(be16(header, 2).unwrap_or(0)) {
        // Segmentation offload leaves the field empty.
        0 => wire_len,
        total => total,
    };
    if total < size as u32 || total > wire_len {
        return Err(Skip::Malformed);
    }
    if bytes.len() < size {
        return Err(Skip::Truncated);
    }
    let fragment = be16(header, 6).unwrap_or(0);
    let part = (fragment & 0x3fff != 0).then(|| Part {
        id: u32::from(be16(header, 4).unwrap_or(0)),
        offset: u32::from(fragment & 0x1fff) * 8,
        more: fragment & 0x2000 != 0,
    });
    let end = bytes.len().min(total as usize);
    Ok(IpPacket {
        src: v4(&header[12..16]),
        dst: v4(&header[16..20]),
        proto: header[9],
        ip_len: total,
        body_len: total - size as u32,
        body: &bytes[size..end],
        part,
    })
}

/// Reads an IPv6 header and the extension headers before the transport.
pub(super) fn read_v6(bytes: &[u8], wire_len: u32) -> Result<IpPacket<'_>, Skip> {
    let header = bytes.get(..40).ok_or(Skip::Truncated)?;
    if header[0] >> 4 != 6 {
        return Err(Skip::Malformed);
    }
    let total = match u32::from(be16(header, 4).unwrap_or(0)) {
        0 if wire_len > 40 + 0xffff => wire_len, // jumbo payload (RFC 2675)
        length => length + 40,
    };
    if total > wire_len {
        return Err(Skip::Malformed);
    }
    let end = bytes.len().min(total as usize);
    let mut packet = IpPacket {
        src: v6(&header[8..24]),
        dst: v6(&header[24..40]),
        proto: header[6],
        ip_len: total,
        body_len: total - 40,
        body: &bytes[40..end],
        part: None,
    };
    for _ in 0..MAX_EXTENSIONS {
        let size = match packet.proto {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6.
            0 | 43 | 60 | 135 | 139 | 140 => usize::from(*packet.body.get(1).ok_or(Skip::Truncated)?) * 8 + 8,
            44 => {
                let offset = be16(packet.body, 2).ok_or(Skip::Truncated)?;
                let id = be32(packet.body, 4).ok_or(Skip::Truncated)?;
                if offset & 0xfff9 != 0 {
                    packet.part = Some(Part { id, offset: u32::from(offset & 0xfff8), more: offset & 1 != 0 });
                }
                8
            }
            _ => return Ok(packet),
        };
        let next = *packet.body.first().ok_or(Skip::Truncated)?;
        if (packet.body_len as usize) < size {
            return Err(Skip::Malformed);
        }
        packet.body = packet.body.get(size..).ok_or(Skip::Truncated)?;
        packet.body_len -= size as u32;
        packet.proto = next;
        if packet.part.is_some_and(|part| !part.is_first()) {
            return Ok(packet);
        }
    }
    Err(Skip::Malformed)
}

impl Parser {
    pub(super) fn ipv4(&mut self, bytes: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        let packet = read_v4(bytes, remaining(bytes, layer))?;
        let layer = Layer { missing: packet.body_len - packet.body.len() as u32, ..layer };
        let size = usize::from(bytes[0] & 0x0f) * 4;
        if self.settings.checksums && !layer.meta.checksum_known && !checksum::holds(0, &bytes[..size]) {
            return Err(Skip::IpChecksum);
        }
        self.ip(&packet, layer, out)
    }

    pub(super) fn ipv6(&mut self, bytes: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        let packet = read_v6(bytes, remaining(bytes, layer))?;
        let layer = Layer { missing: packet.body_len - packet.body.len() as u32, ..layer };
        self.ip(&packet, layer, out)
    }

    fn ip(&mut self, ip: &IpPacket<'_>, layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        let mut packet = Packet::new(layer.meta.time, ip.src, ip.dst, ip.proto);
        packet.vlan = layer.vlan;
        packet.tunnel_kind = layer.tunnel_kind;
        packet.tunnel = layer.tunnel;
        packet.ip_len = ip.ip_len;
        packet.payload = ip.body_len;
        if let Some(part) = ip.part {
            let key = FragmentKey { src: ip.src, dst: ip.dst, id: part.id, proto: ip.proto };
            if self.settings.reassemble {
                return self.put_together(ip, part, key, layer, out);
            }
            if !part.is_first() {
                packet.fragment = true;
                let ports = self.fragments.ports(&key, layer.meta.time);
                self.stats.fragments += u64::from(ports.is_some());
                self.stats.fragments_unknown += u64::from(ports.is_none());
                (packet.sport, packet.dport) = ports.unwrap_or_default();
                out.push(packet);
                return Ok(());
            }
            self.transport(ip, layer, packet, out)?;
            if let Some(first) = out.last() {
                self.fragments.insert(key, (first.sport, first.dport), layer.meta.time);
            }
            return Ok(());
        }
        match ip.proto {
            proto::IPIP | proto::IPV6 => {
                out.push(packet);
                self.ip_in_ip(ip, layer, out);
                Ok(())
            }
            proto::GRE => {
                self.gre(ip, layer, packet, out);
                Ok(())
            }
            proto::AH => {
                out.push(packet);
                self.authenticated(ip, layer, out)
            }
            _ => self.transport(ip, layer, packet, out),
        }
    }

    /// One piece of a packet that counts once, when all of it has come.
    fn put_together(
        &mut self,
        ip: &IpPacket<'_>,
        part: Part,
        key: FragmentKey,
        layer: Layer,
        out: &mut Vec<Packet>,
    ) -> Parsed {
        self.stats.fragments += 1;
        let Some(whole) = self.pieces.add(key, part, ip.body, ip.body_len) else { return Ok(()) };
        let header = ip.ip_len - ip.body_len;
        let body = &whole.head[..whole.head.len().min(whole.length as usize)];
        let packet = IpPacket { ip_len: header + whole.length, body_len: whole.length, body, part: None, ..*ip };
        self.ip(&packet, Layer { missing: whole.length - body.len() as u32, ..layer }, out)
    }

    /// What follows an authentication header is in the clear (RFC 4302): it is a session of its own.
    fn authenticated(&mut self, ip: &IpPacket<'_>, layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        let (Some(&next), Some(&words)) = (ip.body.first(), ip.body.get(1)) else {
            return Err(Skip::Truncated);
        };
        let size = (usize::from(words) + 2) * 4;
        if size < 12 || size > ip.body_len as usize {
            return Err(Skip::Malformed);
        }
        let layer = Layer { depth: layer.depth + 1, ..layer };
        self.enter(layer)?;
        let body = ip.body.get(size..).ok_or(Skip::Truncated)?;
        let inner = IpPacket { proto: next, body, body_len: ip.body_len - size as u32, part: None, ..*ip };
        self.ip(&inner, layer, out)
    }
}

/// How long the packet can be: what the wire held behind the bytes already read.
fn remaining(bytes: &[u8], layer: Layer) -> u32 {
    layer.missing.saturating_add(bytes.len() as u32)
}
