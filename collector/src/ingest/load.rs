//! Ingest of files: the stages called one after another, on the exporters' own clock.
//!
//! Owns the clock of replay; must not know file formats.

use std::net::SocketAddr;
use std::time::Duration;

use tracker::Micros;

use super::stage::Stage;
use super::{IngestCounters, IngestError, RecordSink};
use crate::exporters::{ExporterStats, decoder_stats, join};
use crate::netflow::{Decoder, DecoderSettings, Drops, FlowRecord};
use crate::stitch::StitchSettings;

/// Records of one export time that are stitched together, about.
const BLOCK: usize = 256;

/// How files are ingested.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Decoder.
    pub decoder: DecoderSettings,
    /// Stitcher. Sessions wait for the hold even when certain, so that files of several exporters meet.
    pub stitch: StitchSettings,
    /// Rows per batch at most.
    pub batch_rows: usize,
}

impl Default for LoadSettings {
    fn default() -> Self {
        let stitch = StitchSettings { emit_certain: false, ..StitchSettings::default() };
        Self { decoder: DecoderSettings::default(), stitch, batch_rows: 65_536 }
    }
}

/// What a load did.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadSummary {
    /// Counts of all stages.
    pub counters: IngestCounters,
    /// Every exporter.
    pub exporters: Vec<ExporterStats>,
}

/// Ingests datagrams from files.
pub struct Loader<S> {
    decoder: Decoder,
    stage: Stage<S>,
    /// Records that were exported at `now` and are still to be stitched.
    flows: Vec<FlowRecord>,
    /// The latest export time.
    now: Micros,
    bytes: u64,
}

impl<S: RecordSink> Loader<S> {
    /// A pipeline into this sink.
    pub fn new(settings: LoadSettings, sink: S) -> Self {
        let age = Duration::from_hours(1).as_micros() as Micros;
        Self {
            decoder: Decoder::new(settings.decoder),
            stage: Stage::new(settings.stitch, settings.batch_rows, age, sink),
            flows: Vec::new(),
            now: 0,
            bytes: 0,
        }
    }

    /// Takes one datagram; `received` is its capture time, 0 where unknown.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn datagram(&mut self, source: SocketAddr, received: Micros, payload: &[u8]) -> Result<(), IngestError> {
        self.bytes += payload.len() as u64;
        let waiting = self.flows.len();
        let exported = self.decoder.decode(source, received, payload, &mut self.flows);
        // Exporters' clocks differ; the clock of replay only moves forward.
        let now = self.now.max(exported.unwrap_or(0));
        if now > self.now {
            let fresh = self.flows.split_off(waiting);
            self.stitch()?;
            (self.now, self.flows) = (now, fresh);
        } else if self.flows.len() < BLOCK {
            return Ok(());
        }
        self.stitch()
    }

    /// Stitches what waits.
    fn stitch(&mut self) -> Result<(), IngestError> {
        self.stage.flows(&self.flows, self.now)?;
        self.flows.clear();
        self.stage.tick(self.now)
    }

    /// Hands out every session and finishes the sink.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn finish(mut self) -> Result<LoadSummary, IngestError> {
        self.decoder.finish();
        self.stitch()?;
        self.stage.finish(self.now)?;
        let totals = self.decoder.totals();
        let counters = IngestCounters {
            received: totals.datagrams,
            received_bytes: self.bytes,
            receive_drops: Drops::default(),
            kernel_dropped: 0,
            decoder: totals,
            stitch: self.stage.stitcher().counters(),
            stored: self.stage.stored,
            refused: self.stage.refused,
            recovered: self.stage.recovered,
            known: self.stage.known,
        };
        let exporters = join(decoder_stats(&self.decoder, self.now), &self.stage.stitcher().exporters());
        Ok(LoadSummary { counters, exporters })
    }
}
