//! One series of a job: the models that fit its function, and for how long it has been unusual.

use jobs::{Expectation, Function};

use crate::model::gauge::{Gauge, Side};
use crate::model::persist::persist;
use crate::model::{Baseline, Moment, Sided, counts, side};

/// Values among which a real-valued series is searched for a period of its own: a week of quarter hours.
const REMEMBERED: usize = 672;
/// Score from which a bucket belongs to an anomaly.
const UNUSUAL: f64 = 3.0;

/// What the models make of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judged {
    pub expected: Expectation,
    /// Calibrated surprise `-ln p`.
    pub surprise: f64,
    /// Of the bucket alone and of the recent ones together.
    pub parts: (f64, f64),
    /// 0-100.
    pub score: f64,
    pub length: u32,
    /// The series has been watched long enough to be scored.
    pub ready: bool,
}

/// The models of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    models: Sided,
    run: u32,
}

persist!(Series { models, run });

impl Series {
    /// A series that first shows after so many buckets (of `days` days each) in which it had nothing.
    pub fn new(function: Function, span: u32, buckets: f64, days: f64) -> Self {
        let baseline = || if buckets > 0.0 { Baseline::newcomer(buckets, days) } else { Baseline::new() };
        let gauge = |side| Gauge::remembering(span, side, REMEMBERED);
        Self { models: Sided::new(function, baseline, gauge), run: 0 }
    }

    /// Bytes that the models of a function come to take once they know their seasons, about.
    pub fn grown(function: Function) -> usize {
        match (counts(function), side(function)) {
            (true, Side::High) => 10_000,
            _ => 55_000,
        }
    }

    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.models.bytes()
    }

    /// The bucket says nothing of the series.
    pub fn skip(&mut self, days: f64) {
        self.models.skip(days);
        self.run = 0;
    }

    /// Judges a value, then learns it.
    pub fn observe(&mut self, moment: &Moment, value: f64) -> Judged {
        let found = self.models.observe(moment, value);
        self.run = if found.score >= UNUSUAL { self.run + 1 } else { 0 };
        let length = self.run.max(1);
        let (expected, surprise, parts, score) = (found.expected, found.surprise, found.parts, found.score);
        Judged { expected, surprise, parts, score, length, ready: found.ready }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calendar;
    use crate::model::persist::Persist as _;

    /// Four weeks of a daily rhythm with noise.
    fn watched(function: Function) -> Series {
        let calendar = Calendar::new(chrono_tz::Tz::UTC, 900);
        let mut series = Series::new(function, 900, 0.0, 900.0 / 86_400.0);
        for bucket in 0..2_688_u64 {
            let daily = (bucket as f64 / 96.0 * std::f64::consts::TAU).sin();
            let value = (50.0 + 20.0 * daily + crate::testing::noise(bucket, 9) as f64).round();
            series.observe(&calendar.moment(1_772_409_600 + bucket as i64 * 900), value);
        }
        series
    }

    #[test]
    fn models_grow_to_what_was_reserved_and_go_on_after_being_kept() {
        let calendar = Calendar::new(chrono_tz::Tz::UTC, 900);
        for function in [Function::HighCount, Function::Count, Function::LowCount, Function::Mean, Function::Min] {
            let mut series = watched(function);
            let (grown, reserved) = (series.bytes(), Series::grown(function));
            assert!(grown <= reserved && grown > reserved / 4, "{}: {grown} of {reserved}", function.as_str());
            let mut kept = Vec::new();
            series.put(&mut kept);
            let mut read = Series::take(&mut kept.as_slice()).unwrap();
            assert_eq!(read, series);
            let moment = calendar.moment(1_772_409_600 + 2_688 * 900);
            assert_eq!(read.observe(&moment, 3.0), series.observe(&moment, 3.0));
        }
    }
}
