//! The session writer: collects batches and seals them as files, by rows and by age.
//!
//! What has been flushed survives a kill; what has not is lost and never half there. Time comes in as an argument.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::{AsArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use tracker::Micros;
use ulid::Ulid;

use crate::error::Result;
use crate::store::layout::{LATEST, hour_folder, hour_of};
use crate::store::{SessionStore, seal};

/// Unflushed rows are kept up to this many times `max_rows` while the disk refuses.
const BACKLOG: usize = 8;

/// When a writer flushes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterSettings {
    /// At this many rows.
    pub max_rows: usize,
    /// When the oldest row has waited this long.
    pub max_age: Duration,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self { max_rows: 65_536, max_age: Duration::from_secs(5) }
    }
}

/// What a writer has done. `rows_in` equals the sum of all others and the rows that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Rows handed in.
    pub rows_in: u64,
    /// Rows in sealed files.
    pub rows_written: u64,
    /// Rows refused because their end is before 1970 or after 2200.
    pub rows_implausible: u64,
    /// Rows refused because the disk has refused for too long.
    pub rows_dropped: u64,
    /// Files sealed.
    pub files: u64,
}

/// Writes one collector's sessions.
#[derive(Debug)]
pub struct SessionWriter {
    store: SessionStore,
    prefix: String,
    settings: WriterSettings,
    waiting: BTreeMap<i64, Vec<RecordBatch>>,
    rows: usize,
    oldest: Option<Micros>,
    stats: WriterStats,
}

impl SessionWriter {
    pub(super) fn new(store: SessionStore, prefix: String, settings: WriterSettings) -> Self {
        let stats = WriterStats::default();
        Self { store, prefix, settings, waiting: BTreeMap::new(), rows: 0, oldest: None, stats }
    }

    /// Takes a batch of the session schema over; flushes when there are `max_rows`.
    ///
    /// # Errors
    /// The flush failed. The rows are kept and tried again with the next flush, up to a bounded backlog beyond which
    /// new rows are dropped and counted.
    pub fn append(&mut self, batch: &RecordBatch, now: Micros) -> Result<()> {
        self.stats.rows_in += batch.num_rows() as u64;
        if self.rows + batch.num_rows() > self.settings.max_rows.max(1).saturating_mul(BACKLOG) && self.rows > 0 {
            self.flush_at(now).inspect_err(|_| self.stats.rows_dropped += batch.num_rows() as u64)?;
        }
        self.split(batch)?;
        if self.rows > 0 {
            self.oldest.get_or_insert(now);
        }
        if self.rows >= self.settings.max_rows { self.flush_at(now) } else { Ok(()) }
    }

    /// Flushes when the oldest row has waited `max_age`.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn tick(&mut self, now: Micros) -> Result<()> {
        let age = i64::try_from(self.settings.max_age.as_micros()).unwrap_or(Micros::MAX);
        match self.oldest {
            Some(oldest) if now.saturating_sub(oldest) >= age => self.flush_at(now),
            _ => Ok(()),
        }
    }

    /// Seals everything that waits.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn flush(&mut self) -> Result<()> {
        self.flush_at(self.oldest.unwrap_or(0))
    }

    /// What the writer has done so far.
    pub fn stats(&self) -> WriterStats {
        self.stats
    }

    /// Rows that wait for the next flush.
    pub fn waiting(&self) -> usize {
        self.rows
    }

    /// Sorts the rows of a batch into the hours of their ends.
    fn split(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(ends) = batch.column_by_name("end").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
        else {
            return Err(tracker::BatchError::Column("end").into());
        };
        let mut rows: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (row, end) in (0u32..).zip(ends.values()) {
            if (0..LATEST).contains(end) {
                rows.entry(hour_of(*end)).or_default().push(row);
            } else {
                self.stats.rows_implausible += 1;
            }
        }
        for (hour, rows) in rows {
            let part = if rows.len() == batch.num_rows() {
                batch.clone()
            } else {
                take_record_batch(batch, &UInt32Array::from(rows))?
            };
            self.rows += part.num_rows();
            self.waiting.entry(hour).or_default().push(part);
        }
        Ok(())
    }

    fn flush_at(&mut self, now: Micros) -> Result<()> {
        while let Some((&hour, batches)) = self.waiting.first_key_value() {
            let id = Ulid::from_datetime(UNIX_EPOCH + Duration::from_micros(u64::try_from(now).unwrap_or(0)));
            let target =
                hour_folder(self.store.root(), hour).join(format!("{}-{}.parquet", self.prefix, id.to_string()));
            let rows = seal::write_sessions(self.store.root(), &target, batches, &[])?;
            self.waiting.pop_first();
            self.rows -= rows;
            self.stats.rows_written += rows as u64;
            self.stats.files += 1;
        }
        self.oldest = None;
        Ok(())
    }
}

impl Drop for SessionWriter {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::error!(%error, rows = self.rows, "unflushed sessions lost");
        }
    }
}
