//! The rows of the table `results`: what detection found and what imported jobs found, with the same columns.
//!
//! Owns names and types of that table. Must not know queries.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Float64Array, StringArray, TimestampMillisecondArray, UInt16Array, UInt32Array,
    UInt64Array, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use jobs::{JobBucket, JobId, JobInfluencer, JobOutcome, JobRecord, Prefix, Score, Split, Subject};
use serde_json::{Value, json};
use tracker::Perspective;

use crate::error::Result;
use crate::results::columns::{BUCKET, INFLUENCER, RECORD, result_schema};

/// Schema of the table: what results have, the id of the job, and what sets series of imported jobs apart.
pub fn shown_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
        let mut fields = vec![Arc::new(Field::new("job_id", DataType::Utf8, false))];
        let shown = result_schema();
        // Jobs may be tagged with no perspective.
        fields.extend(shown.fields().iter().map(|field| match field.name().as_str() {
            "perspective" => text("perspective"),
            _ => Arc::clone(field),
        }));
        fields.push(Arc::new(Field::new("detector_index", DataType::UInt32, true)));
        let more = ["function", "field_name", "by_field_name", "by_field_value", "over_field_name", "over_field_value"];
        fields.extend(more.into_iter().chain(["partition_field_name", "partition_field_value"]).map(text));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// What detection found, with the ids of the jobs in this form.
pub fn detected(rows: &RecordBatch, prefix: &Prefix) -> Result<RecordBatch> {
    let ids = Perspective::ALL.iter().map(|p| (p.as_str(), JobId::of(prefix, jobs::Schema::Ecs, *p)));
    let ids: Vec<(&str, JobId)> = ids.collect();
    let perspective = rows.column_by_name("perspective").and_then(|column| column.as_string_opt::<i32>());
    let id = |name: Option<&str>| ids.iter().find(|(known, _)| Some(*known) == name).map(|(_, id)| id.as_str());
    let job: StringArray = perspective.into_iter().flatten().map(id).collect();
    let record = rows.column_by_name("result_type").and_then(|column| column.as_string_opt::<i32>());
    let records: Vec<bool> = record.into_iter().flatten().map(|kind| kind == Some(RECORD)).collect();
    let index: UInt32Array = records.iter().map(|record| record.then_some(0)).collect();
    let function: StringArray = records.iter().map(|record| record.then_some("high_count")).collect();
    let own: Vec<(&str, ArrayRef)> =
        vec![("job_id", Arc::new(job)), ("detector_index", Arc::new(index)), ("function", Arc::new(function))];
    complete(rows.num_rows(), |name| {
        let of_job = own.iter().find(|(known, _)| *known == name).map(|(_, column)| Arc::clone(column));
        of_job.or_else(|| rows.column_by_name(name).cloned())
    })
}

/// One row of an imported job.
enum Row<'a> {
    Bucket(&'a JobBucket),
    Record(&'a JobRecord, Subject),
    Influencer(&'a JobInfluencer),
}

/// What an imported job found.
pub fn imported(job: &JobId, perspective: Option<Perspective>, outcomes: &[JobOutcome]) -> Result<RecordBatch> {
    let rows: Vec<Row<'_>> = outcomes
        .iter()
        .flat_map(|outcome| {
            let records = outcome.records.iter().map(|record| Row::Record(record, record.subject()));
            let influencers = outcome.influencers.iter().map(Row::Influencer);
            std::iter::once(Row::Bucket(&outcome.bucket)).chain(records).chain(influencers)
        })
        .collect();
    let perspective = perspective.map(Perspective::as_str);
    complete(rows.len(), |name| column(name, &rows, job, perspective))
}

/// A batch of these columns; those that there are none of are empty.
fn complete(rows: usize, column: impl Fn(&str) -> Option<ArrayRef>) -> Result<RecordBatch> {
    let schema = shown_schema();
    let of = |field: &Arc<Field>| column(field.name()).unwrap_or_else(|| new_null_array(field.data_type(), rows));
    let columns = schema.fields().iter().map(of).collect();
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// A column of the rows of an imported job; `None` for what they do not have.
fn column(name: &str, rows: &[Row<'_>], job: &JobId, perspective: Option<&str>) -> Option<ArrayRef> {
    let text = |value: &dyn Fn(&Row<'_>) -> Option<String>| {
        Some(Arc::new(rows.iter().map(value).collect::<StringArray>()) as ArrayRef)
    };
    let decimal = |value: &dyn Fn(&Row<'_>) -> Option<f64>| {
        Some(Arc::new(rows.iter().map(value).collect::<Float64Array>()) as ArrayRef)
    };
    let flag = |value: &dyn Fn(&Row<'_>) -> Option<bool>| {
        Some(Arc::new(rows.iter().map(value).collect::<BooleanArray>()) as ArrayRef)
    };
    let small = |value: &dyn Fn(&Row<'_>) -> Option<u32>| {
        Some(Arc::new(rows.iter().map(value).collect::<UInt32Array>()) as ArrayRef)
    };
    let large = |value: &dyn Fn(&Row<'_>) -> Option<u64>| {
        Some(Arc::new(rows.iter().map(value).collect::<UInt64Array>()) as ArrayRef)
    };
    match name {
        "job_id" => text(&|_| Some(job.to_string())),
        "perspective" => text(&|_| perspective.map(str::to_owned)),
        "result_type" => text(&|row| Some(row.kind().to_owned())),
        "timestamp" => {
            let times: TimestampMillisecondArray = rows.iter().map(|row| Some(row.time().0)).collect();
            Some(Arc::new(times.with_timezone("UTC")))
        }
        "bucket_span" => small(&|row| Some(row.time().1)),
        "score" => decimal(&|row| Some(row.scores().0)),
        "initial_score" => decimal(&|row| Some(row.scores().1)),
        "severity" => text(&|row| Some(Score::new(row.scores().0).severity().as_str().to_owned())),
        "probability" => decimal(&|row| Some(row.probability())),
        "is_interim" => flag(&|_| Some(false)),
        "revised" => flag(&|row| Some(row.record().is_some_and(|record| record.revised))),
        "server_ip" => text(&|row| Some(row.subject()?.server?.to_string())),
        "client_ip" => text(&|row| Some(row.subject()?.client?.to_string())),
        "server_port" => {
            let ports: UInt16Array = rows.iter().map(|row| row.subject()?.port).collect();
            Some(Arc::new(ports))
        }
        "primary" => flag(&|row| row.record().map(|_| true)),
        "multi_bucket_impact" => decimal(&|row| row.record().map(JobRecord::balance)),
        "actual" => decimal(&|row| row.record().map(|record| record.actual)),
        "typical" => decimal(&|row| row.record().map(|record| record.typical)),
        "lower" => decimal(&|row| row.record().map(|record| record.lower)),
        "upper" => decimal(&|row| row.record().map(|record| record.upper)),
        "spike" => flag(&|row| row.record().map(|record| record.actual >= record.typical)),
        "anomaly_length" => small(&|row| row.record().map(|record| record.length)),
        "single_bucket_log10_p" => small(&|row| row.record().map(|record| record.single_bucket_impact)),
        "multi_bucket_log10_p" => small(&|row| row.record().map(|record| record.multi_bucket_impact)),
        "influencers" => text(&|row| row.record().map(influencers)),
        "event_count" => large(&|row| row.bucket().map(|bucket| bucket.event_count)),
        "series_count" => large(&|row| row.bucket().map(|bucket| bucket.series_count)),
        "influencer_field" => text(&|row| row.influencer().map(|found| found.field.clone())),
        "influencer_value" => text(&|row| row.influencer().map(|found| found.value.clone())),
        "detector_index" => small(&|row| row.record().and_then(|record| record.detector_index.try_into().ok())),
        "function" => text(&|row| row.record().map(|record| record.function.clone())),
        "field_name" => text(&|row| row.record()?.field_name.clone()),
        "by_field_name" => text(&|row| field(row.record()?.by.as_ref())),
        "by_field_value" => text(&|row| value(row.record()?.by.as_ref())),
        "over_field_name" => text(&|row| field(row.record()?.over.as_ref())),
        "over_field_value" => text(&|row| value(row.record()?.over.as_ref())),
        "partition_field_name" => text(&|row| field(row.record()?.partition.as_ref())),
        "partition_field_value" => text(&|row| value(row.record()?.partition.as_ref())),
        _ => None,
    }
}

fn field(split: Option<&Split>) -> Option<String> {
    split.map(|split| split.field.clone())
}

fn value(split: Option<&Split>) -> Option<String> {
    split.and_then(|split| split.value.clone())
}

/// Influencers as JSON text: one object for each value, as detection's are.
fn influencers(record: &JobRecord) -> String {
    let one = |found: &jobs::FieldValues| -> Vec<Value> {
        found.values.iter().map(|value| json!({"field": found.field, "value": value})).collect()
    };
    Value::Array(record.influencers.iter().flat_map(one).collect()).to_string()
}

impl Row<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Bucket(_) => BUCKET,
            Self::Record(..) => RECORD,
            Self::Influencer(_) => INFLUENCER,
        }
    }

    fn record(&self) -> Option<&JobRecord> {
        if let Self::Record(record, _) = self { Some(record) } else { None }
    }

    fn subject(&self) -> Option<Subject> {
        if let Self::Record(_, subject) = self { Some(*subject) } else { None }
    }

    fn bucket(&self) -> Option<&JobBucket> {
        if let Self::Bucket(bucket) = self { Some(bucket) } else { None }
    }

    fn influencer(&self) -> Option<&JobInfluencer> {
        if let Self::Influencer(influencer) = self { Some(influencer) } else { None }
    }

    /// Start of the bucket, ms, and its length, s.
    fn time(&self) -> (i64, u32) {
        match self {
            Self::Bucket(bucket) => (bucket.timestamp, bucket.bucket_span),
            Self::Record(record, _) => (record.timestamp, record.bucket_span),
            Self::Influencer(found) => (found.timestamp, found.bucket_span),
        }
    }

    /// Now and as first written.
    fn scores(&self) -> (f64, f64) {
        match self {
            Self::Bucket(bucket) => (bucket.anomaly_score, bucket.initial_anomaly_score),
            Self::Record(record, _) => (record.record_score, record.initial_record_score),
            Self::Influencer(found) => (found.influencer_score, found.initial_influencer_score),
        }
    }

    fn probability(&self) -> f64 {
        match self {
            Self::Bucket(bucket) => bucket.probability,
            Self::Record(record, _) => record.probability,
            Self::Influencer(found) => found.probability,
        }
    }
}
