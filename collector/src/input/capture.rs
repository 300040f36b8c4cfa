//! Export datagrams out of pcap and pcapng captures.
//!
//! Owns reading of capture blocks and their clocks; must not know frames' contents.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};
use tracker::Micros;

use super::link::{Link, udp_payload};
use super::{InputDatagram, InputError, InputKind, InputSummary};

const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const PCAP: [[u8; 4]; 4] =
    [[0xa1, 0xb2, 0xc3, 0xd4], [0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [0x4d, 0x3c, 0xb2, 0xa1]];
/// Nanosecond captures, in either byte order.
const NANOSECONDS: [[u8; 4]; 2] = [[0xa1, 0xb2, 0x3c, 0x4d], [0x4d, 0x3c, 0xb2, 0xa1]];
const BUFFER: usize = 1 << 18;
/// The largest packet that is read.
const MAX_BUFFER: usize = 1 << 24;

/// Whether the file begins like a capture.
pub(super) fn is_capture(bytes: &[u8]) -> bool {
    bytes.first_chunk::<4>().is_some_and(|magic| *magic == PCAPNG || PCAP.contains(magic))
}

/// One packet of a capture.
struct Packet<'a> {
    link: Link,
    time: Micros,
    frame: &'a [u8],
}

/// Hands on the payload of every UDP datagram that begins like an export message.
///
/// `start` is the beginning of the file, which `file` delivers once more.
pub(super) fn read(
    name: &Path,
    start: &[u8],
    file: &mut dyn Read,
    each: &mut dyn FnMut(InputDatagram<'_>) -> ControlFlow<()>,
) -> Result<InputSummary, InputError> {
    let is_ng = start.starts_with(&PCAPNG);
    let nanoseconds = start.first_chunk::<4>().is_some_and(|magic| NANOSECONDS.contains(magic));
    let kind = if is_ng { InputKind::PcapNg } else { InputKind::Pcap };
    let mut summary = InputSummary { kind, packets: 0, datagrams: 0, skipped: 0, truncated: false };
    let mut packet = |packet: &Packet<'_>| {
        summary.packets += 1;
        let payload = udp_payload(packet.link, packet.frame).filter(|(_, payload)| begins_like_export(payload));
        let Some((source, payload)) = payload else {
            summary.skipped += 1;
            return ControlFlow::Continue(());
        };
        summary.datagrams += 1;
        each(InputDatagram { source, received: packet.time, payload })
    };
    let damaged = |reason: String| InputError::Damaged { path: name.to_owned(), reason };
    let result = if is_ng { pcapng(file, &mut packet) } else { pcap(file, nanoseconds, &mut packet) };
    summary.truncated = result.map_err(damaged)?;
    Ok(summary)
}

fn begins_like_export(payload: &[u8]) -> bool {
    payload.len() >= 16 && matches!(payload, [0, 5 | 7 | 9 | 10, ..])
}

type Each<'a> = dyn FnMut(&Packet<'_>) -> ControlFlow<()> + 'a;

/// Whether the file ended in the middle of a packet.
fn pcap(file: &mut dyn Read, nanoseconds: bool, each: &mut Each<'_>) -> Result<bool, String> {
    let mut reader = LegacyPcapReader::new(BUFFER, Whole(file)).map_err(|error| format!("{error:?}"))?;
    let mut link = Link::Other;
    loop {
        let step = match reader.next() {
            Ok((offset, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => link = Link::of(header.network.0),
                    PcapBlockOwned::Legacy(block) => {
                        let fraction = i64::from(block.ts_usec) / if nanoseconds { 1000 } else { 1 };
                        let time = i64::from(block.ts_sec) * 1_000_000 + fraction;
                        let length = (block.caplen as usize).min(block.data.len());
                        if each(&Packet { link, time, frame: &block.data[..length] }).is_break() {
                            return Ok(false);
                        }
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                Step::Consume(offset)
            }
            Err(error) => Step::after(&error),
        };
        if let Some(truncated) = step.take(&mut reader)? {
            return Ok(truncated);
        }
    }
}

/// Fills the buffer as far as the file goes: the capture readers take a short read for the end.
struct Whole<'a>(&'a mut dyn Read);

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// How reading goes on after a block or an error.
enum Step {
    Consume(usize),
    Refill,
    Grow,
    End { truncated: bool },
    Broken(String),
}

impl Step {
    fn after(error: &PcapError<&[u8]>) -> Self {
        match error {
            PcapError::Eof => Self::End { truncated: false },
            PcapError::UnexpectedEof => Self::End { truncated: true },
            PcapError::Incomplete(_) => Self::Refill,
            PcapError::BufferTooSmall => Self::Grow,
            PcapError::NomError(_, kind) | PcapError::OwnedNomError(_, kind) => Self::Broken(format!("{kind:?}")),
            PcapError::ReadError => Self::Broken("read error".to_owned()),
            PcapError::HeaderNotRecognized => Self::Broken("unknown header".to_owned()),
        }
    }

    /// Takes the step; whether the file was cut, when it is the last one.
    fn take(self, reader: &mut dyn PcapReaderIterator) -> Result<Option<bool>, String> {
        match self {
            Self::Consume(length) => reader.consume(length),
            Self::Refill if reader.reader_exhausted() => return Ok(Some(true)),
            Self::Refill => return reader.refill().map(|()| None).map_err(|_| "read error".to_owned()),
            Self::Grow if reader.grow(MAX_BUFFER) => {}
            Self::Grow => return Err("a block is too large".to_owned()),
            Self::End { truncated } => return Ok(Some(truncated)),
            Self::Broken(reason) => return Err(reason),
        }
        Ok(None)
    }
}

/// Link and clock of a pcapng interface.
#[derive(Clone, Copy)]
struct Interface {
    link: Link,
    /// Ticks per second.
    ticks: u64,
    offset: i64,
}

impl Interface {
    fn time(&self, high: u32, low: u32) -> Micros {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let micros = u128::from(ticks) * 1_000_000 / u128::from(self.ticks.max(1));
        i64::try_from(micros).unwrap_or(i64::MAX).saturating_add(self.offset.saturating_mul(1_000_000))
    }
}

fn pcapng(file: &mut dyn Read, each: &mut Each<'_>) -> Result<bool, String> {
    let mut reader = PcapNGReader::new(BUFFER, Whole(file)).map_err(|error| format!("{error:?}"))?;
    let mut interfaces: Vec<Interface> = Vec::new();
    loop {
        let step = match reader.next() {
            Ok((offset, block)) => {
                if let PcapBlockOwned::NG(block) = block
                    && ng_block(&block, &mut interfaces, each).is_break()
                {
                    return Ok(false);
                }
                Step::Consume(offset)
            }
            Err(error) => Step::after(&error),
        };
        if let Some(truncated) = step.take(&mut reader)? {
            return Ok(truncated);
        }
    }
}

fn ng_block(block: &Block<'_>, interfaces: &mut Vec<Interface>, each: &mut Each<'_>) -> ControlFlow<()> {
    match block {
        // A new section numbers its interfaces from zero again.
        Block::SectionHeader(_) => interfaces.clear(),
        Block::InterfaceDescription(description) => interfaces.push(Interface {
            link: Link::of(description.linktype.0),
            ticks: description.ts_resolution().unwrap_or(1_000_000),
            offset: description.ts_offset(),
        }),
        Block::EnhancedPacket(packet) => {
            let Some(interface) = interfaces.get(packet.if_id as usize) else { return ControlFlow::Continue(()) };
            let length = (packet.caplen as usize).min(packet.data.len());
            let time = interface.time(packet.ts_high, packet.ts_low);
            return each(&Packet { link: interface.link, time, frame: &packet.data[..length] });
        }
        Block::SimplePacket(packet) => {
            let Some(interface) = interfaces.first() else { return ControlFlow::Continue(()) };
            return each(&Packet { link: interface.link, time: 0, frame: packet.data });
        }
        _ => {}
    }
    ControlFlow::Continue(())
}
