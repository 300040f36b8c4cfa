//! Results of any job, in the field names of its own definition.
//!
//! Must not know how they are computed, stored or written as documents.

mod words;

use serde::{Deserialize, Serialize};

pub use words::Subject;

/// A field that sets a series apart, and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Split {
    /// The field.
    pub field: String,
    /// Its value; absent for documents without one.
    pub value: Option<String>,
}

/// A field with several values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldValues {
    /// The field.
    pub field: String,
    /// Values, the most telling first.
    pub values: Vec<String>,
}

/// One member of a population, or one part of a whole, behind an anomaly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobCause {
    /// Value of the over-field.
    pub over: Split,
    /// Its share of what was seen.
    pub actual: f64,
    /// What is usual of one.
    pub typical: f64,
    /// Tail probability, 0-1.
    pub probability: f64,
}

/// One anomalous bucket of one series of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Place of the detector in the job.
    pub detector_index: usize,
    /// The function as written.
    pub function: String,
    /// The function without its side; for `metric` what was computed.
    pub function_description: String,
    /// Field of the function.
    pub field_name: Option<String>,
    /// By-field.
    pub by: Option<Split>,
    /// Over-field; absent for a record of the population as a whole.
    pub over: Option<Split>,
    /// Partition field.
    pub partition: Option<Split>,
    /// What was seen.
    pub actual: f64,
    /// What was expected, with its 95 % interval.
    pub typical: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Tail probability, 0-1.
    pub probability: f64,
    /// 0-100, now.
    pub record_score: f64,
    /// 0-100, as first written.
    pub initial_record_score: f64,
    /// Buckets since the anomaly began, 1 for a single one.
    pub length: u32,
    /// round(-log10 p) of the bucket alone.
    pub single_bucket_impact: u32,
    /// round(-log10 p) of the recent buckets together.
    pub multi_bucket_impact: u32,
    /// To whom the anomaly is due.
    pub influencers: Vec<FieldValues>,
    /// Members of the population behind it.
    pub causes: Vec<JobCause>,
    /// Late data changed the bucket after it was first scored.
    pub revised: bool,
}

impl JobRecord {
    /// What sets the record's series apart from others of its bucket.
    pub fn series(&self) -> (usize, &str, &Option<Split>, &Option<Split>, &Option<Split>) {
        (self.detector_index, &self.function_description, &self.partition, &self.by, &self.over)
    }

    /// -5 (this bucket alone) to +5 (the recent buckets together).
    pub fn balance(&self) -> f64 {
        let (single, multi) = (f64::from(self.single_bucket_impact), f64::from(self.multi_bucket_impact));
        if single + multi <= 0.0 { -5.0 } else { 5.0 * (multi - single) / single.max(multi) }
    }
}

/// What the model of one series expected of one bucket, and what came.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPlot {
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Place of the detector in the job.
    pub detector_index: usize,
    /// The function without its side.
    pub function_description: String,
    /// By-field.
    pub by: Option<Split>,
    /// Partition field.
    pub partition: Option<Split>,
    /// What was seen.
    pub actual: f64,
    /// What was expected, with its 95 % interval.
    pub typical: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
}

/// One bucket of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobBucket {
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// 0-100 over all series, controlled for their number.
    pub anomaly_score: f64,
    /// As first written.
    pub initial_anomaly_score: f64,
    /// Tail probability, 0-1.
    pub probability: f64,
    /// Documents of the job.
    pub event_count: u64,
    /// Series that were looked at.
    pub series_count: u64,
    /// Series that were left out because there were too many.
    pub left_out: u64,
    /// Descriptions of the planned events that it falls into.
    pub scheduled_events: Vec<String>,
}

/// One influencer of one bucket of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobInfluencer {
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Field.
    pub field: String,
    /// Value.
    pub value: String,
    /// 0-100, now.
    pub influencer_score: f64,
    /// As first written.
    pub initial_influencer_score: f64,
    /// Tail probability, 0-1.
    pub probability: f64,
}

/// Everything that a job says of one bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobOutcome {
    /// The bucket.
    pub bucket: JobBucket,
    /// Its anomalies, by falling score.
    pub records: Vec<JobRecord>,
    /// Its influencers, by falling score.
    pub influencers: Vec<JobInfluencer>,
}
