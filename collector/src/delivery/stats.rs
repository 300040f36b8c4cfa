//! How a sink is doing, counted where it happens and read by whoever asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether a sink takes what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SinkState {
    /// It took everything so far, or was given nothing yet.
    #[default]
    Well,
    /// It does not take what it is given at the moment; it is tried again.
    Failing,
}

/// Counts of one sink since the program started.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SinkCounts {
    /// Whether it takes what it is given.
    pub state: SinkState,
    /// Documents handed over to the spool.
    pub accepted: u64,
    /// Documents that the sink took.
    pub delivered: u64,
    /// Attempts that failed, each counted once however many documents it had.
    pub failures: u64,
    /// Documents that were sent again.
    pub retried: u64,
    /// Documents that the sink will never take; they are in the dead-letter file.
    pub rejected: u64,
    /// Documents that a newer version of themselves made needless before they were sent.
    pub superseded: u64,
    /// Messages that were given up because the spool was full.
    pub dropped: u64,
    /// When it last took something, ms since the epoch.
    pub last_delivery: Option<i64>,
    /// What it last said against it.
    pub last_error: Option<String>,
    /// When the oldest document that waits was handed over, ms since the epoch.
    pub oldest: Option<i64>,
    /// Documents that wait in the spool.
    pub waiting: u64,
    /// Disk space that they take, bytes.
    pub bytes: u64,
    /// Documents that were lost to a damaged disk.
    pub damaged: u64,
    /// The spool is full: results and sessions wait in the store.
    pub full: bool,
}

/// Counts that several parts share.
#[derive(Debug, Clone, Default)]
pub struct SharedCounts(Arc<Mutex<SinkCounts>>);

impl SharedCounts {
    /// The counts now.
    pub fn get(&self) -> SinkCounts {
        self.lock().clone()
    }

    /// Changes the counts.
    pub fn update(&self, change: impl FnOnce(&mut SinkCounts)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, SinkCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
