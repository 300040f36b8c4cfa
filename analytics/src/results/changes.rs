//! Which results are new since somebody last looked, of detection and of imported jobs alike.
//!
//! Results lie in write-once segments, so the names of the segments that somebody knows tell what they know. Must not
//! know what is done with the answers.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use jobs::{
    AnomalyRecord, BucketResult, Document, Documents, InfluencerResult, JobDocuments, JobOutcome, Prefix, Schema, Score,
};

use crate::error::Result;
use crate::jobs::JobShelf;
use crate::results::ResultStore;
use crate::results::anomaly::{Anomaly, Finder};
use crate::results::documents::Part;
use crate::results::rows::BucketOutcome;
use crate::store::segments::BucketId;

/// Segments of imported jobs that are read at once; those that are left are new at the next look, too.
const MOST_SEGMENTS: usize = 64;

/// Results that somebody does not know, and what they will know once they have seen them.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Names of the segments that now speak for any bucket, and were known or are told of here.
    pub segments: HashSet<String>,
    /// Start of the oldest bucket that there is, ms.
    pub oldest: Option<i64>,
    /// What was found in the buckets of segments that were not known: for each job by time.
    pub found: Vec<Found>,
}

/// Everything that one job found in one bucket.
#[derive(Debug, Clone)]
pub struct Found(Content);

#[derive(Debug, Clone)]
enum Content {
    Detected(Arc<BucketOutcome>),
    Imported(Finder, Arc<JobOutcome>),
}

impl Found {
    /// Which job found it.
    pub fn finder(&self) -> Finder {
        match &self.0 {
            Content::Detected(outcome) => Finder::Perspective(outcome.bucket.perspective),
            Content::Imported(finder, _) => finder.clone(),
        }
    }

    /// Start of the bucket, ms.
    pub fn timestamp(&self) -> i64 {
        match &self.0 {
            Content::Detected(outcome) => outcome.bucket.timestamp,
            Content::Imported(_, outcome) => outcome.bucket.timestamp,
        }
    }

    /// Length of the bucket, seconds.
    pub fn bucket_span(&self) -> u32 {
        match &self.0 {
            Content::Detected(outcome) => outcome.bucket.bucket_span,
            Content::Imported(_, outcome) => outcome.bucket.bucket_span,
        }
    }

    /// The bucket is not sealed yet.
    pub fn is_interim(&self) -> bool {
        match &self.0 {
            Content::Detected(outcome) => outcome.bucket.is_interim,
            Content::Imported(..) => false,
        }
    }

    /// Its anomalies; of those that say the same of several levels only the telling one.
    pub fn anomalies(&self) -> Vec<Anomaly<'_>> {
        match &self.0 {
            Content::Detected(outcome) => {
                let primary = outcome.records.iter().filter(|stored| stored.primary);
                primary.map(|stored| Anomaly::Failures(&stored.record)).collect()
            }
            Content::Imported(_, outcome) => outcome.records.iter().map(Anomaly::Imported).collect(),
        }
    }

    /// Its documents, each with what it tells of and its score: records of every level, the bucket, influencers. Without
    /// a vocabulary they have the field names of the definition.
    pub fn documents(&self, schema: Option<Schema>, prefix: &Prefix) -> Vec<(Part, Score, Document)> {
        match &self.0 {
            Content::Detected(outcome) => {
                let documents = Documents::new(schema.unwrap_or(Schema::Ecs), prefix.clone());
                let records = outcome.records.iter().map(|stored| &stored.record);
                let records = records.map(|r| (Part::Record, r.record_score, documents.record(r)));
                let bucket = &outcome.bucket;
                let of_bucket = (Part::Bucket, bucket.anomaly_score, documents.bucket(bucket));
                let influencers = outcome
                    .influencers
                    .iter()
                    .map(|i| (Part::Influencer, i.influencer_score, documents.influencer_result(i)));
                records.chain([of_bucket]).chain(influencers).collect()
            }
            Content::Imported(finder, outcome) => {
                let documents = JobDocuments { job: finder.job(prefix, Schema::Ecs), schema };
                let score = Score::new;
                let records = outcome.records.iter();
                let records = records.map(|r| (Part::Record, score(r.record_score), documents.record(r)));
                let bucket = &outcome.bucket;
                let of_bucket = (Part::Bucket, score(bucket.anomaly_score), documents.bucket(bucket));
                let influencers = outcome.influencers.iter();
                let influencers =
                    influencers.map(|i| (Part::Influencer, score(i.influencer_score), documents.influencer(i)));
                records.chain([of_bucket]).chain(influencers).collect()
            }
        }
    }

    /// What detection found.
    pub(crate) fn detected(outcome: &Arc<BucketOutcome>) -> Self {
        Self(Content::Detected(Arc::clone(outcome)))
    }

    /// Something detected that a test makes up: a bucket, its records with whether each is shown, its influencers.
    pub fn made(bucket: BucketResult, records: Vec<(AnomalyRecord, bool)>, influencers: Vec<InfluencerResult>) -> Self {
        let stored = |(record, primary)| crate::results::rows::StoredRecord { record, primary };
        let records: Vec<_> = records.into_iter().map(stored).collect();
        let revised = records.iter().any(|stored| stored.record.revised);
        Self(Content::Detected(Arc::new(BucketOutcome { bucket, records, influencers, revised })))
    }

    /// What an imported job found in a bucket.
    pub fn of_job(finder: Finder, outcome: JobOutcome) -> Self {
        Self(Content::Imported(finder, Arc::new(outcome)))
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
        let new = |outcome: &&Arc<BucketOutcome>| {
            let bucket = &outcome.bucket;
            let id = BucketId { span: bucket.bucket_span, start: bucket.timestamp.div_euclid(1000) };
            let segment = current.get(&id).and_then(|(segment, _)| name(&segment.path));
            segment.is_some_and(|segment| !known.contains(&segment))
        };
        let segments: HashSet<String> = current.values().filter_map(|(segment, _)| name(&segment.path)).collect();
        let found = buckets.values().filter(new).map(Found::detected).collect();
        let oldest = buckets.keys().next().map(|(timestamp, ..)| *timestamp);
        let mut changes = Changes { segments, oldest, found };
        self.changes_of_jobs(known, &mut changes)?;
        Ok(changes)
    }

    /// Adds what imported jobs found.
    fn changes_of_jobs(&self, known: &HashSet<String>, changes: &mut Changes) -> Result<()> {
        let shelf = JobShelf::open(self.store());
        let mut imported = self.imported.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = MOST_SEGMENTS;
        for (job, results) in imported.refresh(&shelf)? {
            changes.oldest = changes.oldest.into_iter().chain(results.oldest()).min();
            let mut finder = None;
            for segment in results.speaking() {
                let Some(file) = name(&segment.path) else { continue };
                let full = format!("{job}/{file}");
                if !known.contains(&full) {
                    if left == 0 {
                        continue;
                    }
                    left -= 1;
                    let Some(outcomes) = results.read(&segment) else { continue };
                    let finder = finder.get_or_insert_with(|| {
                        let stored = shelf.get(job).ok().flatten();
                        Finder::Imported(job.clone(), stored.and_then(|stored| stored.definition.perspective()))
                    });
                    changes.found.extend(outcomes.into_iter().map(|outcome| Found::of_job(finder.clone(), outcome)));
                }
                changes.segments.insert(full);
            }
        }
        Ok(())
    }
}

fn name(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}
