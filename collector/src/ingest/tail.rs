//! The end of the live pipeline: the thread that stitches and the thread that feeds the sink.
//!
//! Owns their loops and what others see of them; must not know what the stages do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tracker::Micros;

use super::journal::Journal;
use super::stage::Stage;
use super::{Clock, IngestError, RecordSink};
use crate::netflow::FlowRecord;
use crate::receive::Queue;
use crate::stitch::{ExporterQuality, StitchCounters};

/// How long a stage waits for work before it looks after its deadlines.
const PATIENCE: Duration = Duration::from_millis(100);
/// Views are renewed this often.
const PUBLISH: Micros = 250_000;

/// What others see of stitching.
#[derive(Debug, Default)]
pub(super) struct StitchView {
    pub(super) qualities: Vec<ExporterQuality>,
    pub(super) counters: StitchCounters,
    pub(super) recovered: u64,
    pub(super) known: u64,
}

/// What others see of the sink.
#[derive(Debug, Default)]
pub(super) struct SinkView {
    pub(super) stored: u64,
    pub(super) refused: u64,
}

/// The content of a view. Views are replaced as a whole, so a panicked writer leaves the former one.
pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stitches until the queue is closed and empty; gives the journal back.
pub(super) fn run_stitch(
    mut stage: Stage<QueueSink>,
    mut journal: Option<Journal>,
    flows: &Queue<Vec<FlowRecord>>,
    clock: &Clock,
    view: &Mutex<StitchView>,
) -> Option<Journal> {
    let mut blocks = Vec::new();
    let mut published = 0;
    let publish = |stage: &Stage<QueueSink>| {
        *lock(view) = StitchView {
            qualities: stage.stitcher().exporters(),
            counters: stage.stitcher().counters(),
            recovered: stage.recovered,
            known: stage.known,
        };
    };
    while flows.take_all(PATIENCE, &mut blocks).is_ok() {
        for block in blocks.drain(..) {
            let now = clock();
            keep(&mut journal, |journal| journal.append(now, &block));
            report(stage.flows(&block, now));
        }
        let now = clock();
        keep(&mut journal, |journal| journal.tick(now));
        report(stage.tick(now));
        if now - published >= PUBLISH {
            published = now;
            publish(&stage);
        }
    }
    report(stage.finish(clock()));
    publish(&stage);
    journal
}

/// Does something with the journal where there is one; a journal that fails is said, and ingest goes on.
fn keep(journal: &mut Option<Journal>, work: impl FnOnce(&mut Journal) -> std::io::Result<()>) {
    if let Some(Err(error)) = journal.as_mut().map(work) {
        tracing::error!(%error, "the journal cannot be written: a crash would lose sessions that wait");
    }
}

fn report(result: Result<(), IngestError>) {
    if let Err(error) = result {
        tracing::error!(%error, "sessions lost");
    }
}

/// Hands batches to the sink's thread.
pub(super) struct QueueSink(pub(super) Arc<Queue<RecordBatch>>);

impl RecordSink for QueueSink {
    fn append(&mut self, batch: RecordBatch, _now: Micros) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.push(batch), "the sink has stopped");
        Ok(())
    }

    fn tick(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Feeds the sink until the queue is closed and empty.
pub(super) fn run_sink(
    mut sink: Box<dyn RecordSink>,
    batches: &Queue<RecordBatch>,
    clock: &Clock,
    view: &Mutex<SinkView>,
) -> Result<(), IngestError> {
    let mut waiting = Vec::new();
    while batches.take_all(PATIENCE, &mut waiting).is_ok() {
        for batch in waiting.drain(..) {
            let rows = batch.num_rows() as u64;
            let result = sink.append(batch, clock());
            let mut view = lock(view);
            match result {
                Ok(()) => view.stored += rows,
                Err(error) => {
                    view.refused += rows;
                    drop(view);
                    report(Err(IngestError::Sink(error)));
                }
            }
        }
        report(sink.tick(clock()).map_err(IngestError::Sink));
    }
    sink.finish(clock()).map_err(IngestError::Sink)
}
