//! An anomaly record as the API gives it.

use std::fmt::Write as _;

use jobs::{AnomalyRecord, Documents, OutcomeCount, Schema, SeriesKey, sentence};
use serde::Serialize;
use utoipa::ToSchema;

use super::names::{LevelName, PerspectiveName, SeverityName};
use crate::state::JobSettings;

/// One anomalous bucket of one series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Anomaly {
    /// Id; the same for as long as the anomaly exists.
    pub id: String,
    /// Id of the job.
    pub job: String,
    /// Perspective.
    pub perspective: PerspectiveName,
    /// What the series counts.
    pub level: LevelName,
    /// Server address.
    #[schema(required)]
    pub server: Option<String>,
    /// Server port.
    #[schema(required)]
    pub port: Option<u16>,
    /// IANA name of the port.
    #[schema(required)]
    pub service: Option<String>,
    /// Client address, for series of one client.
    #[schema(required)]
    pub client: Option<String>,
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Score now, 0-100.
    pub score: f64,
    /// Score when first found, 0-100.
    pub initial_score: f64,
    /// Band of the score.
    pub severity: SeverityName,
    /// Tail probability, 0-1.
    pub probability: f64,
    /// Failed sessions.
    pub actual: f64,
    /// Expected failed sessions.
    pub typical: f64,
    /// Lower bound of the 95 % interval.
    pub lower: f64,
    /// Upper bound of the 95 % interval.
    pub upper: f64,
    /// TCP sessions whose outcome is known.
    pub attempts: u64,
    /// Clients with failed sessions.
    pub clients: u64,
    /// -5 (this bucket alone) to +5 (the recent buckets together).
    pub multi_bucket_impact: f64,
    /// What happened, in one sentence.
    pub explanation: String,
    /// Why the score is what it is.
    pub details: AnomalyDetails,
    /// Likely cause.
    #[schema(required)]
    pub cause: Option<AnomalyCause>,
    /// Failed sessions by outcome, by falling count.
    pub outcomes: Vec<OutcomeTally>,
    /// Due to whom, by falling score.
    pub influencers: Vec<AnomalyInfluencer>,
    /// The bucket is not sealed yet.
    pub is_interim: bool,
    /// Late data changed the bucket after it was first scored.
    pub revised: bool,
    /// Query string of the series, for `/api/v1/series`.
    pub series: String,
}

/// Why a score is what it is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct AnomalyDetails {
    /// More than expected, or less.
    #[serde(rename = "type")]
    pub kind: AnomalyType,
    /// Buckets since it began.
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

/// More than expected, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnomalyType {
    /// More.
    Spike,
    /// Less.
    Dip,
}

/// Likely cause.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AnomalyCause {
    /// `congestion`, `server`, `attack` or `misconfiguration`.
    pub group: String,
    /// What speaks for it.
    pub evidence: String,
}

/// Sessions that ended in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OutcomeCount)]
pub struct OutcomeTally {
    /// The outcome.
    pub outcome: String,
    /// Number of sessions.
    pub count: u64,
}

impl From<OutcomeCount> for OutcomeTally {
    fn from(part: OutcomeCount) -> Self {
        Self { outcome: part.outcome.as_str().to_owned(), count: part.count }
    }
}

/// Someone or something that an anomaly is due to.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Influencer)]
pub struct AnomalyInfluencer {
    /// `client_ip`, `client_net` (/24 or /64), `server_ip`, `server_port`, `outcome` or `observer`.
    pub field: String,
    /// Its value.
    pub value: String,
    /// Share of the failed sessions, 0-1.
    pub share: f64,
    /// Usual share, 0-1.
    pub usual_share: f64,
    /// How much of the surprise goes away without it, 0-100.
    pub score: f64,
}

impl Anomaly {
    /// The record as the API gives it.
    pub fn of(record: &AnomalyRecord, settings: &JobSettings) -> Self {
        let series = &record.series;
        let explanation = record.explanation;
        Self {
            id: record_id(record, settings),
            job: settings.job_id(series.perspective).to_string(),
            perspective: series.perspective.into(),
            level: series.level.into(),
            server: series.server.map(|ip| ip.to_string()),
            port: series.port,
            service: record.service.clone(),
            client: series.client.map(|ip| ip.to_string()),
            timestamp: record.timestamp,
            bucket_span: record.bucket_span,
            score: record.record_score.value(),
            initial_score: record.initial_record_score.value(),
            severity: record.record_score.severity().into(),
            probability: record.probability,
            actual: record.actual,
            typical: record.expected.typical,
            lower: record.expected.lower,
            upper: record.expected.upper,
            attempts: record.attempts,
            clients: record.clients,
            multi_bucket_impact: record.multi_bucket_impact,
            explanation: sentence(record, settings.time_zone),
            details: AnomalyDetails {
                kind: if explanation.spike { AnomalyType::Spike } else { AnomalyType::Dip },
                length: explanation.length,
                single_bucket_impact: explanation.single_bucket_impact,
                multi_bucket_impact: explanation.multi_bucket_impact,
                high_variance_penalty: explanation.high_variance_penalty,
                incomplete_bucket_penalty: explanation.incomplete_bucket_penalty,
            },
            cause: record
                .cause
                .as_ref()
                .map(|cause| AnomalyCause { group: cause.group.clone(), evidence: cause.evidence.clone() }),
            outcomes: record.outcomes.iter().map(|&part| part.into()).collect(),
            influencers: record
                .influencers
                .iter()
                .map(|influencer| AnomalyInfluencer {
                    field: influencer.field.clone(),
                    value: influencer.value.clone(),
                    share: influencer.share,
                    usual_share: influencer.usual_share,
                    score: influencer.score.value(),
                })
                .collect(),
            is_interim: record.is_interim,
            revised: record.revised,
            series: series_query(series),
        }
    }
}

/// The id of a record: that of its ECS document.
pub fn record_id(record: &AnomalyRecord, settings: &JobSettings) -> String {
    Documents::new(Schema::Ecs, settings.prefix.clone()).record_id(record)
}

/// The series as a query string: `perspective=inbound&level=server_port&server=10.2.0.7&port=443`.
pub fn series_query(series: &SeriesKey) -> String {
    let mut text = format!("perspective={}&level={}", series.perspective, analytics::level_name(series.level));
    if let Some(server) = series.server {
        let _ = write!(text, "&server={server}");
    }
    if let Some(port) = series.port {
        let _ = write!(text, "&port={port}");
    }
    if let Some(client) = series.client {
        let _ = write!(text, "&client={client}");
    }
    text
}

/// A page of anomalies.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnomalyPage {
    /// The anomalies.
    pub items: Vec<Anomaly>,
    /// Where the next page begins.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// How many there are on all pages.
    pub total: usize,
}

/// One anomaly as a row of a table.
#[derive(Debug, Serialize)]
pub struct AnomalyRow {
    #[serde(flatten)]
    anomaly: Anomaly,
}

impl From<Anomaly> for AnomalyRow {
    fn from(mut anomaly: Anomaly) -> Self {
        // A row has the columns of a cause whether there is one or not.
        let none = || AnomalyCause { group: String::new(), evidence: String::new() };
        anomaly.cause.get_or_insert_with(none);
        Self { anomaly }
    }
}
