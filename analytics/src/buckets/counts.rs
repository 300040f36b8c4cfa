//! Counts of one bucket: per perspective the series at every level, the pooled rest, and the observers that were alive.
//!
//! Must not know how they are computed or kept.

use std::collections::BTreeMap;

use jobs::{Level, SeriesKey};
use tracker::{Outcome, Perspective};

/// Failed outcomes that a TCP session can have, in the order of the count columns.
pub const TCP_FAILURES: [Outcome; 9] = [
    Outcome::NoAnswer,
    Outcome::Refused,
    Outcome::Unreachable,
    Outcome::AdminBlocked,
    Outcome::TtlExceeded,
    Outcome::AbortedOrig,
    Outcome::HalfOpen,
    Outcome::HalfOpenResetOrig,
    Outcome::HalfOpenResetResp,
];

/// Counts of one series in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Attempted sessions with a known end.
    pub attempts: u64,
    /// Failed ones among them.
    pub failed: u64,
    /// Distinct clients of the failed ones.
    pub clients: u64,
    /// Distinct servers of the failed ones.
    pub servers: u64,
    /// Distinct server ports of the failed ones.
    pub ports: u64,
    /// Failed ones by outcome, in the order of [`TCP_FAILURES`].
    pub outcomes: [u64; TCP_FAILURES.len()],
}

/// What was pooled because there were too many series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pool {
    /// How many series.
    pub members: u64,
    /// Their counts together; distinct counts are sums.
    pub tally: Tally,
    /// Most failures of any of them.
    pub highest: u64,
}

/// One perspective of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PerspectiveCounts {
    /// Kept series by key, ascending.
    pub series: BTreeMap<SeriesKey, Tally>,
    /// The pooled rest of each level that has one.
    pub pools: BTreeMap<Level, Pool>,
    /// Records of every kind by observer.
    pub observers: BTreeMap<String, u64>,
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketCounts {
    /// By perspective; absent where nothing of it was seen.
    pub perspectives: BTreeMap<Perspective, PerspectiveCounts>,
}

impl BucketCounts {
    /// All observers of whatever perspective that delivered anything.
    pub fn alive(&self) -> impl Iterator<Item = &str> {
        self.perspectives.values().flat_map(|p| p.observers.keys().map(String::as_str))
    }

    /// Whether no record at all arrived.
    pub fn is_missing(&self) -> bool {
        self.alive().next().is_none()
    }
}

impl PerspectiveCounts {
    /// The counts of the whole perspective.
    pub fn total(&self, perspective: Perspective) -> Tally {
        let key = SeriesKey { perspective, level: Level::Perspective, server: None, port: None, client: None };
        self.series.get(&key).copied().unwrap_or_default()
    }
}
