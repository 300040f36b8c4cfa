//! Series that were seen failing once: whether they are worth a model.
//!
//! A scan makes tens of thousands of series that never show again. Each is remembered by a number, for as long as a
//! model would be kept, and gets a model when it shows a second time or fails more than in passing.

use std::collections::BTreeMap;

use jobs::{Level, SeriesKey};

use crate::buckets::counts::Tally;
use crate::key::fingerprint;
use crate::model::persist::Persist;

/// Failures in one bucket that are no passing sight.
const MANY: u64 = 3;

/// Fingerprints of series seen once, with the start (s) of that bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Newcomers(BTreeMap<u64, i64>);

impl Newcomers {
    /// Whether a series without a model gets one for what it shows in the bucket at `start` (s). Where not, the sight is
    /// remembered.
    pub fn stays(&mut self, key: &SeriesKey, tally: &Tally, start: i64) -> bool {
        let seen = fingerprint(key);
        let known = self.0.remove(&seen).is_some();
        if known || key.level == Level::Perspective || tally.failed >= MANY {
            return true;
        }
        self.0.insert(seen, start);
        false
    }

    /// Forgets sights before `from` (s), and the oldest beyond `most`.
    pub fn forget(&mut self, from: i64, most: usize) {
        self.0.retain(|_, start| *start >= from);
        if self.0.len() > most {
            let mut sights: Vec<(i64, u64)> = self.0.iter().map(|(seen, start)| (-start, *seen)).collect();
            sights.sort_unstable();
            self.0 = sights[..most].iter().map(|(start, seen)| (*seen, -start)).collect();
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        self.0.len() * 3 * size_of::<(u64, i64)>() / 2
    }
}

impl Persist for Newcomers {
    fn put(&self, out: &mut Vec<u8>) {
        (self.0.len() as u64).put(out);
        for (seen, start) in &self.0 {
            seen.put(out);
            start.put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        (0..u64::take(input)?).map(|_| Some((u64::take(input)?, i64::take(input)?))).collect::<Option<_>>().map(Self)
    }
}
