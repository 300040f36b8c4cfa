//! A forecast as the API gives it.

use analytics::ForecastPoint;
use jobs::SeriesKey;
use jobs::sentence::series_label;
use serde::Serialize;
use utoipa::ToSchema;

use super::series::SeriesKeyParts;

/// What one series is expected to have.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forecast {
    /// Which series.
    pub key: SeriesKeyParts,
    /// The series in words.
    pub label: String,
    /// The buckets to come, by time.
    pub points: Vec<ExpectedBucket>,
}

/// One bucket to come, with a 95 % interval that widens with the distance.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ExpectedBucket {
    /// Bucket start, ms since the epoch.
    pub t: i64,
    /// Failed sessions expected.
    pub typical: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

impl Forecast {
    /// The points of this series.
    pub fn of(key: &SeriesKey, points: &[ForecastPoint]) -> Self {
        let bucket = |point: &ForecastPoint| {
            let expected = point.expected;
            ExpectedBucket {
                t: point.timestamp,
                typical: expected.typical,
                lower: expected.lower,
                upper: expected.upper,
            }
        };
        Self { key: key.into(), label: series_label(key, None), points: points.iter().map(bucket).collect() }
    }
}
