//! From flow records to batches in the sink: the part of the pipeline that live and file ingest share.
//!
//! Owns the stitcher and the batch under construction; must not know threads.

use std::collections::HashSet;

use tracker::record::SessionRecord;
use tracker::{Micros, SessionBatchBuilder};

use super::journal::Journal;
use super::{IngestError, RecordSink, Recovery};
use crate::netflow::FlowRecord;
use crate::stitch::{StitchSettings, Stitcher};

pub(super) struct Stage<S> {
    stitcher: Stitcher,
    sessions: Vec<SessionRecord>,
    batch: SessionBatchBuilder,
    /// When the oldest row of the batch was added.
    oldest: Option<Micros>,
    rows: usize,
    age: Micros,
    sink: S,
    /// Sessions handed to the sink, and those it refused.
    pub(super) stored: u64,
    pub(super) refused: u64,
    /// Sessions that were stored before a crash, by id, and until when they may be made again.
    before: HashSet<u64>,
    before_until: Micros,
    /// Records taken from the journal, and sessions made of them that had been stored already.
    pub(super) recovered: u64,
    pub(super) known: u64,
}

impl<S: RecordSink> Stage<S> {
    pub(super) fn new(settings: StitchSettings, rows: usize, age: Micros, sink: S) -> Self {
        Self {
            stitcher: Stitcher::new(settings),
            sessions: Vec::new(),
            batch: SessionBatchBuilder::default(),
            oldest: None,
            rows: rows.max(1),
            age,
            sink,
            stored: 0,
            refused: 0,
            before: HashSet::new(),
            before_until: 0,
            recovered: 0,
            known: 0,
        }
    }

    pub(super) fn stitcher(&self) -> &Stitcher {
        &self.stitcher
    }

    /// Goes on where an earlier process ended: takes the records of its journal on the clock of their arrival. Sessions
    /// that it had stored are not handed out again.
    pub(super) fn recover(&mut self, recovery: &Recovery, now: Micros) -> Result<Journal, IngestError> {
        let (journal, blocks) = Journal::open(recovery.journal.clone(), now).map_err(IngestError::Journal)?;
        if let Some(oldest) = journal.oldest() {
            self.before = (recovery.stored_since)(oldest).map_err(IngestError::Sink)?;
            self.before_until = now + recovery.journal.keep.as_micros() as Micros;
        }
        for block in blocks {
            self.recovered += block.flows.len() as u64;
            self.tick(block.arrived)?;
            self.flows(&block.flows, block.arrived)?;
        }
        if self.recovered > 0 {
            tracing::info!(records = self.recovered, "recovered from the journal");
        }
        Ok(journal)
    }

    /// Takes flow records at `now`.
    pub(super) fn flows(&mut self, flows: &[FlowRecord], now: Micros) -> Result<(), IngestError> {
        self.stitcher.on_flows(flows, now, &mut self.sessions);
        self.collect(now)
    }

    /// Hands out what is due at `now`: sessions, and a batch that has waited long enough.
    pub(super) fn tick(&mut self, now: Micros) -> Result<(), IngestError> {
        while self.stitcher.expire_some(now, &mut self.sessions) {
            self.collect(now)?;
        }
        self.collect(now)?;
        if now > self.before_until && !self.before.is_empty() {
            self.before = HashSet::new();
        }
        if self.oldest.is_some_and(|oldest| now - oldest >= self.age) {
            self.flush(now)?;
        }
        Ok(())
    }

    /// Hands out everything and finishes the sink.
    pub(super) fn finish(&mut self, now: Micros) -> Result<(), IngestError> {
        while self.stitcher.finish_some(&mut self.sessions) {
            self.collect(now)?;
        }
        self.collect(now)?;
        self.flush(now)?;
        self.sink.finish(now).map_err(IngestError::Sink)
    }

    /// Moves finished sessions into the batch.
    fn collect(&mut self, now: Micros) -> Result<(), IngestError> {
        let mut sessions = std::mem::take(&mut self.sessions);
        if !self.before.is_empty() {
            let all = sessions.len();
            sessions.retain(|session| !self.before.contains(&session.session_id));
            self.known += (all - sessions.len()) as u64;
        }
        let (mut rest, mut result) = (sessions.as_slice(), Ok(()));
        while !rest.is_empty() {
            let (fit, more) = rest.split_at(rest.len().min(self.rows - self.batch.len()));
            self.batch.extend(fit);
            self.oldest.get_or_insert(now);
            if self.batch.len() == self.rows {
                result = result.and(self.flush(now));
            }
            rest = more;
        }
        // The allocation is kept for the next round.
        sessions.clear();
        self.sessions = sessions;
        result
    }

    fn flush(&mut self, now: Micros) -> Result<(), IngestError> {
        self.oldest = None;
        if self.batch.is_empty() {
            return Ok(());
        }
        let rows = self.batch.len() as u64;
        let appended = match self.batch.finish() {
            Ok(batch) => self.sink.append(batch, now).map_err(IngestError::Sink),
            Err(error) => Err(error.into()),
        };
        match appended {
            Ok(()) => self.stored += rows,
            Err(_) => self.refused += rows,
        }
        appended
    }
}
