//! One series over time as the API gives it.

use analytics::{SeriesPoint, SeriesView};
use jobs::SeriesKey;
use jobs::sentence::series_label;
use serde::Serialize;
use utoipa::ToSchema;

use super::anomaly::OutcomeTally;
use super::names::{LevelName, PerspectiveName};

/// One series over a time range.
#[derive(Debug, Serialize, ToSchema)]
pub struct Series {
    /// Which series.
    pub key: SeriesKeyParts,
    /// The series in words.
    pub label: String,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Its buckets, by time.
    pub points: Vec<Point>,
    /// Failed sessions of the range by outcome, by falling count.
    pub outcomes: Vec<OutcomeTally>,
    /// What the model still waits for.
    #[schema(required)]
    pub learning: Option<String>,
}

/// Identity of a series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeriesKey)]
pub struct SeriesKeyParts {
    /// Perspective.
    pub perspective: PerspectiveName,
    /// What it counts.
    pub level: LevelName,
    /// Server address.
    #[schema(required)]
    pub server: Option<String>,
    /// Server port.
    #[schema(required)]
    pub port: Option<u16>,
    /// Client address.
    #[schema(required)]
    pub client: Option<String>,
}

/// One bucket of a series. Counts are absent where nothing was delivered.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SeriesPoint)]
pub struct Point {
    /// Bucket start, ms since the epoch.
    pub t: i64,
    /// Failed sessions.
    #[schema(required)]
    pub actual: Option<f64>,
    /// TCP sessions whose outcome is known.
    #[schema(required)]
    pub attempts: Option<u64>,
    /// Expected failed sessions.
    #[schema(required)]
    pub typical: Option<f64>,
    /// Lower bound of the 95 % interval.
    #[schema(required)]
    pub lower: Option<f64>,
    /// Upper bound of the 95 % interval.
    #[schema(required)]
    pub upper: Option<f64>,
    /// 0-100.
    pub score: f64,
    /// The recent buckets together weigh more than this one.
    pub multi: bool,
}

impl From<&SeriesPoint> for Point {
    fn from(point: &SeriesPoint) -> Self {
        Self {
            t: point.timestamp,
            actual: point.actual,
            attempts: point.attempts,
            typical: point.expected.map(|expected| expected.typical),
            lower: point.expected.map(|expected| expected.lower),
            upper: point.expected.map(|expected| expected.upper),
            score: point.score,
            multi: point.multi,
        }
    }
}

impl From<&SeriesKey> for SeriesKeyParts {
    fn from(key: &SeriesKey) -> Self {
        Self {
            perspective: key.perspective.into(),
            level: key.level.into(),
            server: key.server.map(|ip| ip.to_string()),
            port: key.port,
            client: key.client.map(|ip| ip.to_string()),
        }
    }
}

impl From<&SeriesView> for Series {
    fn from(view: &SeriesView) -> Self {
        const TCP: u8 = 6;
        let key = &view.key;
        let service = key.port.and_then(|port| tracker::service::service_name(TCP, port));
        Self {
            key: key.into(),
            label: series_label(key, service),
            bucket_span: view.bucket_span,
            points: view.points.iter().map(Point::from).collect(),
            outcomes: view.outcomes.iter().map(|&part| part.into()).collect(),
            learning: view.learning.clone(),
        }
    }
}
