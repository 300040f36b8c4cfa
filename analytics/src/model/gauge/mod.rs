//! One real-valued series: what to expect of the next bucket, how surprising its value is on either side, and learning.
//!
//! Two meters run side by side, one on the values and one on their logarithms as long as all are positive. The one that
//! has forecast better decides. Must not know other series.

mod forecast;
mod memory;
mod meter;
mod period;
mod season;
mod spread;
mod view;

#[cfg(test)]
mod tests;

use jobs::Expectation;

use crate::model::calendar::Moment;
use crate::model::persist::{Persist, persist};
use crate::model::score::score_of;
use meter::{Meter, Metered};

/// Buckets that a series is watched before it is scored.
pub const LEARNING_BUCKETS: usize = 48;
/// Largest value that is told from larger ones.
const LARGEST: f64 = 1e100;
/// Buckets after which half of the meters' merits are forgotten.
const MERIT_LIFE: f64 = 500.0;
/// How much better logarithms must forecast to be believed.
const CLEARLY: f64 = 6.0;

/// On which side of the expectation values are unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above and below.
    Both,
    /// Above only.
    High,
    /// Below only.
    Low,
}

impl Persist for Side {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u8).put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        [Self::Both, Self::High, Self::Low].into_iter().nth(usize::from(u8::take(input)?))
    }
}

/// What the model makes of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauged {
    /// What was expected by the view that decided.
    pub expected: Expectation,
    /// Calibrated surprise `-ln p`, paid for the looks; 0 while learning.
    pub surprise: f64,
    /// Surprise of the bucket alone and of the recent ones together.
    pub parts: (f64, f64),
    /// 0-100.
    pub score: f64,
}

/// The model of one real-valued series.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    plain: Meter,
    /// Of logarithms; gone with the first value that has none.
    log: Option<Meter>,
    /// By how much logarithms have forecast better.
    lead: f64,
}

persist!(Gauge { plain, log, lead });

impl Gauge {
    /// A series of which nothing is known, in buckets of `span` seconds.
    pub fn new(span: u32, side: Side) -> Self {
        Self::remembering(span, side, period::MOST)
    }

    /// The same for one of very many series: a period of its own is sought among so many values only.
    pub fn remembering(span: u32, side: Side, values: usize) -> Self {
        let meter = || Meter::new(span, side, values);
        Self { plain: meter(), log: Some(meter()), lead: 0.0 }
    }

    /// Whether it has seen enough to score.
    pub fn ready(&self) -> bool {
        self.plain.ready()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.plain.bytes() + self.log.as_ref().map_or(0, Meter::bytes)
    }

    /// The bucket is missing: what the last values said no longer holds.
    pub fn skip(&mut self) {
        self.plain.skip();
        self.log.iter_mut().for_each(Meter::skip);
    }

    /// Scores a bucket, then learns from it. `value` must be finite.
    pub fn observe(&mut self, moment: &Moment, value: f64) -> Gauged {
        // Squares of larger numbers are none.
        let value = value.clamp(-LARGEST, LARGEST);
        let plain = self.plain.observe(moment, value);
        if value <= 0.0 {
            self.log = None;
        }
        let Some(log) = &mut self.log else { return gauged(plain) };
        let logarithm = value.ln();
        let logged = log.observe(moment, logarithm);
        let preferred = self.lead > CLEARLY;
        // The density of a value is that of its logarithm over the value.
        let lead = (logged.merit - logarithm - plain.merit).clamp(-3.0, 3.0);
        self.lead = self.lead * 0.5_f64.powf(1.0 / MERIT_LIFE) + lead;
        if !preferred {
            return gauged(plain);
        }
        let Expectation { typical, lower, upper } = logged.expected;
        let expected = Expectation { typical: typical.exp(), lower: lower.exp(), upper: upper.exp() };
        gauged(Metered { expected, ..logged })
    }
}

fn gauged(metered: Metered) -> Gauged {
    let Metered { expected, surprise, parts, .. } = metered;
    Gauged { expected, surprise, parts, score: score_of(surprise, f64::INFINITY) }
}
