//! Reads packet capture files, pcap and pcapng, as a stream with bounded memory.
//!
//! Owns both file formats; gives frames, not packets. A file that ends within a record gives what was whole.

mod block;
mod source;

use std::io::Read;

use crate::Micros;
use crate::parse::{FrameMeta, LinkType};
use block::Order;
use source::Source;

/// Why a capture file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PcapError {
    /// The file could not be read.
    #[error("failed to read capture: {0}")]
    Io(#[from] std::io::Error),
    /// The first bytes are those of no capture format.
    #[error("not a pcap or pcapng capture")]
    Format,
    /// A record contradicts the format.
    #[error("malformed capture at byte {offset}: {what}")]
    Malformed {
        /// Where in the file the record begins.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// One captured frame; its bytes are borrowed from the reader.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// How the frame begins.
    pub link: LinkType,
    /// The captured bytes.
    pub data: &'a [u8],
    /// When, and how long on the wire.
    pub meta: FrameMeta,
}

/// Largest frame that is believed. The formats allow 4 GiB.
const MAX_FRAME: usize = 1 << 20;

/// No time stamp is taken to be later than this (the year 38 500), so that sums of times stay in range.
const MAX_TIME: Micros = 1 << 60;

/// What one interface of a pcapng section says of its packets.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    snap_len: u32,
    /// Units per second.
    resolution: u64,
    /// Seconds added to every time stamp.
    offset: i64,
}

#[derive(Debug)]
enum Format {
    Pcap { order: Order, interface: Interface },
    PcapNg { order: Order, interfaces: Vec<Interface> },
}

/// A capture file being read.
#[derive(Debug)]
pub struct PcapReader<R> {
    source: Source<R>,
    format: Format,
    truncated: bool,
    /// Time of the last frame.
    latest: Micros,
}

const PCAP_MICROS: u32 = 0xa1b2_c3d4;
const PCAP_NANOS: u32 = 0xa1b2_3c4d;
/// The type of a section header block reads the same in both byte orders.
const SECTION: u32 = 0x0a0d_0d0a;

impl<R: Read> PcapReader<R> {
    /// Begins to read a capture; the format is told by its first bytes.
    ///
    /// # Errors
    /// No capture, or an unreadable one.
    pub fn new(reader: R) -> Result<Self, PcapError> {
        let mut source = Source::new(reader);
        let Some(head) = source.peek(4)? else { return Err(PcapError::Format) };
        let magic = Order::Big.u32(head, 0);
        let format = if magic == SECTION {
            Format::PcapNg { order: Order::Big, interfaces: Vec::new() }
        } else {
            let (order, resolution) = match (magic, magic.swap_bytes()) {
                (PCAP_MICROS, _) => (Order::Big, 1_000_000),
                (PCAP_NANOS, _) => (Order::Big, 1_000_000_000),
                (_, PCAP_MICROS) => (Order::Little, 1_000_000),
                (_, PCAP_NANOS) => (Order::Little, 1_000_000_000),
                _ => return Err(PcapError::Format),
            };
            let Some(header) = source.take(24)? else { return Err(PcapError::Format) };
            // The upper half of the link type holds the frame check sequence length.
            let link = LinkType::from_pcap(order.u32(header, 20) as u16);
            Format::Pcap { order, interface: Interface { link, snap_len: 0, resolution, offset: 0 } }
        };
        Ok(Self { source, format, truncated: false, latest: 0 })
    }

    /// Whether the file ended within a record.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The next frame, `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or a record contradicts the format; what came before stands.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, PcapError> {
        let frame = match &mut self.format {
            Format::Pcap { order, interface } => next_record(&mut self.source, *order, *interface)?,
            Format::PcapNg { order, interfaces } => block::next_packet(&mut self.source, order, interfaces)?,
        };
        let Some(found) = frame else {
            self.truncated = self.source.remains()?;
            return Ok(None);
        };
        self.latest = found.time.unwrap_or(self.latest);
        let data = self.source.last(found.range.clone());
        let meta = FrameMeta {
            time: self.latest,
            wire_len: found.wire_len.max(data.len() as u32),
            vlan: None,
            checksum_known: false,
        };
        Ok(Some(Frame { link: found.link, data, meta }))
    }
}

/// A frame within the bytes last taken from the source.
#[derive(Debug)]
struct Found {
    link: LinkType,
    range: std::ops::Range<usize>,
    /// `None` where the format has no time.
    time: Option<Micros>,
    wire_len: u32,
}

fn next_record<R: Read>(
    source: &mut Source<R>,
    order: Order,
    interface: Interface,
) -> Result<Option<Found>, PcapError> {
    let offset = source.offset();
    let Some(header) = source.peek(16)? else { return Ok(None) };
    let (seconds, fraction) = (order.u32(header, 0), order.u32(header, 4));
    let (captured, wire_len) = (order.u32(header, 8) as usize, order.u32(header, 12));
    if captured > MAX_FRAME {
        return Err(PcapError::Malformed { offset, what: "a frame of more than 1 MiB" });
    }
    if source.take(16 + captured)?.is_none() {
        return Ok(None);
    }
    let time = i64::from(seconds) * 1_000_000 + to_micros(u64::from(fraction), interface.resolution);
    Ok(Some(Found { link: interface.link, range: 16..16 + captured, time: Some(time), wire_len }))
}

/// Units of `resolution` per second as microseconds.
fn to_micros(units: u64, resolution: u64) -> Micros {
    (u128::from(units) * 1_000_000 / u128::from(resolution.max(1))).min(MAX_TIME as u128) as Micros
}

#[cfg(test)]
mod tests;
