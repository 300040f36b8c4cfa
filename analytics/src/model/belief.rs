//! The distribution that a count is held against.

use jobs::Expectation;

use crate::model::tail::{ln_upper, lower, quantile};

/// The distribution that a bucket is held against: of counts in packets of `packet` sessions, where they vary less than
/// chance would have them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Belief {
    pub mean: f64,
    pub dispersion: f64,
    pub packet: f64,
}

impl Belief {
    /// ln P(Y >= count).
    pub fn ln_upper(&self, count: f64) -> f64 {
        ln_upper(count / self.packet, self.mean / self.packet, self.dispersion)
    }

    /// P(Y <= count).
    pub fn lower(&self, count: f64) -> f64 {
        lower(count / self.packet, self.mean / self.packet, self.dispersion)
    }

    /// Share of the variance that a part of the dispersion makes.
    pub fn share(&self, dispersion: f64) -> f64 {
        dispersion * self.mean / (1.0 + self.dispersion / self.packet * self.mean)
    }

    /// The mean and the bounds of the 95 % interval.
    pub fn interval(&self) -> Expectation {
        let at = |level| self.packet * quantile(level, self.mean / self.packet, self.dispersion);
        Expectation { typical: self.mean, lower: at(0.025), upper: at(0.975) }
    }
}
