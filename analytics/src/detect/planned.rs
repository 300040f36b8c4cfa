//! Planned work: what calendars leave out of detection.
//!
//! Owns which perspectives of a bucket are left out. Must not know how buckets are scored.

use std::collections::BTreeMap;

use jobs::{Prefix, Schema, failed_sessions};
use tracker::Perspective;

use crate::detect::detector::fold;
use crate::error::Result;
use crate::jobs::{JobShelf, PlannedEvent, Skips, skipped};
use crate::store::SessionStore;

/// The planned events of each perspective's job.
#[derive(Debug, Default)]
pub struct Planned {
    events: BTreeMap<Perspective, Vec<PlannedEvent>>,
    span: u32,
}

impl Planned {
    /// What the store's calendars say of the jobs with this prefix, in either vocabulary.
    ///
    /// # Errors
    /// The calendars cannot be read.
    pub fn read(store: &SessionStore, prefix: &Prefix, span: u32) -> Result<Self> {
        let mut events: BTreeMap<Perspective, Vec<PlannedEvent>> = BTreeMap::new();
        for calendar in JobShelf::open(store).calendars()? {
            let concerned = |perspective: &Perspective| {
                Schema::ALL.iter().any(|&schema| calendar.concerns(&failed_sessions(prefix, schema, *perspective)))
            };
            for &perspective in Perspective::ALL.iter().filter(|perspective| concerned(perspective)) {
                events.entry(perspective).or_default().extend_from_slice(&calendar.events);
            }
        }
        Ok(Self { events, span })
    }

    /// What is left out of a perspective of the bucket that starts at `start` (s).
    pub fn skips(&self, perspective: Perspective, start: i64) -> Skips {
        self.events.get(&perspective).map_or_else(Skips::default, |events| skipped(events, start, self.span))
    }

    /// The mark of a bucket's counts together with what is planned for it: where that changes, it is scored again.
    pub fn mark(&self, start: i64, mark: u64) -> u64 {
        let bits = Perspective::ALL.iter().fold(0, |bits, &perspective| {
            let skips = self.skips(perspective, start);
            bits << 2 | i64::from(skips.result) << 1 | i64::from(skips.update)
        });
        if bits == 0 { mark } else { fold(mark, bits, mark) }
    }
}
