//! Forecasts: what the newest snapshot of the models expects of the buckets to come.

use jobs::{Expectation, SeriesKey};

use crate::detect::checkpoint::Checkpoints;
use crate::detect::settings::DetectSettings;
use crate::error::Result;
use crate::model::Calendar;
use crate::store::SessionStore;

/// One bucket to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForecastPoint {
    /// Bucket start, ms.
    pub timestamp: i64,
    /// Failed sessions expected, with a 95 % interval that widens with the distance.
    pub expected: Expectation,
}

/// Reads forecasts from a store's snapshots, beside a running detection.
#[derive(Debug)]
pub struct Forecaster {
    checkpoints: Checkpoints,
    calendar: Calendar,
    span: u32,
}

impl Forecaster {
    /// Forecasts of what was detected under these settings.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn new(store: &SessionStore, settings: &DetectSettings) -> Result<Self> {
        let span = settings.span_seconds()?;
        let calendar = Calendar::new(settings.time_zone, span);
        Ok(Self { checkpoints: Checkpoints::new(store, &settings.fingerprint()), calendar, span })
    }

    /// Length of a bucket, seconds.
    pub const fn bucket_span(&self) -> u32 {
        self.span
    }

    /// The `buckets` buckets after the newest snapshot. `None`: there is no snapshot yet, or it has no model of the
    /// series.
    pub fn series(&self, key: &SeriesKey, buckets: usize) -> Option<Vec<ForecastPoint>> {
        let world = self.checkpoints.newest(|known| known == key)?;
        let model = world.views.get(&key.perspective)?.series.get(key)?;
        let (next, span) = (world.next?, i64::from(self.span));
        let point = |ahead: usize| {
            let moment = self.calendar.moment(next + ahead as i64 * span);
            let expected = model.count.forecast(&moment, (ahead + 1) as f64 * moment.days);
            ForecastPoint { timestamp: moment.start * 1000, expected }
        };
        Some((0..buckets).map(point).collect())
    }
}
