//! Answers: anomaly records, bucket results and influencers, as one schema-neutral form of Elastic's result documents.
//!
//! Must not know how they are computed, stored or written as documents.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tracker::{Outcome, Perspective};

use crate::score::Score;

/// What a series counts: one (server, port), or a roll-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One server address and port.
    ServerPort,
    /// All ports of one server.
    Server,
    /// One port over all servers.
    Port,
    /// All sessions of one client.
    Client,
    /// Everything in the perspective.
    Perspective,
}

/// Identity of a series within a job. Fields that the level rolls up are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Perspective of the sessions counted.
    pub perspective: Perspective,
    /// What is rolled up.
    pub level: Level,
    /// Server address, for [`Level::ServerPort`] and [`Level::Server`].
    pub server: Option<IpAddr>,
    /// Server port, for [`Level::ServerPort`] and [`Level::Port`].
    pub port: Option<u16>,
    /// Client address, for [`Level::Client`].
    pub client: Option<IpAddr>,
}

/// What the model expected of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Expected count.
    pub typical: f64,
    /// Lower bound of the 95 % interval.
    pub lower: f64,
    /// Upper bound of the 95 % interval.
    pub upper: f64,
}

/// Someone or something that an anomaly is due to.
#[derive(Debug, Clone, PartialEq)]
pub struct Influencer {
    /// Neutral field name: `client_ip`, `client_net`, `server_ip`, `server_port`, `outcome` or `observer`.
    pub field: String,
    /// Its value as text.
    pub value: String,
    /// Share of the bucket's failed sessions, 0-1.
    pub share: f64,
    /// Its usual share, 0-1.
    pub usual_share: f64,
    /// 0-100: how much of the surprise goes away without it.
    pub score: Score,
}

/// How many of the bucket's sessions ended in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeCount {
    /// The outcome.
    pub outcome: Outcome,
    /// Number of sessions.
    pub count: u64,
}

/// Likely cause of an anomaly, with its evidence in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `congestion`, `server`, `attack` or `misconfiguration`.
    pub group: String,
    /// One plain sentence: what was seen that speaks for it.
    pub evidence: String,
}

/// Why a score is what it is (Elastic's `anomaly_score_explanation`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explanation {
    /// True: more than expected (`spike`); false: less (`dip`).
    pub spike: bool,
    /// Buckets since the anomaly began, 1 for a single one.
    pub length: u32,
    /// round(-log10 p) of the bucket alone.
    pub single_bucket_impact: u32,
    /// round(-log10 p) of the recent buckets together.
    pub multi_bucket_impact: u32,
    /// The variance is so high that the score was lowered.
    pub high_variance_penalty: bool,
    /// The bucket was only partly observed and the score lowered.
    pub incomplete_bucket_penalty: bool,
}

/// One anomalous bucket of one series (`result_type: record`).
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyRecord {
    /// Which series.
    pub series: SeriesKey,
    /// IANA service name of the port, where it has one.
    pub service: Option<String>,
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Score now; may be renormalised.
    pub record_score: Score,
    /// Score when first written; never changes.
    pub initial_record_score: Score,
    /// Tail probability, 0-1.
    pub probability: f64,
    /// -5 (this bucket alone) to +5 (the recent buckets together).
    pub multi_bucket_impact: f64,
    /// Failed sessions in the bucket.
    pub actual: f64,
    /// What the model expected.
    pub expected: Expectation,
    /// All TCP sessions of the series in the bucket whose outcome is known.
    pub attempts: u64,
    /// Clients with failed sessions in the bucket.
    pub clients: u64,
    /// Why the score is what it is.
    pub explanation: Explanation,
    /// Due to whom, by falling score.
    pub influencers: Vec<Influencer>,
    /// Failed sessions of the bucket by outcome, by falling count.
    pub outcomes: Vec<OutcomeCount>,
    /// Likely cause.
    pub cause: Option<Cause>,
    /// The bucket is not sealed yet.
    pub is_interim: bool,
    /// Late data changed the bucket after it was first scored.
    pub revised: bool,
}

/// One bucket of one perspective (`result_type: bucket`).
#[derive(Debug, Clone, PartialEq)]
pub struct BucketResult {
    /// Perspective.
    pub perspective: Perspective,
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Score over all series of the bucket, controlled for their number.
    pub anomaly_score: Score,
    /// Score when first written; never changes.
    pub initial_anomaly_score: Score,
    /// Tail probability of the bucket score.
    pub probability: f64,
    /// TCP sessions in the bucket.
    pub event_count: u64,
    /// Failed TCP sessions in the bucket.
    pub failed_count: u64,
    /// Series that were scored.
    pub series_count: u64,
    /// The bucket is not sealed yet.
    pub is_interim: bool,
}

/// One influencer of one bucket of one perspective (`result_type: influencer`).
#[derive(Debug, Clone, PartialEq)]
pub struct InfluencerResult {
    /// Perspective.
    pub perspective: Perspective,
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Neutral field name, as in [`Influencer::field`].
    pub field: String,
    /// Its value as text.
    pub value: String,
    /// Score now.
    pub influencer_score: Score,
    /// Score when first written; never changes.
    pub initial_influencer_score: Score,
    /// Tail probability.
    pub probability: f64,
    /// The bucket is not sealed yet.
    pub is_interim: bool,
}
