//! Results to flat rows and back.
//!
//! Lists within a record (influencers, outcomes) travel as JSON text; every number comes back bit for bit.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, StringBuilder, TimestampMillisecondBuilder, UInt16Builder, UInt32Builder,
    UInt64Builder,
};
use arrow::datatypes::{Float64Type, TimestampMillisecondType, UInt16Type, UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use jobs::{
    AnomalyRecord, BucketResult, Cause, Expectation, Explanation, Influencer, InfluencerResult, OutcomeCount, Score,
    SeriesKey,
};
use serde_json::{Value, json};
use tracker::Perspective;

use crate::error::Result;
use crate::key::{level_from, level_name};
use crate::results::columns::{BUCKET, Columns, INFLUENCER, RECORD, result_schema};

/// Everything found in one bucket of one perspective.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketOutcome {
    /// The bucket's own result.
    pub bucket: BucketResult,
    /// Its records, primary ones first, each group by falling score.
    pub records: Vec<StoredRecord>,
    /// Its influencers, by falling score.
    pub influencers: Vec<InfluencerResult>,
    /// Late data changed it.
    pub revised: bool,
}

/// A record, and whether it is the one to show among those that say the same of several levels.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// The record.
    pub record: AnomalyRecord,
    /// No record of another level says the same better.
    pub primary: bool,
}

macro_rules! builders {
    ($($name:ident: $kind:ty,)+) => {
        #[derive(Default)]
        struct Builders { $($name: $kind,)+ }

        impl Builders {
            fn finish(mut self) -> Result<RecordBatch> {
                let schema = result_schema();
                let arrays: Vec<ArrayRef> = vec![$(Arc::new(self.$name.finish()) as ArrayRef,)+];
                let columns = arrays.iter().zip(schema.fields()).map(|(array, field)| arrow::compute::cast(array, field.data_type()));
                let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
                Ok(RecordBatch::try_new(schema, columns)?)
            }
        }
    };
}

builders! {
    result_type: StringBuilder,
    perspective: StringBuilder,
    timestamp: TimestampMillisecondBuilder,
    bucket_span: UInt32Builder,
    score: Float64Builder,
    initial_score: Float64Builder,
    severity: StringBuilder,
    probability: Float64Builder,
    is_interim: BooleanBuilder,
    revised: BooleanBuilder,
    level: StringBuilder,
    server_ip: StringBuilder,
    server_port: UInt16Builder,
    client_ip: StringBuilder,
    service: StringBuilder,
    primary: BooleanBuilder,
    multi_bucket_impact: Float64Builder,
    actual: Float64Builder,
    typical: Float64Builder,
    lower: Float64Builder,
    upper: Float64Builder,
    attempts: UInt64Builder,
    clients: UInt64Builder,
    spike: BooleanBuilder,
    anomaly_length: UInt32Builder,
    single_bucket_log10_p: UInt32Builder,
    multi_bucket_log10_p: UInt32Builder,
    high_variance_penalty: BooleanBuilder,
    incomplete_bucket_penalty: BooleanBuilder,
    influencers: StringBuilder,
    outcomes: StringBuilder,
    cause: StringBuilder,
    evidence: StringBuilder,
    event_count: UInt64Builder,
    failed_count: UInt64Builder,
    series_count: UInt64Builder,
    influencer_field: StringBuilder,
    influencer_value: StringBuilder,
}

/// What every kind of row has.
struct Common {
    kind: &'static str,
    perspective: Perspective,
    timestamp: i64,
    span: u32,
    score: Score,
    initial: Score,
    probability: f64,
    is_interim: bool,
    revised: bool,
}

impl Builders {
    fn push(
        &mut self,
        row: &Common,
        record: Option<&StoredRecord>,
        bucket: Option<&BucketResult>,
        influencer: Option<&InfluencerResult>,
    ) {
        self.result_type.append_value(row.kind);
        self.perspective.append_value(row.perspective.as_str());
        self.timestamp.append_value(row.timestamp);
        self.bucket_span.append_value(row.span);
        self.score.append_value(row.score.value());
        self.initial_score.append_value(row.initial.value());
        self.severity.append_value(row.score.severity().as_str());
        self.probability.append_value(row.probability);
        self.is_interim.append_value(row.is_interim);
        self.revised.append_value(row.revised);
        let primary = record.map(|stored| stored.primary);
        let record = record.map(|stored| &stored.record);
        let series = record.map(|r| &r.series);
        self.level.append_option(series.map(|s| level_name(s.level)));
        self.server_ip.append_option(series.and_then(|s| s.server).map(|ip| ip.to_string()));
        self.server_port.append_option(series.and_then(|s| s.port));
        self.client_ip.append_option(series.and_then(|s| s.client).map(|ip| ip.to_string()));
        self.service.append_option(record.and_then(|r| r.service.as_deref()));
        self.primary.append_option(primary);
        self.multi_bucket_impact.append_option(record.map(|r| r.multi_bucket_impact));
        self.actual.append_option(record.map(|r| r.actual));
        self.typical.append_option(record.map(|r| r.expected.typical));
        self.lower.append_option(record.map(|r| r.expected.lower));
        self.upper.append_option(record.map(|r| r.expected.upper));
        self.attempts.append_option(record.map(|r| r.attempts));
        self.clients.append_option(record.map(|r| r.clients));
        let why = record.map(|r| &r.explanation);
        self.spike.append_option(why.map(|e| e.spike));
        self.anomaly_length.append_option(why.map(|e| e.length));
        self.single_bucket_log10_p.append_option(why.map(|e| e.single_bucket_impact));
        self.multi_bucket_log10_p.append_option(why.map(|e| e.multi_bucket_impact));
        self.high_variance_penalty.append_option(why.map(|e| e.high_variance_penalty));
        self.incomplete_bucket_penalty.append_option(why.map(|e| e.incomplete_bucket_penalty));
        self.influencers.append_option(record.map(|r| influencers_text(&r.influencers)));
        self.outcomes.append_option(record.map(|r| outcomes_text(&r.outcomes)));
        let cause = record.and_then(|r| r.cause.as_ref());
        self.cause.append_option(cause.map(|c| &c.group));
        self.evidence.append_option(cause.map(|c| &c.evidence));
        self.event_count.append_option(bucket.map(|b| b.event_count));
        self.failed_count.append_option(bucket.map(|b| b.failed_count));
        self.series_count.append_option(bucket.map(|b| b.series_count));
        self.influencer_field.append_option(influencer.map(|i| &i.field));
        self.influencer_value.append_option(influencer.map(|i| &i.value));
    }
}

/// The rows of these buckets: each bucket, then its records, then its influencers.
pub fn to_batch<'a>(outcomes: impl IntoIterator<Item = &'a BucketOutcome>) -> Result<RecordBatch> {
    let mut rows = Builders::default();
    for outcome in outcomes {
        let bucket = &outcome.bucket;
        let common = |kind, score, initial, probability| Common {
            kind,
            perspective: bucket.perspective,
            timestamp: bucket.timestamp,
            span: bucket.bucket_span,
            score,
            initial,
            probability,
            is_interim: bucket.is_interim,
            revised: outcome.revised,
        };
        rows.push(
            &common(BUCKET, bucket.anomaly_score, bucket.initial_anomaly_score, bucket.probability),
            None,
            Some(bucket),
            None,
        );
        for stored in &outcome.records {
            let r = &stored.record;
            let row = Common {
                revised: r.revised,
                is_interim: r.is_interim,
                ..common(RECORD, r.record_score, r.initial_record_score, r.probability)
            };
            rows.push(&row, Some(stored), None, None);
        }
        for i in &outcome.influencers {
            rows.push(
                &common(INFLUENCER, i.influencer_score, i.initial_influencer_score, i.probability),
                None,
                None,
                Some(i),
            );
        }
    }
    rows.finish()
}

/// The buckets of rows in the order that [`to_batch`] writes; the text says what is wrong otherwise.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<BucketOutcome>, String> {
    let columns = Columns(batch);
    let mut found: Vec<BucketOutcome> = Vec::new();
    for row in 0..batch.num_rows() {
        let odd = || format!("row {row} is incomplete");
        let kind = columns.text("result_type", row).ok_or_else(odd)?;
        if kind == BUCKET {
            let bucket = read_bucket(columns, row).ok_or_else(odd)?;
            let revised = columns.flag("revised", row).ok_or_else(odd)?;
            found.push(BucketOutcome { bucket, records: Vec::new(), influencers: Vec::new(), revised });
            continue;
        }
        let bucket = found.last_mut().ok_or_else(|| format!("row {row} belongs to no bucket"))?;
        match kind {
            RECORD => bucket.records.push(read_record(columns, row).ok_or_else(odd)?),
            INFLUENCER => bucket.influencers.push(read_influencer(columns, row).ok_or_else(odd)?),
            other => return Err(format!("row {row} is of unknown kind {other:?}")),
        }
    }
    Ok(found)
}

fn score(columns: Columns<'_>, name: &str, row: usize) -> Option<Score> {
    columns.number::<Float64Type>(name, row).map(Score::new)
}

fn read_bucket(columns: Columns<'_>, row: usize) -> Option<BucketResult> {
    Some(BucketResult {
        perspective: columns.parse("perspective", row)?,
        timestamp: columns.number::<TimestampMillisecondType>("timestamp", row)?,
        bucket_span: columns.number::<UInt32Type>("bucket_span", row)?,
        anomaly_score: score(columns, "score", row)?,
        initial_anomaly_score: score(columns, "initial_score", row)?,
        probability: columns.number::<Float64Type>("probability", row)?,
        event_count: columns.number::<UInt64Type>("event_count", row)?,
        failed_count: columns.number::<UInt64Type>("failed_count", row)?,
        series_count: columns.number::<UInt64Type>("series_count", row)?,
        is_interim: columns.flag("is_interim", row)?,
    })
}

fn read_influencer(columns: Columns<'_>, row: usize) -> Option<InfluencerResult> {
    Some(InfluencerResult {
        perspective: columns.parse("perspective", row)?,
        timestamp: columns.number::<TimestampMillisecondType>("timestamp", row)?,
        bucket_span: columns.number::<UInt32Type>("bucket_span", row)?,
        field: columns.text("influencer_field", row)?.to_owned(),
        value: columns.text("influencer_value", row)?.to_owned(),
        influencer_score: score(columns, "score", row)?,
        initial_influencer_score: score(columns, "initial_score", row)?,
        probability: columns.number::<Float64Type>("probability", row)?,
        is_interim: columns.flag("is_interim", row)?,
    })
}

fn read_record(columns: Columns<'_>, row: usize) -> Option<StoredRecord> {
    let decimal = |name| columns.number::<Float64Type>(name, row);
    let record = AnomalyRecord {
        series: SeriesKey {
            perspective: columns.parse("perspective", row)?,
            level: level_from(columns.text("level", row)?)?,
            server: columns.address("server_ip", row),
            port: columns.number::<UInt16Type>("server_port", row),
            client: columns.address("client_ip", row),
        },
        service: columns.text("service", row).map(str::to_owned),
        timestamp: columns.number::<TimestampMillisecondType>("timestamp", row)?,
        bucket_span: columns.number::<UInt32Type>("bucket_span", row)?,
        record_score: score(columns, "score", row)?,
        initial_record_score: score(columns, "initial_score", row)?,
        probability: decimal("probability")?,
        multi_bucket_impact: decimal("multi_bucket_impact")?,
        actual: decimal("actual")?,
        expected: Expectation { typical: decimal("typical")?, lower: decimal("lower")?, upper: decimal("upper")? },
        attempts: columns.number::<UInt64Type>("attempts", row)?,
        clients: columns.number::<UInt64Type>("clients", row)?,
        explanation: Explanation {
            spike: columns.flag("spike", row)?,
            length: columns.number::<UInt32Type>("anomaly_length", row)?,
            single_bucket_impact: columns.number::<UInt32Type>("single_bucket_log10_p", row)?,
            multi_bucket_impact: columns.number::<UInt32Type>("multi_bucket_log10_p", row)?,
            high_variance_penalty: columns.flag("high_variance_penalty", row)?,
            incomplete_bucket_penalty: columns.flag("incomplete_bucket_penalty", row)?,
        },
        influencers: influencers_from(columns.text("influencers", row)?)?,
        outcomes: outcomes_from(columns.text("outcomes", row)?)?,
        cause: columns
            .text("cause", row)
            .zip(columns.text("evidence", row))
            .map(|(group, evidence)| Cause { group: group.to_owned(), evidence: evidence.to_owned() }),
        is_interim: columns.flag("is_interim", row)?,
        revised: columns.flag("revised", row)?,
    };
    Some(StoredRecord { record, primary: columns.flag("primary", row)? })
}

/// Shares and scores of influencers have at most four decimals ([`short`]), which JSON text carries exactly.
fn influencers_text(influencers: &[Influencer]) -> String {
    let all: Vec<Value> = influencers
        .iter()
        .map(|i| {
            json!({"field": i.field, "value": i.value, "share": i.share, "usual_share": i.usual_share,
                "score": i.score.value()})
        })
        .collect();
    Value::Array(all).to_string()
}

fn influencers_from(text: &str) -> Option<Vec<Influencer>> {
    let all: Value = serde_json::from_str(text).ok()?;
    let one = |value: &Value| {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let decimal = |name: &str| value.get(name)?.as_f64().map(short);
        Some(Influencer {
            field: text("field")?,
            value: text("value")?,
            share: decimal("share")?,
            usual_share: decimal("usual_share")?,
            score: Score::new(decimal("score")?),
        })
    };
    all.as_array()?.iter().map(one).collect()
}

/// Rounded to four decimals, as influencers' numbers are.
pub fn short(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

fn outcomes_text(outcomes: &[OutcomeCount]) -> String {
    let all: Vec<Value> = outcomes.iter().map(|o| json!({"outcome": o.outcome.as_str(), "count": o.count})).collect();
    Value::Array(all).to_string()
}

fn outcomes_from(text: &str) -> Option<Vec<OutcomeCount>> {
    let all: Value = serde_json::from_str(text).ok()?;
    let one = |value: &Value| {
        Some(OutcomeCount {
            outcome: value.get("outcome")?.as_str()?.parse().ok()?,
            count: value.get("count")?.as_u64()?,
        })
    };
    all.as_array()?.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
