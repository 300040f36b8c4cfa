//! The blocks of pcapng (draft-ietf-opsawg-pcapng): section headers, interfaces, packets.

use std::io::Read;

use super::source::Source;
use super::{Found, Interface, MAX_FRAME, MAX_TIME, PcapError, SECTION, to_micros};
use crate::parse::LinkType;

const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// From this type on blocks hold no packets; names, statistics, keys and the like may be long.
const FIRST_OTHER: u32 = 7;
const MAX_BLOCK: usize = 16 << 20;

/// How many interfaces one section may describe.
const MAX_INTERFACES: usize = 1 << 16;

/// The byte order a file was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    /// Four bytes at `at`; 0 behind the end.
    pub fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let Some(Ok(four)) = bytes.get(at..at + 4).map(TryInto::try_into) else { return 0 };
        match self {
            Self::Big => u32::from_be_bytes(four),
            Self::Little => u32::from_le_bytes(four),
        }
    }

    /// Two bytes at `at`; 0 behind the end.
    pub fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let Some(Ok(two)) = bytes.get(at..at + 2).map(TryInto::try_into) else { return 0 };
        match self {
            Self::Big => u16::from_be_bytes(two),
            Self::Little => u16::from_le_bytes(two),
        }
    }
}

/// Reads blocks up to and including the next packet.
pub(super) fn next_packet<R: Read>(
    source: &mut Source<R>,
    order: &mut Order,
    interfaces: &mut Vec<Interface>,
) -> Result<Option<Found>, PcapError> {
    loop {
        let offset = source.offset();
        let malformed = |what| PcapError::Malformed { offset, what };
        let Some(head) = source.peek(12)? else { return Ok(None) };
        if Order::Big.u32(head, 0) == SECTION {
            *order = match Order::Big.u32(head, 8) {
                0x1a2b_3c4d => Order::Big,
                0x4d3c_2b1a => Order::Little,
                _ => return Err(malformed("a section without byte order")),
            };
            interfaces.clear();
        }
        let (kind, length) = (order.u32(head, 0), order.u32(head, 4) as usize);
        let limit = if kind >= FIRST_OTHER { MAX_BLOCK } else { MAX_FRAME + 4096 };
        if length < 12 || !length.is_multiple_of(4) || length > limit {
            return Err(malformed("a block of impossible length"));
        }
        let Some(block) = source.take(length)? else { return Ok(None) };
        // Header (type, length) and the repeated length do not belong to the body.
        let body = &block[8..length - 4];
        match kind {
            INTERFACE if interfaces.len() < MAX_INTERFACES => interfaces.push(interface(*order, body)),
            INTERFACE => return Err(malformed("too many interfaces")),
            ENHANCED_PACKET | OLD_PACKET if body.len() >= 20 => {
                let id = if kind == OLD_PACKET { u32::from(order.u16(body, 0)) } else { order.u32(body, 0) };
                let interface = interfaces.get(id as usize).ok_or_else(|| malformed("an unknown interface"))?;
                let units = u64::from(order.u32(body, 4)) << 32 | u64::from(order.u32(body, 8));
                let captured = order.u32(body, 12) as usize;
                if captured > body.len() - 20 {
                    return Err(malformed("a packet longer than its block"));
                }
                let offset = interface.offset.saturating_mul(1_000_000).clamp(-MAX_TIME, MAX_TIME);
                let time = (to_micros(units, interface.resolution) + offset).clamp(-MAX_TIME, MAX_TIME);
                let wire_len = order.u32(body, 16);
                return Ok(Some(Found { link: interface.link, range: 28..28 + captured, time: Some(time), wire_len }));
            }
            SIMPLE_PACKET if body.len() >= 4 => {
                let interface = interfaces.first().ok_or_else(|| malformed("an unknown interface"))?;
                let wire_len = order.u32(body, 0);
                let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
                let captured = (wire_len.min(limit) as usize).min(body.len() - 4);
                // Simple packets have no time: they came after the packet before.
                return Ok(Some(Found { link: interface.link, range: 12..12 + captured, time: None, wire_len }));
            }
            ENHANCED_PACKET | OLD_PACKET | SIMPLE_PACKET => return Err(malformed("a packet block too short")),
            _ => {}
        }
    }
}

/// An interface description: link type, snap length, and the options for resolution (9) and offset (14) of times.
fn interface(order: Order, body: &[u8]) -> Interface {
    let mut found = Interface {
        link: LinkType::from_pcap(order.u16(body, 0)),
        snap_len: order.u32(body, 4),
        resolution: 1_000_000,
        offset: 0,
    };
    let mut rest = body.get(8..).unwrap_or_default();
    while rest.len() >= 4 {
        let (code, length) = (order.u16(rest, 0), usize::from(order.u16(rest, 2)));
        let Some(value) = rest.get(4..4 + length) else { break };
        match (code, length) {
            (0, _) => break,
            (9, 1) if value[0] & 0x80 == 0 => found.resolution = 10u64.saturating_pow(u32::from(value[0])),
            (9, 1) => found.resolution = 1u64 << (value[0] & 0x3f),
            (14, 8) => {
                let halves = (order.u32(value, 0), order.u32(value, 4));
                let (high, low) = if order == Order::Big { halves } else { (halves.1, halves.0) };
                found.offset = (u64::from(high) << 32 | u64::from(low)) as i64;
            }
            _ => {}
        }
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}
