//! The `bucket`, `influencer` and `overall_bucket` documents.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, Document, Documents, stable_hash};
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

    /// The `overall_bucket` shapes of these buckets, ascending in time: per bucket start the mean of the `top_n`
    /// highest job scores.
    pub fn overall_buckets(&self, buckets: &[BucketResult], top_n: usize) -> Vec<Map<String, Value>> {
        let mut by_time: BTreeMap<(i64, u32), Vec<&BucketResult>> = BTreeMap::new();
        for bucket in buckets {
            by_time.entry((bucket.timestamp, bucket.bucket_span)).or_default().push(bucket);
        }
        let shape = |((timestamp, span), buckets): ((i64, u32), Vec<&BucketResult>)| {
            let jobs: Vec<Value> = buckets
                .iter()
                .map(|bucket| {
                    let job = self.job(bucket.perspective);
                    json!({"job_id": job.as_str(), "max_anomaly_score": bucket.anomaly_score.value()})
                })
                .collect();
            let scores = buckets.iter().map(|bucket| bucket.anomaly_score.value());
            let mut body = Map::new();
            body.insert("result_type".to_owned(), "overall_bucket".into());
            body.insert("timestamp".to_owned(), timestamp.into());
            body.insert("bucket_span".to_owned(), span.into());
            body.insert("overall_score".to_owned(), overall(scores, top_n).into());
            body.insert("jobs".to_owned(), jobs.into());
            body.insert("is_interim".to_owned(), buckets.iter().any(|bucket| bucket.is_interim).into());
            body
        };
        by_time.into_iter().map(shape).collect()
    }
}

/// The mean of the `top_n` highest scores; 0 without any.
pub fn overall(scores: impl Iterator<Item = f64>, top_n: usize) -> f64 {
    let mut scores: Vec<f64> = scores.collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.truncate(top_n.max(1));
    if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
}
