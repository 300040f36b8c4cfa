//! Frames to packets: link layers, tunnels, IP and transport headers.
//!
//! Sans-IO. Whatever a frame holds, the parser counts it and goes on; it owns the fragment cache and no session.

mod checksum;
mod fragments;
mod ip;
mod link;
mod pieces;
mod transport;
mod tunnel;

pub use link::LinkType;

use crate::Micros;
use crate::packet::{Packet, TunnelKind};
use fragments::Fragments;
use pieces::Pieces;

/// What is done with frames beyond reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSettings {
    /// Validate IP, TCP, UDP and ICMP checksums where the whole packet was captured.
    pub checksums: bool,
    /// Take a checksum that covers only the pseudo header for right: the card was to complete it, and the packet was
    /// captured before it did.
    pub partial_checksums: bool,
    /// How many tunnels are opened, one inside the other (default 4).
    pub max_depth: u8,
    /// UDP ports that carry VXLAN (IANA 4789; 8472 is what Linux used before there was one, and some still do).
    pub vxlan_ports: Vec<u16>,
    /// UDP ports that carry Geneve (IANA 6081).
    pub geneve_ports: Vec<u16>,
    /// Count a fragmented packet once, when all its fragments have come, and not fragment by fragment.
    pub reassemble: bool,
    /// How many fragmented packets are remembered for the ports of their later fragments.
    pub max_fragments: usize,
}

impl Default for ParseSettings {
    fn default() -> Self {
        Self {
            checksums: true,
            partial_checksums: true,
            max_depth: 4,
            vxlan_ports: vec![4789, 8472],
            geneve_ports: vec![6081],
            reassemble: false,
            max_fragments: 4096,
        }
    }
}

impl ParseSettings {
    /// Settings under which packets count as they do for Zeek.
    pub fn zeek() -> Self {
        Self { partial_checksums: false, reassemble: true, vxlan_ports: vec![4789], ..Self::default() }
    }
}

/// What a capture says of a frame beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameMeta {
    /// When it was seen.
    pub time: Micros,
    /// Its length on the wire; the captured bytes may be fewer.
    pub wire_len: u32,
    /// A VLAN id that the network card took out of the frame.
    pub vlan: Option<u16>,
    /// The checksum need not be validated: the card did, or has yet to compute it.
    pub checksum_known: bool,
}

/// Why a frame, or a layer of it, gave no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    /// No IP in it.
    NotIp,
    /// The captured bytes end within a header.
    Truncated,
    /// A header contradicts itself or the frame.
    Malformed,
    /// A link type the parser does not read.
    Link,
    /// The IP header checksum is wrong.
    IpChecksum,
    /// More tunnels inside each other than allowed.
    TooDeep,
}

/// Counters of the parser. `frames` = frames that gave at least one packet + the sum of the skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParseStats {
    /// Frames given to the parser.
    pub frames: u64,
    /// Packets that came out (a tunnelled frame gives several).
    pub packets: u64,
    /// Frames without IP.
    pub not_ip: u64,
    /// Frames, or tunnelled packets, captured too short for their headers.
    pub truncated: u64,
    /// Frames, or tunnelled packets, whose headers make no sense.
    pub malformed: u64,
    /// Frames of a link type that is not read.
    pub unsupported_link: u64,
    /// Packets with a wrong IP header checksum, not tracked.
    pub bad_ip_checksum: u64,
    /// Packets with a wrong transport checksum.
    pub bad_checksum: u64,
    /// Tunnelled packets nested deeper than allowed.
    pub too_deep: u64,
    /// Later fragments whose first fragment was seen; with `reassemble` every fragment.
    pub fragments: u64,
    /// Later fragments whose first fragment was not seen.
    pub fragments_unknown: u64,
    /// Frames larger than an Ethernet frame on the wire: segmentation offload, packet counts are too low.
    pub oversized: u64,
}

impl ParseStats {
    fn skip(&mut self, why: Skip) {
        match why {
            Skip::NotIp => self.not_ip += 1,
            Skip::Truncated => self.truncated += 1,
            Skip::Malformed => self.malformed += 1,
            Skip::Link => self.unsupported_link += 1,
            Skip::IpChecksum => self.bad_ip_checksum += 1,
            Skip::TooDeep => self.too_deep += 1,
        }
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct Parser {
    settings: ParseSettings,
    stats: ParseStats,
    fragments: Fragments,
    pieces: Pieces,
}

/// What the layers above have said of the packet being read.
#[derive(Debug, Clone, Copy)]
struct Layer {
    meta: FrameMeta,
    /// Bytes of the packet that were on the wire and not captured.
    missing: u32,
    vlan: u32,
    tunnel_kind: TunnelKind,
    tunnel: u32,
    depth: u8,
}

impl Layer {
    /// Adds a VLAN tag; the first two are kept.
    fn tag(&mut self, id: u16) {
        let id = u32::from(id & 0x0fff);
        if self.vlan.trailing_zeros() >= 16 {
            self.vlan |= id;
        } else if self.vlan >> 16 == 0 {
            self.vlan |= id << 16;
        }
    }

    /// The layer inside a tunnel: link-layer tags of the carrier do not belong to what it carries.
    fn inside(self, kind: TunnelKind, id: u32) -> Self {
        Self { vlan: 0, tunnel_kind: kind, tunnel: id, depth: self.depth + 1, ..self }
    }
}

type Parsed = Result<(), Skip>;

/// Largest Ethernet frame without offloading, jumbo frames included.
const JUMBO: u32 = 9_234;

impl Parser {
    /// A parser with these settings and nothing remembered.
    pub fn new(settings: ParseSettings) -> Self {
        let fragments = Fragments::new(settings.max_fragments);
        let pieces = Pieces::new(settings.max_fragments);
        Self { settings, stats: ParseStats::default(), fragments, pieces }
    }

    /// The counters so far.
    pub fn stats(&self) -> ParseStats {
        self.stats
    }

    /// Reads one frame and appends its packets, the outermost first. A frame that cannot be read is counted.
    pub fn parse(&mut self, link: LinkType, frame: &[u8], meta: FrameMeta, out: &mut Vec<Packet>) {
        self.stats.frames += 1;
        self.stats.oversized += u64::from(meta.wire_len > JUMBO);
        let before = out.len();
        let missing = meta.wire_len.saturating_sub(frame.len() as u32);
        let mut layer = Layer { meta, missing, vlan: 0, tunnel_kind: TunnelKind::None, tunnel: 0, depth: 0 };
        if let Some(id) = meta.vlan {
            layer.tag(id);
        }
        if let Err(why) = self.link(link, frame, layer, out) {
            self.stats.skip(why);
        }
        self.stats.packets += (out.len() - before) as u64;
    }
}

/// Two bytes in network order.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Four bytes in network order.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests;
