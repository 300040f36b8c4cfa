//! Results of imported jobs as segments: rows of records, buckets and influencers.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use jobs::{JobId, JobOutcome};

use super::shelf::JobShelf;
use crate::error::{Result, StoreError};
use crate::store::SessionStore;
use crate::store::page::read_through;
use crate::store::segments::{BucketId, Segment, Segments};

/// Folder of a job's results.
pub(crate) const RESULTS: &str = "results";

/// The segments of a job's results. They have a folder of unfinished files of their own: other threads write too.
pub(crate) fn segments(shelf: &JobShelf, id: &JobId) -> Segments {
    Segments::new(&shelf.folder(id), RESULTS)
}

/// One row per bucket: its start (s), its score, and everything that is told of it.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("bucket", DataType::Int64, false),
            Field::new("anomaly_score", DataType::Float64, false),
            Field::new("outcome", DataType::Utf8, false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Outcomes as rows.
pub(crate) fn to_batch(outcomes: &[JobOutcome]) -> Result<RecordBatch> {
    let bucket: Int64Array = outcomes.iter().map(|outcome| Some(outcome.bucket.timestamp.div_euclid(1000))).collect();
    let score: Float64Array = outcomes.iter().map(|outcome| Some(outcome.bucket.anomaly_score)).collect();
    let text = |outcome: &JobOutcome| serde_json::to_string(outcome).ok();
    let body: StringArray = outcomes.iter().map(text).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(bucket), Arc::new(score), Arc::new(body)];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// The results of one imported job, read when asked.
#[derive(Debug)]
pub struct JobResults {
    segments: Segments,
}

impl JobResults {
    /// The results of this job.
    pub fn open(store: &SessionStore, id: &JobId) -> Self {
        Self { segments: segments(&JobShelf::open(store), id) }
    }

    /// Outcomes of the buckets with `from <= start < to` (ms), by time.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn between(&mut self, from: i64, to: i64) -> Result<Vec<JobOutcome>> {
        let mut found: Vec<JobOutcome> = Vec::new();
        let _ = self.each_between(from, to, &mut |outcome| {
            found.push(outcome);
            ControlFlow::Continue(())
        })?;
        found.sort_by_key(|outcome| outcome.bucket.timestamp);
        Ok(found)
    }

    /// The same one by one, file by file.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(crate) fn each_between(
        &mut self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(JobOutcome) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        self.segments.refresh()?;
        let mut speaking = self.speaking();
        speaking.sort_by_key(|segment| segment.covers.first().map(|(id, _)| id.start));
        for segment in speaking {
            if segment.covers.iter().any(|(id, _)| (from..to).contains(&(id.start * 1000))) {
                let read = self.read(&segment).unwrap_or_default().into_iter();
                let mut inside = read.filter(|outcome| (from..to).contains(&outcome.bucket.timestamp));
                if inside.try_for_each(&mut *each).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Start of the oldest bucket, ms.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.segments.current().keys().next().map(|id| id.start * 1000)
    }

    /// The segments that speak for a bucket, the oldest first.
    pub(crate) fn speaking(&self) -> Vec<Arc<Segment>> {
        let current = self.segments.current();
        let mut speaking: Vec<Arc<Segment>> = Vec::new();
        for (segment, _) in current.values() {
            // Neighbouring buckets are mostly of one segment.
            if speaking.last().is_none_or(|last| last.path != segment.path) {
                speaking.push(Arc::clone(segment));
            }
        }
        speaking.sort_by_key(|segment| segment.generation);
        speaking.dedup_by(|a, b| a.path == b.path);
        speaking
    }

    /// The outcomes of the buckets that a segment speaks for, by time; `None` where it cannot be read.
    pub(crate) fn read(&mut self, segment: &Segment) -> Option<Vec<JobOutcome>> {
        let current = self.segments.current();
        let speaks = |id: &BucketId| current.get(id).is_some_and(|(now, _)| now.path == segment.path);
        let starts: HashSet<i64> = segment.covers.iter().filter(|(id, _)| speaks(id)).map(|(id, _)| id.start).collect();
        let read = read_through(&segment.path).ok().and_then(|batches| {
            let mut found = BTreeMap::new();
            batches.iter().try_for_each(|batch| read(batch, &starts, &mut found)).ok().map(|()| found)
        });
        if read.is_none() {
            self.segments.forget(&segment.path);
        }
        read.map(|found| found.into_values().collect())
    }
}

/// The results of all imported jobs of a store.
#[derive(Debug, Default)]
pub(crate) struct KeptResults(BTreeMap<JobId, JobResults>);

impl KeptResults {
    /// Every job with its results, after a look for new ones.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn refresh(&mut self, shelf: &JobShelf) -> Result<impl Iterator<Item = (&JobId, &mut JobResults)>> {
        let ids = shelf.ids()?;
        self.0.retain(|id, _| ids.contains(id));
        for id in ids {
            let known = self.0.entry(id).or_insert_with_key(|id| JobResults { segments: segments(shelf, id) });
            known.segments.refresh()?;
        }
        Ok(self.0.iter_mut())
    }
}

fn read(batch: &RecordBatch, starts: &HashSet<i64>, found: &mut BTreeMap<i64, JobOutcome>) -> Result<()> {
    let odd = || StoreError::from(arrow::error::ArrowError::SchemaError("results of a job".to_owned()));
    let bucket = batch.column_by_name("bucket").and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(odd)?;
    let body = batch.column_by_name("outcome").and_then(|c| c.as_string_opt::<i32>()).ok_or_else(odd)?;
    for row in 0..batch.num_rows() {
        let start = bucket.value(row);
        if starts.contains(&start)
            && let Ok(outcome) = serde_json::from_str(body.value(row))
        {
            found.insert(start, outcome);
        }
    }
    Ok(())
}
