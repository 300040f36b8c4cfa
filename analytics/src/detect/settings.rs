//! Settings of detection.

use std::time::Duration;

use jobs::Prefix;

use crate::buckets::count::Limits;
use crate::detect::world::Rules;
use crate::error::{Result, StoreError};

/// How detection counts and scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectSettings {
    /// Length of a bucket, whole seconds from 1 s to a day. Buckets are aligned to the epoch.
    pub bucket_span: Duration,
    /// A bucket is sealed when this long has passed since its end.
    pub grace: Duration,
    /// Delay on top of `grace`, for exporters with long time-outs (a datafeed's `query_delay`).
    pub query_delay: Duration,
    /// Zone in which hours of the day and days of the week are meant.
    pub time_zone: chrono_tz::Tz,
    /// Series kept apart per bucket, perspective and level; the rest is pooled and counted as such.
    pub max_series: u32,
    /// Bytes that the models of all series may take. Beyond it the series with the least evidence are forgotten, and
    /// counted as such.
    pub memory: usize,
    /// How long counts and results are kept; `None`: for ever.
    pub keep_results: Option<Duration>,
    /// A series without a failure for this long is forgotten.
    pub prune_window: Duration,
    /// What the ids of the jobs begin with, by which calendars name them.
    pub prefix: Prefix,
}

impl Default for DetectSettings {
    fn default() -> Self {
        Self {
            bucket_span: Duration::from_secs(900),
            grace: Duration::from_secs(60),
            query_delay: Duration::from_secs(60),
            time_zone: chrono_tz::Tz::UTC,
            max_series: 10_000,
            memory: 400 << 20,
            keep_results: None,
            prune_window: Duration::from_secs(14 * 86_400),
            prefix: Prefix::default(),
        }
    }
}

impl DetectSettings {
    /// The bucket span in whole seconds.
    ///
    /// # Errors
    /// It is shorter than a second, longer than a day, or no whole number of seconds.
    pub fn span_seconds(&self) -> Result<u32> {
        let seconds = self.bucket_span.as_secs();
        match u32::try_from(seconds) {
            Ok(span @ 1..=86_400) if self.bucket_span.subsec_nanos() == 0 => Ok(span),
            _ => Err(StoreError::Setting {
                name: "bucket_span",
                reason: format!("{:?} is not a whole number of seconds from 1 s to 1 d", self.bucket_span),
            }),
        }
    }

    /// How many series counts keep apart.
    pub(crate) fn limits(&self) -> Limits {
        Limits { series: self.max_series.max(1), quiet: (self.max_series / 4).max(1) }
    }

    /// How buckets are scored.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            max_series: self.max_series.max(1) as usize,
            prune_days: self.prune_window.as_secs_f64() / 86_400.0,
            memory: self.memory,
        }
    }

    /// A short text of everything that changes what models learn.
    pub(crate) fn fingerprint(&self) -> String {
        let (span, prune) = (self.bucket_span.as_secs(), self.prune_window.as_secs());
        format!("{span}-{}-{}-{prune}-{}", self.time_zone.name(), self.max_series, self.memory)
    }

    /// End of the last sealed bucket at `now` (seconds since the epoch).
    pub(crate) fn sealed(&self, now: tracker::Micros, span: u32) -> i64 {
        let wait = i64::try_from((self.grace + self.query_delay).as_micros()).unwrap_or(i64::MAX);
        now.saturating_sub(wait).div_euclid(1_000_000).div_euclid(i64::from(span)) * i64::from(span)
    }
}
