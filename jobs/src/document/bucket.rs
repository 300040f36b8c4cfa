//! The `bucket`, `influencer` and `overall_bucket` documents.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, Document, Documents, stable_hash};
use crate::id::JobId;
use crate::result::{BucketResult, InfluencerResult};

impl Documents {
    /// A bucket of one perspective as a `bucket` document.
    pub fn bucket(&self, bucket: &BucketResult) -> Document {
        let job = self.job(bucket.perspective);
        let mut body = Body::new(&job, "bucket");
        body.put("timestamp", bucket.timestamp);
        body.put("bucket_span", bucket.bucket_span);
        body.put("is_interim", bucket.is_interim);
        body.put("anomaly_score", bucket.anomaly_score.value());
        body.put("initial_anomaly_score", bucket.initial_anomaly_score.value());
        body.put("event_count", bucket.event_count);
        body.put("failed_count", bucket.failed_count);
        body.put("series_count", bucket.series_count);
        body.put("severity", bucket.anomaly_score.severity().as_str());
        let time = json!({
            "influencer_field_name": "bucket_time",
            "anomaly_score": bucket.anomaly_score.value(),
            "initial_anomaly_score": bucket.initial_anomaly_score.value(),
            "raw_anomaly_score": bucket.anomaly_score.value(),
            "probability": bucket.probability,
            "job_id": job.as_str(),
            "timestamp": bucket.timestamp,
            "bucket_span": bucket.bucket_span,
            "is_interim": bucket.is_interim,
            "result_type": "bucket_influencer",
        });
        body.put("bucket_influencers", vec![time]);
        let id = format!("{job}_bucket_{}_{}", bucket.timestamp, bucket.bucket_span);
        Document { id, body: body.0 }
    }

    /// An influencer of a bucket of one perspective as an `influencer` document.
    pub fn influencer_result(&self, result: &InfluencerResult) -> Document {
        let job = self.job(result.perspective);
        let (field, value) = self.influencer(&result.field, &result.value);
        let mut body = Body::new(&job, "influencer");
        body.put("timestamp", result.timestamp);
        body.put("bucket_span", result.bucket_span);
        body.put("is_interim", result.is_interim);
        body.put("probability", result.probability);
        body.put("influencer_score", result.influencer_score.value());
        body.put("initial_influencer_score", result.initial_influencer_score.value());
        body.put("influencer_field_name", field.as_str());
        body.put("influencer_field_value", value.as_str());
        body.flat(&field, &value);
        let hash = stable_hash([result.field.as_str(), value.as_str()]);
        let id = format!(
            "{job}_influencer_{}_{}_{hash}_{}",
            result.timestamp,
            result.bucket_span,
            field.len() + value.len()
        );
        Document { id, body: body.0 }
    }
}

/// The score of one job in one of its buckets.
#[derive(Debug, Clone, PartialEq)]
pub struct JobScore {
    /// The job.
    pub job: JobId,
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// 0-100.
    pub score: f64,
    /// The bucket is not sealed yet.
    pub is_interim: bool,
}

/// The `overall_bucket` documents of these scores with the score of each, ascending in time: for each stretch of the
/// longest bucket span the mean of the `top_n` highest scores of jobs.
pub fn overall_buckets(scores: Vec<JobScore>, top_n: usize) -> Vec<(f64, Document)> {
    let span = scores.iter().map(|score| score.bucket_span).max().unwrap_or(1).max(1);
    let mut by_time: BTreeMap<i64, (BTreeMap<String, f64>, bool)> = BTreeMap::new();
    for JobScore { job, timestamp, score, is_interim, .. } in scores {
        let (jobs, interim) = by_time.entry(timestamp.div_euclid(i64::from(span) * 1000)).or_default();
        let highest = jobs.entry(job.to_string()).or_default();
        *highest = highest.max(score);
        *interim |= is_interim;
    }
    let document = |(number, (jobs, is_interim)): (i64, (BTreeMap<String, f64>, bool))| {
        let timestamp = number * i64::from(span) * 1000;
        let score = overall(jobs.values().copied(), top_n);
        let jobs: Vec<Value> =
            jobs.into_iter().map(|(job, score)| json!({"job_id": job, "max_anomaly_score": score})).collect();
        let body = json!({
            "result_type": "overall_bucket",
            "timestamp": timestamp,
            "bucket_span": span,
            "overall_score": score,
            "jobs": jobs,
            "is_interim": is_interim,
        });
        let Value::Object(body) = body else { return (score, Document { id: String::new(), body: Map::new() }) };
        (score, Document { id: format!("overall_bucket_{timestamp}_{span}"), body })
    };
    by_time.into_iter().map(document).collect()
}

/// The mean of the `top_n` highest scores; 0 without any.
pub fn overall(scores: impl Iterator<Item = f64>, top_n: usize) -> f64 {
    let mut scores: Vec<f64> = scores.collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.truncate(top_n.max(1));
    if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
}
