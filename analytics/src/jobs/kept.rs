//! Results of imported jobs as segments: rows of records, buckets and influencers.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use jobs::{JobId, JobOutcome};

use super::shelf::JobShelf;
use crate::error::{Result, StoreError};
use crate::store::SessionStore;
use crate::store::page::read_through;
use crate::store::segments::Segments;

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
        self.segments.refresh()?;
        let current = self.segments.current();
        let inside = |start: i64| (from..to).contains(&(start * 1000));
        let mut speaks: HashMap<PathBuf, Vec<i64>> = HashMap::new();
        for (id, (segment, _)) in current.iter().filter(|(id, _)| inside(id.start)) {
            speaks.entry(segment.path.clone()).or_default().push(id.start);
        }
        let mut found: BTreeMap<i64, JobOutcome> = BTreeMap::new();
        for (path, starts) in speaks {
            match read_through(&path) {
                Ok(batches) => {
                    for batch in &batches {
                        read(batch, &starts, &mut found)?;
                    }
                }
                Err(_) => self.segments.forget(&path),
            }
        }
        Ok(found.into_values().collect())
    }
}

fn read(batch: &RecordBatch, starts: &[i64], found: &mut BTreeMap<i64, JobOutcome>) -> Result<()> {
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
