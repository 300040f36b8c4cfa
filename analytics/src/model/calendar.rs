//! Local time of a bucket: which quarter hour of the week it starts in.

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;

/// Quarter hours of a day.
pub const DAY_SLOTS: usize = 96;
/// Quarter hours of a week.
pub const WEEK_SLOTS: usize = 7 * DAY_SLOTS;

/// Zone and bucket span that buckets are read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    zone: Tz,
    span: u32,
}

/// A bucket's place in local time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Bucket start, seconds since the epoch.
    pub start: i64,
    /// Quarter hour of the local week, Monday 00:00 first.
    pub slot: usize,
    /// Second of the local week, Monday 00:00 first.
    pub second: u32,
    /// Length of a bucket in days.
    pub days: f64,
    /// Local day number, for telling days apart.
    pub day: i64,
}

impl Calendar {
    /// Buckets of `span` seconds, read in `zone`.
    pub fn new(zone: Tz, span: u32) -> Self {
        Self { zone, span: span.max(1) }
    }

    /// The bucket that starts at `start` (seconds since the epoch).
    pub fn moment(&self, start: i64) -> Moment {
        let local = DateTime::from_timestamp(start, 0).unwrap_or_default().with_timezone(&self.zone);
        let quarter = (local.num_seconds_from_midnight() / 900) as usize;
        let weekday = local.weekday().num_days_from_monday() as usize;
        Moment {
            start,
            second: local.weekday().num_days_from_monday() * 86_400 + local.num_seconds_from_midnight().min(86_399),
            slot: weekday * DAY_SLOTS + quarter.min(DAY_SLOTS - 1),
            days: f64::from(self.span) / 86_400.0,
            day: i64::from(local.num_days_from_ce()),
        }
    }
}
