//! One capture thread: frames from the ring through the parser into its own session table.
//!
//! Owns no thread and no clock: whoever runs it gives the time and says when to stop.

use std::io;
use std::time::Duration;

use crate::Micros;
use crate::capture::{Capture, CaptureStats};
use crate::packet::Packet;
use crate::parse::{ParseStats, Parser};
use crate::table::{SessionTable, Sink, TableStats};

/// How long frames may stay in the ring before they are seen: time-outs wait for them.
const RING_LATENCY: Micros = 100_000;
/// How many packets go to the table at once.
const BATCH: usize = 512;

/// What one capture thread has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveStats {
    /// The kernel's counters.
    pub capture: CaptureStats,
    /// The parser's.
    pub parse: ParseStats,
    /// The table's.
    pub table: TableStats,
    /// Sessions in the table.
    pub sessions: usize,
    /// Bytes the table holds.
    pub bytes: usize,
    /// The table is short of room.
    pub emergency: bool,
}

/// A capture, its parser and its table.
#[derive(Debug)]
pub struct Live {
    capture: Capture,
    parser: Parser,
    table: SessionTable,
    packets: Vec<Packet>,
}

impl Live {
    /// Joins the three.
    pub fn new(capture: Capture, parser: Parser, table: SessionTable) -> Self {
        Self { capture, parser, table, packets: Vec::with_capacity(2 * BATCH) }
    }

    /// Follows one block of frames, or waits up to `patience` for one; then lets time pass up to `now()`.
    ///
    /// # Errors
    /// The capture fails, as when the interface goes away. The table is still whole.
    pub fn turn(&mut self, patience: Duration, now: impl FnOnce() -> Micros, sink: &mut dyn Sink) -> io::Result<bool> {
        let Self { capture, parser, table, packets } = self;
        let seen = capture.next_block(patience, |link, frame, meta| {
            parser.parse(link, frame, meta, packets);
            if packets.len() >= BATCH {
                table.on_packets(packets, sink);
                packets.clear();
            }
        });
        table.on_packets(packets, sink);
        packets.clear();
        table.advance(now() - RING_LATENCY, sink);
        seen
    }

    /// The table.
    pub fn table(&self) -> &SessionTable {
        &self.table
    }

    /// The table, for what comes from its neighbours.
    pub fn table_mut(&mut self) -> &mut SessionTable {
        &mut self.table
    }

    /// Ends every session.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        self.table.finish(sink);
    }

    /// All counters.
    ///
    /// # Errors
    /// The kernel's cannot be read.
    pub fn stats(&mut self) -> io::Result<LiveStats> {
        Ok(LiveStats {
            capture: self.capture.stats()?,
            parse: self.parser.stats(),
            table: self.table.stats(),
            sessions: self.table.len(),
            bytes: self.table.bytes(),
            emergency: self.table.is_emergency(),
        })
    }
}
