//! One series under a function: counts above the usual by one model, everything else by the other, and one answer.

use jobs::Expectation;
use jobs::detector::Function;

use super::gauge::{Gauge, Side};
use super::persist::persist;
use super::{Baseline, Moment, Observation, score_of};

/// What the models make of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What was expected on the side that decided.
    pub expected: Expectation,
    /// Calibrated surprise `-ln p`, paid for the sides; 0 while learning.
    pub surprise: f64,
    /// Surprise of the bucket alone and of the recent ones together.
    pub parts: (f64, f64),
    /// 0-100.
    pub score: f64,
    /// Surprise alone and of the last few buckets, for joint tests over series that count.
    pub joint: Option<(f64, f64)>,
    /// The series has been watched long enough to be scored.
    pub ready: bool,
}

/// The side of a function on which values are unusual.
pub fn side(function: Function) -> Side {
    match function.as_str() {
        "min" => Side::Low,
        "max" => Side::High,
        name if name.starts_with("high_") => Side::High,
        name if name.starts_with("low_") => Side::Low,
        _ => Side::Both,
    }
}

/// Whether values are whole numbers from 0.
pub fn counts(function: Function) -> bool {
    matches!(function.description(), "count" | "non_zero_count" | "distinct_count")
}

/// The models of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sided {
    above: Option<Box<Baseline>>,
    other: Option<Box<Gauge>>,
}

persist!(Sided { above, other });

impl Sided {
    /// The models that fit a function: of counts above the usual `baseline`, of everything else what `gauge` makes for
    /// its side.
    pub fn new(function: Function, baseline: impl FnOnce() -> Baseline, gauge: impl FnOnce(Side) -> Gauge) -> Self {
        let (counts, side) = (counts(function), side(function));
        let above = (counts && side != Side::Low).then(|| Box::new(baseline()));
        let other = (!counts || side != Side::High).then(|| Box::new(gauge(if counts { Side::Low } else { side })));
        Self { above, other }
    }

    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        let above = self.above.as_ref().map_or(0, |above| above.bytes());
        size_of::<Self>() + above + self.other.as_ref().map_or(0, |other| other.bytes())
    }

    /// The bucket is unknown, or so many days of them.
    pub fn skip(&mut self, days: f64) {
        self.above.iter_mut().for_each(|above| above.skip(days));
        self.other.iter_mut().for_each(|other| other.skip());
    }

    /// Scores a bucket and learns it.
    pub fn observe(&mut self, moment: &Moment, value: f64) -> Judgement {
        let above = self.above.as_mut().map(|above| {
            let seen = Observation { failed: value.max(0.0), established: None, coverage: 1.0 };
            let scored = above.observe(moment, &seen);
            let (parts, joint) = if scored.ready {
                ((scored.single, scored.multi), Some((scored.single, scored.short)))
            } else {
                ((0.0, 0.0), None)
            };
            let (expected, surprise, score, ready) = (scored.expected, scored.surprise, scored.score, scored.ready);
            Judgement { expected, surprise, parts, score, joint, ready }
        });
        let other = self.other.as_mut().map(|other| {
            let ready = other.ready();
            let gauged = other.observe(moment, value);
            let (expected, surprise, score) = (gauged.expected, gauged.surprise, gauged.score);
            Judgement { expected, surprise, parts: gauged.parts, score, joint: None, ready }
        });
        match (above, other) {
            (Some(above), Some(below)) => both(value, above, below),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Judgement {
                expected: Expectation { typical: value, lower: value, upper: value },
                surprise: 0.0,
                parts: (0.0, 0.0),
                score: 0.0,
                joint: None,
                ready: false,
            },
        }
    }
}

/// Both sides are looked at, so each has half of the error.
fn both(value: f64, above: Judgement, below: Judgement) -> Judgement {
    let more = if below.surprise > above.surprise { below } else { above };
    let surprise = (more.surprise - std::f64::consts::LN_2).max(0.0);
    let score = score_of(surprise, (value - above.expected.typical).abs()).min(above.score.max(below.score));
    let (expected, parts) = (more.expected, more.parts);
    Judgement { expected, surprise, parts, score, joint: above.joint, ready: above.ready || below.ready }
}
