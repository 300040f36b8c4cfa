//! One series of a job: the models that fit its function and side.

use jobs::{Expectation, Function};

use super::gauge::{Gauge, Side};
use crate::model::persist::persist;
use crate::model::{Baseline, Moment, Observation, score_of};

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

/// The side of a function on which values are unusual.
pub(crate) fn side(function: Function) -> Side {
    let name = function.as_str();
    match name {
        "min" => Side::Low,
        "max" => Side::High,
        _ if name.starts_with("high_") => Side::High,
        _ if name.starts_with("low_") => Side::Low,
        _ => Side::Both,
    }
}

/// Whether values are whole numbers from 0.
pub(crate) fn is_count(function: Function) -> bool {
    matches!(function.description(), "count" | "non_zero_count" | "distinct_count")
}

/// The models of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    above: Option<Box<Baseline>>,
    other: Option<Box<Gauge>>,
    run: u32,
}

persist!(Series { above, other, run });

impl Series {
    /// A series that first shows after so many buckets (of `days` days each) in which it had nothing.
    pub fn new(function: Function, span: u32, buckets: f64, days: f64) -> Self {
        let (count, side) = (is_count(function), side(function));
        let baseline = || if buckets > 0.0 { Baseline::newcomer(buckets, days) } else { Baseline::new() };
        let above = (count && side != Side::Low).then(|| Box::new(baseline()));
        let other = (!count || side != Side::High).then(|| {
            // Counts above the usual have a model of their own.
            Box::new(Gauge::new(span, if count { Side::Low } else { side }))
        });
        Self { above, other, run: 0 }
    }

    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        let above = self.above.as_ref().map_or(0, |above| above.bytes());
        size_of::<Self>() + above + self.other.as_ref().map_or(0, |other| other.bytes())
    }

    /// The bucket says nothing of the series.
    pub fn skip(&mut self, days: f64) {
        self.above.iter_mut().for_each(|above| above.skip(days));
        self.other.iter_mut().for_each(|other| other.skip());
        self.run = 0;
    }

    /// Judges a value, then learns it.
    pub fn observe(&mut self, moment: &Moment, value: f64) -> Judged {
        let above = self.above.as_mut().map(|above| {
            let seen = Observation { failed: value.max(0.0), established: None, coverage: 1.0 };
            let scored = above.observe(moment, &seen);
            let parts = if scored.ready { (scored.single, scored.multi) } else { (0.0, 0.0) };
            (scored.expected, scored.surprise, parts, scored.score, scored.ready)
        });
        let other = self.other.as_mut().map(|other| {
            let gauged = other.observe(moment, value);
            (gauged.expected, gauged.surprise, (gauged.surprise, 0.0), gauged.score, other.ready())
        });
        let (expected, surprise, parts, score, ready) = match (above, other) {
            (Some(above), Some(below)) => {
                // Both sides are looked at: each has half of the error.
                let more = if below.1 > above.1 { below } else { above };
                let surprise = (more.1 - std::f64::consts::LN_2).max(0.0);
                let score = score_of(surprise, (value - more.0.typical).abs()).min(more.3);
                (more.0, surprise, more.2, score, above.4 || below.4)
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => {
                let nothing = Expectation { typical: value, lower: value, upper: value };
                (nothing, 0.0, (0.0, 0.0), 0.0, false)
            }
        };
        self.run = if score >= 3.0 { self.run + 1 } else { 0 };
        Judged { expected, surprise, parts, score, length: self.run.max(1), ready }
    }
}
