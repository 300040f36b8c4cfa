//! One series of a table: the model that fits its function.

use jobs::Expectation;
use jobs::detector::Function;

use super::aggregate::{Aggregate, side};
use crate::model::gauge::{Gauge, Side};
use crate::model::{Baseline, Moment, Observation};

/// What the model makes of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    pub expected: Expectation,
    pub surprise: f64,
    pub score: f64,
    /// Surprise alone and of the last few buckets, for joint tests over series that count.
    pub joint: Option<(f64, f64)>,
}

/// Models of one series: of counts above the usual, and of everything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    count: Option<Box<Baseline>>,
    gauge: Option<Box<Gauge>>,
}

impl Series {
    /// A series of which nothing is known.
    pub fn new(function: Function, span: u32) -> Self {
        let counts = Aggregate::new(function).is_ok_and(Aggregate::counts);
        let side = side(function);
        let count = (counts && side != Side::Low).then(|| Box::new(Baseline::new()));
        let gauge = (!counts || side != Side::High).then(|| {
            let side = if counts { Side::Low } else { side };
            Box::new(Gauge::new(span, side))
        });
        Self { count, gauge }
    }

    /// The bucket is unknown.
    pub fn skip(&mut self, days: f64) {
        self.count.iter_mut().for_each(|count| count.skip(days));
        self.gauge.iter_mut().for_each(|gauge| gauge.skip());
    }

    /// Scores a bucket and learns it.
    pub fn observe(&mut self, moment: &Moment, value: f64) -> Judgement {
        let above = self.count.as_mut().map(|count| {
            let scored = count.observe(moment, &Observation { failed: value, established: None, coverage: 1.0 });
            let joint = scored.ready.then_some((scored.single, scored.short));
            Judgement { expected: scored.expected, surprise: scored.surprise, score: scored.score, joint }
        });
        let other = self.gauge.as_mut().map(|gauge| {
            let gauged = gauge.observe(moment, value);
            let expected = gauged.expected;
            Judgement { expected, surprise: gauged.surprise, score: gauged.score, joint: None }
        });
        match (above, other) {
            (Some(above), Some(below)) => {
                // Both sides are looked at, so each has half of the error.
                let both = (above.surprise.max(below.surprise) - std::f64::consts::LN_2).max(0.0);
                let score = crate::model::score_of(both, (value - above.expected.typical).abs());
                let expected = if below.surprise > above.surprise { below.expected } else { above.expected };
                Judgement { expected, surprise: both, score: score.min(above.score.max(below.score)), ..above }
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Judgement {
                expected: Expectation { typical: value, lower: value, upper: value },
                surprise: 0.0,
                score: 0.0,
                joint: None,
            },
        }
    }
}
