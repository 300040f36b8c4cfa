//! What goes into a baseline, and what comes out.

use jobs::Expectation;

use crate::model::belief::Belief;

/// What a bucket of a series holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Failed sessions.
    pub failed: f64,
    /// Established sessions, where counted.
    pub established: Option<f64>,
    /// Share of the usual observers that delivered, 0-1.
    pub coverage: f64,
}

/// What the model makes of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// What was expected.
    pub expected: Expectation,
    /// Calibrated surprise `-ln p` of this bucket alone.
    pub single: f64,
    /// Calibrated surprise of the recent buckets together.
    pub multi: f64,
    /// Calibrated surprise of the last few buckets, for joint tests over series.
    pub short: f64,
    /// Surprise of both, paid for the looks.
    pub surprise: f64,
    /// 0-100.
    pub score: f64,
    /// The variance is so high that the score was lowered.
    pub high_variance: bool,
    /// Buckets since the anomaly began, 1 for a single one.
    pub length: u32,
    /// The series has been watched long enough to be scored.
    pub ready: bool,
    pub(super) belief: Belief,
    pub(super) raw: f64,
}

impl Scored {
    /// P(Y >= failed), as the model itself has it.
    pub fn chance_of(&self, failed: f64) -> f64 {
        self.belief.ln_upper(failed.max(0.0)).exp()
    }

    /// Share of the bucket's surprise that goes away with these sessions, 0-1.
    pub fn share_of_surprise(&self, failed: f64, without: f64) -> f64 {
        let rest = -self.belief.ln_upper((failed - without).max(0.0));
        if self.raw > 0.0 { ((self.raw - rest) / self.raw).clamp(0.0, 1.0) } else { 0.0 }
    }
}
