//! Tunnels: IP in IP, GRE (RFC 2784, 2890, PPTP of RFC 2637), VXLAN (RFC 7348), Geneve (RFC 8926), Teredo (RFC 4380),
//! GTP-U (3GPP TS 29.281).
//!
//! The carrier stays a packet of its own; what cannot be opened is counted and costs only the inner packet.

use crate::packet::{Packet, TunnelKind};

use super::ip::IpPacket;
use super::link::ether;
use super::{Layer, Parsed, Parser, Skip, be16, be32};

/// IANA ports of tunnels that have one.
const GTP_PORT: u16 = 2152;
const TEREDO_PORT: u16 = 3544;
const MAX_GTP_EXTENSIONS: usize = 8;

impl Parser {
    /// Opens the next layer; a failure is counted here, for the carrier itself was read.
    fn open(&mut self, layer: Layer, read: impl FnOnce(&mut Self, Layer) -> Parsed) {
        if let Err(why) = self.enter(layer).and_then(|()| read(self, layer)) {
            self.stats.skip(why);
        }
    }

    pub(super) fn ip_in_ip(&mut self, ip: &IpPacket<'_>, layer: Layer, out: &mut Vec<Packet>) {
        let inner = layer.inside(TunnelKind::Ip, 0);
        self.open(inner, |parser, layer| parser.any_ip(ip.body, layer, out));
    }

    pub(super) fn gre(&mut self, ip: &IpPacket<'_>, layer: Layer, packet: Packet, out: &mut Vec<Packet>) {
        out.push(packet);
        let (Some(flags), Some(kind)) = (be16(ip.body, 0), be16(ip.body, 2)) else {
            self.stats.skip(Skip::Truncated);
            return;
        };
        if flags & 7 == 1 {
            self.pptp(flags, kind, ip.body, layer, out);
            return;
        }
        // Routing (bit 14) is obsolete.
        if flags & 7 != 0 || flags & 0x4000 != 0 {
            return;
        }
        let mut size = if flags & 0x8000 == 0 { 4 } else { 8 };
        let mut id = 0;
        if flags & 0x2000 != 0 {
            id = be32(ip.body, size).unwrap_or(0);
            size += 4;
        }
        let sequenced = flags & 0x1000 != 0;
        size += if sequenced { 4 } else { 0 };
        if kind == ether::ERSPAN {
            // Type I has no header of its own, type II eight bytes.
            size += if sequenced { 8 } else { 0 };
        }
        let inner = layer.inside(TunnelKind::Gre, id);
        self.open(inner, |parser, layer| {
            let rest = ip.body.get(size..).ok_or(Skip::Truncated)?;
            match kind {
                ether::BRIDGED | ether::ERSPAN => parser.ethernet(rest, layer, out),
                kind => parser.ether_type(kind, rest, layer, out),
            }
        });
    }

    /// Version 1 of GRE: PPP of the call that the second half of the key names.
    fn pptp(&mut self, flags: u16, kind: u16, body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        let sequenced = flags & 0x1000 != 0;
        if kind != ether::PPP || flags & 0x2000 == 0 || !sequenced {
            return; // an acknowledgment alone
        }
        let size = if flags & 0x80 == 0 { 12 } else { 16 };
        let call = u32::from(be16(body, 6).unwrap_or(0));
        self.open(layer.inside(TunnelKind::Gre, call), |parser, layer| {
            let rest = body.get(size..).ok_or(Skip::Truncated)?;
            let rest = rest.strip_prefix(&[0xff, 0x03]).unwrap_or(rest);
            match parser.ppp(rest, layer, out) {
                // Compressed, encrypted or about the link itself.
                Err(Skip::NotIp) => Ok(()),
                result => result,
            }
        });
    }

    /// Opens what is tunnelled behind a UDP header, by its ports.
    pub(super) fn udp_tunnel(&mut self, packet: &Packet, body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        let port = packet.dport;
        if self.settings.vxlan_ports.contains(&port) {
            self.vxlan(body, layer, out);
        } else if self.settings.geneve_ports.contains(&port) {
            self.geneve(body, layer, out);
        } else if port == GTP_PORT {
            self.gtp(body, layer, out);
        } else if port == TEREDO_PORT || packet.sport == TEREDO_PORT {
            self.teredo(body, layer, out);
        }
    }

    /// User data of GTP version 1; other messages carry no packet.
    fn gtp(&mut self, body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        let (Some(&flags), Some(&kind), Some(teid)) = (body.first(), body.get(1), be32(body, 4)) else { return };
        if flags >> 4 != 3 || kind != 255 {
            return;
        }
        self.open(layer.inside(TunnelKind::Gtp, teid), |parser, layer| {
            let mut at = 8;
            if flags & 7 != 0 {
                let mut next = *body.get(11).ok_or(Skip::Truncated)?;
                at = 12;
                for _ in 0..MAX_GTP_EXTENSIONS {
                    if next == 0 {
                        break;
                    }
                    let words = usize::from(*body.get(at).ok_or(Skip::Truncated)?);
                    if words == 0 {
                        return Err(Skip::Malformed);
                    }
                    at += words * 4;
                    next = *body.get(at - 1).ok_or(Skip::Truncated)?;
                }
            }
            parser.any_ip(body.get(at..).ok_or(Skip::Truncated)?, layer, out)
        });
    }

    /// IPv6 behind the indicators of Teredo (RFC 4380 section 5.1.1). The port alone does not make it Teredo: what does not
    /// look like it is ordinary UDP.
    fn teredo(&mut self, mut body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        if let [0, 1, identifier, secret, ..] = *body {
            let size = 13 + usize::from(identifier) + usize::from(secret);
            body = body.get(size..).unwrap_or_default();
        }
        body = if body.starts_with(&[0, 0]) { body.get(8..).unwrap_or_default() } else { body };
        let length = be16(body, 4).map_or(usize::MAX, |length| usize::from(length) + 40);
        if body.first().is_some_and(|first| first >> 4 == 6) && length <= body.len() {
            self.open(layer.inside(TunnelKind::Teredo, 0), |parser, layer| parser.ipv6(body, layer, out));
        }
    }

    fn vxlan(&mut self, body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        let (Some(&flags), Some(vni)) = (body.first(), be32(body, 4)) else {
            self.stats.skip(Skip::Truncated);
            return;
        };
        if flags & 0x08 == 0 {
            self.stats.skip(Skip::Malformed);
            return;
        }
        let inner = layer.inside(TunnelKind::Vxlan, vni >> 8);
        self.open(inner, |parser, layer| parser.ethernet(&body[8..], layer, out));
    }

    fn geneve(&mut self, body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        let (Some(&first), Some(kind), Some(vni)) = (body.first(), be16(body, 2), be32(body, 4)) else {
            self.stats.skip(Skip::Truncated);
            return;
        };
        if first >> 6 != 0 {
            self.stats.skip(Skip::Malformed);
            return;
        }
        let size = 8 + usize::from(first & 0x3f) * 4;
        let inner = layer.inside(TunnelKind::Geneve, vni >> 8);
        self.open(inner, |parser, layer| {
            let rest = body.get(size..).ok_or(Skip::Truncated)?;
            match kind {
                ether::BRIDGED => parser.ethernet(rest, layer, out),
                kind => parser.ether_type(kind, rest, layer, out),
            }
        });
    }
}
