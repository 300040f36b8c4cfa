//! The ingest pipeline: datagrams, flow records, sessions, batches, sink.
//!
//! Owns how the stages are joined, live (threads and bounded queues) and for files (one call after another, same stages).
//! Must not know what the sink does with batches.

mod counters;
mod journal;
mod keeper;
mod live;
mod load;
mod sessions;
mod sockets;
mod stage;
mod tail;
mod worker;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tracker::{BatchError, Micros};

pub use counters::IngestCounters;
pub use journal::JournalSettings;
pub use live::{Ingest, IngestHandle};
pub use load::{LoadSettings, LoadSummary, Loader};
pub use sockets::SocketDrops;

use crate::enrich::InterfaceNames;
use crate::netflow::DecoderSettings;
use crate::receive::{AdmissionSettings, SocketError};
use crate::stitch::StitchSettings;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// Where session batches go.
pub trait RecordSink: Send {
    /// Takes a batch of [`tracker::session_schema`].
    fn append(&mut self, batch: RecordBatch, now: Micros) -> anyhow::Result<()>;

    /// Called several times a second, so that what is old enough can be flushed.
    fn tick(&mut self, now: Micros) -> anyhow::Result<()>;

    /// Called once, at the end: everything must be made durable.
    fn finish(&mut self, now: Micros) -> anyhow::Result<()>;
}

impl RecordSink for Box<dyn RecordSink> {
    fn append(&mut self, batch: RecordBatch, now: Micros) -> anyhow::Result<()> {
        (**self).append(batch, now)
    }

    fn tick(&mut self, now: Micros) -> anyhow::Result<()> {
        (**self).tick(now)
    }

    fn finish(&mut self, now: Micros) -> anyhow::Result<()> {
        (**self).finish(now)
    }
}

/// What a process needs to go on where an earlier one was killed.
#[derive(Clone)]
pub struct Recovery {
    /// Where records are kept until their sessions have been written.
    pub journal: JournalSettings,
    /// Ids of the sessions that were stored at this time or later.
    pub stored_since: StoredSince,
}

/// Tells the ids of the sessions that were stored at a time or later.
pub type StoredSince = Arc<dyn Fn(Micros) -> anyhow::Result<HashSet<u64>> + Send + Sync>;

/// How the live pipeline runs.
#[derive(Clone)]
pub struct IngestSettings {
    /// UDP addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Decode workers.
    pub workers: usize,
    /// Datagrams that may wait per worker.
    pub queue: usize,
    /// Receive buffer to ask for per socket, octets.
    pub receive_buffer: usize,
    /// Decoder.
    pub decoder: DecoderSettings,
    /// Stitcher.
    pub stitch: StitchSettings,
    /// Rows per batch at most.
    pub batch_rows: usize,
    /// How long a session may wait in a batch.
    pub batch_age: Duration,
    /// Time of receipt.
    pub clock: Clock,
    /// How to survive a crash; without it, sessions that wait for their other half are lost by one.
    pub recovery: Option<Recovery>,
    /// Who may send, and how much.
    pub admission: AdmissionSettings,
    /// File in which templates and what else is known of exporters outlive the process; without it they do not.
    pub exporters: Option<PathBuf>,
    /// Where names of interfaces go.
    pub names: Arc<InterfaceNames>,
}

impl IngestSettings {
    /// Defaults for these addresses and this clock.
    pub fn new(listen: Vec<SocketAddr>, clock: Clock) -> Self {
        Self {
            listen,
            workers: std::thread::available_parallelism().map_or(1, |n| n.get().clamp(1, 8)),
            queue: 65_536,
            receive_buffer: 32 << 20,
            decoder: DecoderSettings::default(),
            stitch: StitchSettings::default(),
            batch_rows: 8_192,
            batch_age: Duration::from_millis(300),
            clock,
            recovery: None,
            admission: AdmissionSettings::default(),
            exporters: None,
            names: Arc::default(),
        }
    }
}

/// Why ingest could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A socket could not be bound.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A thread could not be started.
    #[error("failed to start thread {name}: {source}")]
    Thread {
        /// Which.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread died.
    #[error("thread {0} panicked")]
    Panicked(String),
    /// Records could not be put into a batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The journal cannot be opened.
    #[error("failed to open the journal: {0}")]
    Journal(std::io::Error),
    /// The sink refused.
    #[error("failed to store sessions: {0:#}")]
    Sink(anyhow::Error),
}

#[cfg(test)]
mod tests;
