//! The store as the end of the ingest pipeline.

use std::sync::{Arc, Mutex, PoisonError};

use analytics::{SessionStore, SessionWriter, WriterSettings, WriterStats};
use arrow::record_batch::RecordBatch;
use tracker::Micros;

use crate::enrich::Enricher;
use crate::ingest::RecordSink;

/// Name, in file names of the store, of what makes sessions of flow records.
pub const FLOW: &str = "flow";
/// Name, in file names of the store, of what makes sessions of packets.
pub const WIRE: &str = "wire";

/// What the writer has done, for whoever asks.
#[derive(Debug, Clone, Default)]
pub struct SharedStats(Arc<Mutex<WriterStats>>);

impl SharedStats {
    /// The counts so far.
    pub fn get(&self) -> WriterStats {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stats: WriterStats) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}

/// Writes batches into a store.
pub struct StoreSink {
    writer: SessionWriter,
    enricher: Option<Arc<Enricher>>,
    stats: SharedStats,
}

impl StoreSink {
    /// A sink into this store, for this collector.
    pub fn new(store: &SessionStore, collector: &str, settings: WriterSettings) -> Self {
        Self { writer: store.writer(collector, settings), enricher: None, stats: SharedStats::default() }
    }

    /// The sink, which fills in what is known before it writes.
    #[must_use]
    pub fn enriched(self, enricher: &Arc<Enricher>) -> Self {
        Self { enricher: Some(Arc::clone(enricher)), ..self }
    }

    /// Its counts, which go on changing.
    pub fn stats(&self) -> SharedStats {
        self.stats.clone()
    }

    fn publish<E>(&self, result: Result<(), E>) -> anyhow::Result<()>
    where
        anyhow::Error: From<E>,
    {
        self.stats.set(self.writer.stats());
        Ok(result?)
    }
}

impl RecordSink for StoreSink {
    fn append(&mut self, batch: RecordBatch, now: Micros) -> anyhow::Result<()> {
        let batch = match self.enricher.as_ref().map(|enricher| enricher.enrich(&batch)) {
            Some(Ok(enriched)) => enriched,
            Some(Err(error)) => {
                tracing::error!(%error, "sessions are stored as they came");
                batch
            }
            None => batch,
        };
        let result = self.writer.append(&batch, now);
        self.publish(result)
    }

    fn tick(&mut self, now: Micros) -> anyhow::Result<()> {
        let result = self.writer.tick(now);
        self.publish(result)
    }

    fn finish(&mut self, _now: Micros) -> anyhow::Result<()> {
        let result = self.writer.flush();
        self.publish(result)
    }
}
