//! Link layers: Ethernet with VLAN tags, MPLS and `PPPoE`, Linux cooked, raw IP, BSD loopback, PPP, HDLC, firewall logs.

use crate::packet::Packet;

use super::{Layer, Parsed, Parser, Skip, be16, be32};

/// How frames begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet.
    Ethernet,
    /// BSD loopback: the address family, in either byte order.
    Loopback,
    /// Linux cooked capture v1.
    Cooked,
    /// Linux cooked capture v2.
    Cooked2,
    /// IP without a link layer.
    RawIp,
    /// PPP, with or without HDLC framing.
    Ppp,
    /// PPP over Ethernet without the Ethernet header.
    Pppoe,
    /// Cisco HDLC.
    CiscoHdlc,
    /// OpenBSD's pf log.
    Pflog,
    /// Linux netfilter log.
    Nflog,
    /// A type the parser does not read.
    Other(u16),
}

impl LinkType {
    /// The link type behind a `LINKTYPE_` value of pcap and pcapng files.
    pub fn from_pcap(value: u16) -> Self {
        match value {
            1 => Self::Ethernet,
            0 | 108 => Self::Loopback,
            113 => Self::Cooked,
            276 => Self::Cooked2,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            9 | 50 => Self::Ppp,
            51 => Self::Pppoe,
            104 => Self::CiscoHdlc,
            117 => Self::Pflog,
            239 => Self::Nflog,
            other => Self::Other(other),
        }
    }
}

/// `EtherType` values (IEEE).
pub(super) mod ether {
    pub const IPV4: u16 = 0x0800;
    pub const IPV6: u16 = 0x86dd;
    pub const VLAN: u16 = 0x8100;
    pub const QINQ: u16 = 0x88a8;
    pub const QINQ_OLD: u16 = 0x9100;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const PPPOE: u16 = 0x8864;
    pub const BRIDGED: u16 = 0x6558;
    pub const ERSPAN: u16 = 0x88be;
    pub const PPP: u16 = 0x880b;
}

/// How many tags, labels and shims are read in one frame.
const MAX_SHIMS: usize = 16;

impl Parser {
    pub(super) fn link(&mut self, link: LinkType, frame: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        match link {
            LinkType::Ethernet => self.ethernet(frame, layer, out),
            LinkType::Loopback => {
                let family = be32(frame, 0).ok_or(Skip::Truncated)?;
                // The family is in the byte order of the capturing host; all values in use are small.
                let family = if family > 0xffff { family.swap_bytes() } else { family };
                match family {
                    2 | 10 | 24 | 28 | 30 => self.any_ip(&frame[4..], layer, out),
                    _ => Err(Skip::NotIp),
                }
            }
            LinkType::Cooked => {
                let kind = be16(frame, 14).ok_or(Skip::Truncated)?;
                self.ether_type(kind, &frame[16..], layer, out)
            }
            LinkType::Cooked2 => {
                let kind = be16(frame, 0).ok_or(Skip::Truncated)?;
                self.ether_type(kind, frame.get(20..).ok_or(Skip::Truncated)?, layer, out)
            }
            LinkType::RawIp => self.any_ip(frame, layer, out),
            LinkType::Ppp => {
                let start = if frame.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
                self.ppp(&frame[start..], layer, out)
            }
            LinkType::Pppoe => self.ppp(frame.get(6..).ok_or(Skip::Truncated)?, layer, out),
            LinkType::CiscoHdlc => {
                let kind = be16(frame, 2).ok_or(Skip::Truncated)?;
                self.ether_type(kind, &frame[4..], layer, out)
            }
            LinkType::Pflog => {
                // The first byte is the length of the header, which is padded to four bytes.
                let size = usize::from(*frame.first().ok_or(Skip::Truncated)?).next_multiple_of(4);
                self.any_ip(frame.get(size..).ok_or(Skip::Truncated)?, layer, out)
            }
            LinkType::Nflog => self.nflog(frame, layer, out),
            LinkType::Other(_) => Err(Skip::Link),
        }
    }

    /// The payload among the attributes of a netfilter log message.
    fn nflog(&mut self, frame: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        const PAYLOAD: u16 = 9;
        let mut rest = frame.get(4..).ok_or(Skip::Truncated)?;
        loop {
            let head = rest.get(..4).ok_or(Skip::NotIp)?;
            // Attributes are in the byte order of the capturing host; no message is as long as 64 KiB of headers.
            let read = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
            let swapped = read(2) > 0xff;
            let [length, kind] = [read(0), read(2)].map(|value| if swapped { value.swap_bytes() } else { value });
            let length = usize::from(length);
            if length < 4 {
                return Err(Skip::Malformed);
            }
            if kind & 0x3fff == PAYLOAD {
                return self.any_ip(rest.get(4..length.min(rest.len())).ok_or(Skip::Truncated)?, layer, out);
            }
            rest = rest.get(length.next_multiple_of(4)..).ok_or(Skip::Truncated)?;
        }
    }

    pub(super) fn ethernet(&mut self, frame: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        let kind = be16(frame, 12).ok_or(Skip::Truncated)?;
        self.ether_type(kind, &frame[14..], layer, out)
    }

    /// Reads what an `EtherType` announces, through any number of tags.
    pub(super) fn ether_type(
        &mut self,
        mut kind: u16,
        mut rest: &[u8],
        mut layer: Layer,
        out: &mut Vec<Packet>,
    ) -> Parsed {
        for _ in 0..MAX_SHIMS {
            match kind {
                ether::IPV4 => return self.ipv4(rest, layer, out),
                ether::IPV6 => return self.ipv6(rest, layer, out),
                ether::VLAN | ether::QINQ | ether::QINQ_OLD => {
                    layer.tag(be16(rest, 0).ok_or(Skip::Truncated)?);
                    kind = be16(rest, 2).ok_or(Skip::Truncated)?;
                    rest = &rest[4..];
                }
                ether::MPLS | ether::MPLS_MULTICAST => return self.mpls(rest, layer, out),
                ether::PPPOE => return self.ppp(rest.get(6..).ok_or(Skip::Truncated)?, layer, out),
                length if length < 0x0600 => {
                    // IEEE 802.3 with LLC and SNAP (RFC 1042).
                    if !rest.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]) {
                        return Err(Skip::NotIp);
                    }
                    kind = be16(rest, 6).ok_or(Skip::Truncated)?;
                    if kind < 0x0600 {
                        return Err(Skip::NotIp);
                    }
                    rest = &rest[8..];
                }
                _ => return Err(Skip::NotIp),
            }
        }
        Err(Skip::Malformed)
    }

    /// The label stack (RFC 3032), then IP by its first nibble, or Ethernet behind a control word (RFC 4385).
    fn mpls(&mut self, mut rest: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        for _ in 0..MAX_SHIMS {
            let label = be32(rest, 0).ok_or(Skip::Truncated)?;
            rest = &rest[4..];
            if label & 0x100 != 0 {
                return match rest.first().ok_or(Skip::Truncated)? >> 4 {
                    4 => self.ipv4(rest, layer, out),
                    6 => self.ipv6(rest, layer, out),
                    0 => {
                        let inner = rest.get(4..).ok_or(Skip::Truncated)?;
                        let next = Layer { depth: layer.depth + 1, ..layer };
                        self.enter(next)?;
                        self.ethernet(inner, next, out)
                    }
                    _ => Err(Skip::NotIp),
                };
            }
        }
        Err(Skip::Malformed)
    }

    /// The protocol field of PPP (RFC 1661), compressed to one byte or not.
    pub(super) fn ppp(&mut self, rest: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        let first = *rest.first().ok_or(Skip::Truncated)?;
        let (kind, size) =
            if first & 1 == 1 { (u16::from(first), 1) } else { (be16(rest, 0).ok_or(Skip::Truncated)?, 2) };
        match kind {
            0x0021 => self.ipv4(&rest[size..], layer, out),
            0x0057 => self.ipv6(&rest[size..], layer, out),
            0x0281 => self.mpls(&rest[size..], layer, out),
            _ => Err(Skip::NotIp),
        }
    }

    /// IP of either version, by its first nibble.
    pub(super) fn any_ip(&mut self, rest: &[u8], layer: Layer, out: &mut Vec<Packet>) -> Parsed {
        match rest.first().ok_or(Skip::Truncated)? >> 4 {
            4 => self.ipv4(rest, layer, out),
            6 => self.ipv6(rest, layer, out),
            _ => Err(Skip::NotIp),
        }
    }

    /// Refuses a layer that is nested too deep.
    pub(super) fn enter(&self, layer: Layer) -> Parsed {
        if layer.depth > self.settings.max_depth { Err(Skip::TooDeep) } else { Ok(()) }
    }
}
