//! Keeping a store in shape: small files merged, and the oldest sessions removed by age and by size.

use std::fs;

use tracker::Micros;

use crate::error::Result;
use crate::store::compact::MERGED;
use crate::store::layout::{HOUR, LATEST, SESSIONS, date_folder, hour_folder, hour_of};
use crate::store::{SessionStore, seal};

/// Hours back to which small files are looked for, but at the first time: all of them.
const RECENT: i64 = 48;

/// How long and how much is kept. `None`: without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Sessions that ended longer ago go, by whole hours.
    pub age: Option<Micros>,
    /// Session files are kept below this many bytes; the oldest hours go first. The newest hour always stays.
    pub bytes: Option<u64>,
}

/// What an upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// Small files merged into larger ones.
    pub merged: u64,
    /// Session rows removed.
    pub removed_rows: u64,
    /// Bytes of session files removed.
    pub removed_bytes: u64,
    /// Bytes of session files that there are now.
    pub bytes: u64,
}

impl SessionStore {
    /// Merges small files, and removes what the retention leaves out. `first`: hours of any age are merged, not only
    /// recent ones.
    ///
    /// # Errors
    /// Files cannot be listed, written or removed.
    pub fn upkeep(&self, now: Micros, retention: Retention, first: bool) -> Result<Upkeep> {
        if first {
            seal::remove_leftovers(self.root(), MERGED);
        }
        let removed = self.expire(now, retention)?;
        let since = if first { 0 } else { now - RECENT * HOUR };
        let merged = self.compact(now, since)? as u64;
        Ok(Upkeep { merged, ..removed })
    }

    /// Removes the hours that are too old, and the oldest ones while there is too much.
    fn expire(&self, now: Micros, retention: Retention) -> Result<Upkeep> {
        let mut done = Upkeep::default();
        let mut hours = Vec::new();
        for hour in self.hours(0, LATEST)? {
            let files = self.hour(hour)?;
            let sum =
                |value: fn(&crate::store::footer::SessionFile) -> u64| files.iter().map(|f| value(f)).sum::<u64>();
            let (bytes, rows) = (sum(|file| file.size), sum(|file| file.rows));
            done.bytes += bytes;
            hours.push((hour, bytes, rows));
        }
        let mut horizon = self.horizon().hour;
        if let Some(age) = retention.age {
            horizon = horizon.max(hour_of(now.saturating_sub(age)));
        }
        let newest = hours.last().map(|(hour, ..)| *hour);
        let mut left = done.bytes;
        for &(hour, bytes, _) in hours.iter().filter(|(hour, ..)| Some(*hour) != newest) {
            if hour >= horizon && retention.bytes.is_some_and(|most| left > most) {
                horizon = hour + 1;
            }
            if hour < horizon {
                left -= bytes;
            }
        }
        self.move_horizon(|known| known.hour = horizon)?;
        for &(hour, bytes, rows) in hours.iter().filter(|(hour, ..)| *hour < horizon) {
            let folder = hour_folder(self.root(), hour);
            seal::remove(&folder)?;
            // The day's folder goes with its last hour.
            let _ = fs::remove_dir(self.root().join(SESSIONS).join(date_folder(hour)));
            done.removed_bytes += bytes;
            done.removed_rows += rows;
            done.bytes -= bytes;
        }
        Ok(done)
    }
}
