//! Tunnels: IP in IP, GRE (RFC 2784, 2890), VXLAN (RFC 7348), Geneve (RFC 8926).
//!
//! The carrier stays a packet of its own; what cannot be opened is counted and costs only the inner packet.

use crate::packet::{Packet, TunnelKind};

use super::ip::IpPacket;
use super::link::ether;
use super::{Layer, Parsed, Parser, Skip, be16, be32};

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
        // Version 1 (RFC 2637) carries PPP of one PPTP call; routing (bit 14) is obsolete.
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

    /// Opens VXLAN and Geneve behind a UDP header, by the destination port.
    pub(super) fn udp_tunnel(&mut self, port: u16, body: &[u8], layer: Layer, out: &mut Vec<Packet>) {
        if self.settings.vxlan_ports.contains(&port) {
            self.vxlan(body, layer, out);
        } else if self.settings.geneve_ports.contains(&port) {
            self.geneve(body, layer, out);
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
