//! Which results are new since somebody last looked.
//!
//! Results lie in write-once segments, so the names of the segments that somebody knows tell what they know. Must not
//! know what is done with the answers.

use std::collections::HashSet;
use std::sync::Arc;

use jobs::{AnomalyRecord, BucketResult, InfluencerResult};

use crate::error::Result;
use crate::results::ResultStore;
use crate::results::rows::BucketOutcome;
use crate::store::segments::BucketId;

/// Results that somebody does not know, and what they will know once they have seen them.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Names of the segments that now speak for any bucket.
    pub segments: HashSet<String>,
    /// Start of the oldest bucket that there is, ms.
    pub oldest: Option<i64>,
    /// What was found in the buckets of segments that were not known, by time and perspective.
    pub found: Vec<Found>,
}

/// Everything found in one bucket of one perspective.
#[derive(Debug, Clone)]
pub struct Found(Arc<BucketOutcome>);

impl Found {
    /// The bucket itself.
    pub fn bucket(&self) -> &BucketResult {
        &self.0.bucket
    }

    /// Its records, with whether each is the one to show among those that say the same of several levels.
    pub fn records(&self) -> impl Iterator<Item = (&AnomalyRecord, bool)> {
        self.0.records.iter().map(|stored| (&stored.record, stored.primary))
    }

    /// Its influencers.
    pub fn influencers(&self) -> &[InfluencerResult] {
        &self.0.influencers
    }
}

impl ResultStore {
    /// What was found in buckets whose newest segment is not among those `known` by name.
    ///
    /// # Errors
    /// The results cannot be listed.
    pub fn changes(&self, known: &HashSet<String>) -> Result<Changes> {
        let buckets = self.buckets_now()?;
        let current = self.lock().segments.current();
        let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let new = |outcome: &&Arc<BucketOutcome>| {
            let bucket = &outcome.bucket;
            let id = BucketId { span: bucket.bucket_span, start: bucket.timestamp.div_euclid(1000) };
            let segment = current.get(&id).and_then(|(segment, _)| name(&segment.path));
            segment.is_some_and(|segment| !known.contains(&segment))
        };
        let segments: HashSet<String> = current.values().filter_map(|(segment, _)| name(&segment.path)).collect();
        let found = buckets.values().filter(new).map(|outcome| Found(Arc::clone(outcome))).collect();
        let oldest = buckets.keys().next().map(|(timestamp, ..)| *timestamp);
        Ok(Changes { segments, oldest, found })
    }
}

impl Found {
    /// Something found that a test makes up: a bucket, its records with whether each is shown, its influencers.
    pub fn made(bucket: BucketResult, records: Vec<(AnomalyRecord, bool)>, influencers: Vec<InfluencerResult>) -> Self {
        let stored = |(record, primary)| crate::results::rows::StoredRecord { record, primary };
        let records: Vec<_> = records.into_iter().map(stored).collect();
        let revised = records.iter().any(|stored| stored.record.revised);
        Self(Arc::new(BucketOutcome { bucket, records, influencers, revised }))
    }
}
