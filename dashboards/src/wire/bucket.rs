//! A bucket of one perspective as the API gives it.

use jobs::BucketResult;
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{PerspectiveName, SeverityName};

/// One bucket of one perspective.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Bucket {
    /// Perspective.
    pub perspective: PerspectiveName,
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Score over all series, 0-100.
    pub score: f64,
    /// Score when first written, 0-100.
    pub initial_score: f64,
    /// Band of the score.
    pub severity: SeverityName,
    /// TCP sessions.
    pub event_count: u64,
    /// Failed TCP sessions.
    pub failed_count: u64,
    /// Series that were scored.
    pub series_count: u64,
    /// The bucket is not sealed yet.
    pub is_interim: bool,
}

impl From<&BucketResult> for Bucket {
    fn from(bucket: &BucketResult) -> Self {
        Self {
            perspective: bucket.perspective.into(),
            timestamp: bucket.timestamp,
            bucket_span: bucket.bucket_span,
            score: bucket.anomaly_score.value(),
            initial_score: bucket.initial_anomaly_score.value(),
            severity: bucket.anomaly_score.severity().into(),
            event_count: bucket.event_count,
            failed_count: bucket.failed_count,
            series_count: bucket.series_count,
            is_interim: bucket.is_interim,
        }
    }
}

/// Buckets.
#[derive(Debug, Serialize, ToSchema)]
pub struct BucketList {
    /// The buckets, by time.
    pub items: Vec<Bucket>,
}
