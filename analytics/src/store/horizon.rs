//! How far back a store goes: what was removed because it was too old or too much.
//!
//! The horizon is moved before anything behind it is removed, so that a crash in between leaves files that no longer
//! count and are removed later.

use std::fs;

use crate::error::{Result, StoreError};
use crate::store::{SessionStore, seal};

/// File under the root that keeps it.
const FILE: &str = "horizon";

/// What has been removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Horizon {
    /// Sessions of hours (since the epoch) before this are gone. What was made of them stays as it is.
    pub hour: i64,
    /// Counts and results of buckets that start before this (s) are gone.
    pub start: i64,
    /// Fold of the marks of those buckets.
    pub lineage: u64,
}

impl SessionStore {
    /// The horizon now; everything is there where none was ever set.
    pub(crate) fn horizon(&self) -> Horizon {
        let read = || {
            let text = fs::read_to_string(self.root().join(FILE)).ok()?;
            let mut parts = text.split_whitespace();
            let (hour, start) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some(Horizon { hour, start, lineage: u64::from_str_radix(parts.next()?, 16).ok()? })
        };
        read().unwrap_or_default()
    }

    /// Moves the horizon. Both of its parts only ever move forward.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn move_horizon(&self, change: impl FnOnce(&mut Horizon)) -> Result<()> {
        let _one_at_a_time = self.catalogue();
        let known = self.horizon();
        let mut next = known;
        change(&mut next);
        if next == known {
            return Ok(());
        }
        let path = self.root().join(FILE);
        fs::create_dir_all(self.root().join(super::layout::TEMPORARY)).map_err(StoreError::io("create", &path))?;
        seal::write_stream(self.root(), &path, |out| {
            writeln!(out, "{} {} {:x}", next.hour.max(known.hour), next.start.max(known.start), next.lineage)
        })
    }
}
