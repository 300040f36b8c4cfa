//! An alert that is going on, as the API gives it. Filled by the program that tells people.

use serde::Serialize;
use utoipa::ToSchema;

use super::names::{PerspectiveName, SeverityName};

/// Something that a rule says people are to be told of, and that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct ActiveAlert {
    /// Name of the rule.
    pub rule: String,
    /// The same for every message about this series by this rule.
    pub fingerprint: String,
    /// The series in words: `10.2.0.7:443`, `client 10.1.0.5`.
    pub series: String,
    /// Id of the job that found it.
    pub job_id: String,
    /// Perspective; null for jobs that are tagged with none.
    #[schema(required)]
    pub perspective: Option<PerspectiveName>,
    /// Severity at its worst.
    pub severity: SeverityName,
    /// Score at its worst, 0-100.
    pub score: f64,
    /// Start of the first unusual bucket, ms since the epoch.
    pub since: i64,
    /// Start of the last unusual bucket, ms since the epoch.
    pub last: i64,
    /// Unusual buckets.
    pub buckets: u32,
    /// When somebody was last told, ms since the epoch; null: nobody yet.
    #[schema(required)]
    pub notified: Option<i64>,
    /// The silence that keeps it quiet, by id.
    #[schema(required)]
    pub silenced_by: Option<String>,
    /// What happened, in a sentence; its times are in the zone of detection, as people are told them.
    pub summary: String,
}

/// All alerts that are going on.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertList {
    /// The alerts, by falling score.
    pub items: Vec<ActiveAlert>,
}
