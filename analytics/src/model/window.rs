//! Several buckets together: a moving mean of z-scores, with its own spread and tail.

use crate::model::persist::persist;
use crate::model::tail::{Calibration, ln_normal_upper};

/// z-scores count for no more than this, below and above: less than a bucket has by itself, enough that two or three
/// clear ones in a row say more than each.
const CLIP: (f64, f64) = (3.0, 4.5);
/// The mean falls no lower than so many of its nominal deviations.
const LOWEST: f64 = 1.0;
/// Share of the spread that a new bucket brings: about ten days of quarter hours.
const SPREAD_STEP: f64 = 1.0 / 960.0;

/// Part of the dispersion of counts that is left in the tails of their means.
const EVENED: f64 = 0.25;

/// An exponentially weighted mean of z-scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    step: f64,
    mean: f64,
    /// Weight of the mean since the last reset: young windows spread less.
    filled: f64,
    spread: f64,
    tail: Calibration,
    gathered: f64,
    /// Mean share of variance that the buckets have in common.
    common: f64,
}

persist!(Window { step, mean, filled, spread, tail, gathered, common });

impl Window {
    /// A window in which a new bucket has the weight `step`, and whose surprises are held against this past.
    pub fn new(step: f64, tail: Calibration) -> Self {
        Self { step, mean: 0.0, filled: 0.0, spread: 1.0, tail, gathered: 0.0, common: 0.0 }
    }

    /// How much above the expectation the window has gathered.
    pub fn gathered(&self) -> f64 {
        self.gathered
    }

    /// Takes a bucket in, its z-score and how much it is above the expectation, and returns the surprise of the window;
    /// learns from it where `learn`. `common` is the share of the z-score's variance that neighbouring buckets have in
    /// common, of which no mean rids them; `dispersion` is that of the counts.
    pub fn observe(&mut self, z: f64, above: f64, common: f64, dispersion: f64, learn: bool) -> f64 {
        self.gathered = self.gathered.mul_add(1.0 - self.step, above);
        let z = z.clamp(-CLIP.0, CLIP.1);
        // A dip before a rise must not hide it.
        self.mean = (self.mean + self.step * (z - self.mean)).max(-LOWEST * self.nominal());
        self.filled += self.step * (1.0 - self.filled);
        self.common += self.step * (common - self.common);
        let raw = -ln_normal_upper(self.standard().max(-3.0));
        let surprise = self.tail.doubt(raw, EVENED * dispersion);
        if learn && self.filled > 0.6 {
            if self.mean > 0.0 {
                let square =
                    ((self.mean / self.nominal()).powi(2) / (1.0 - self.common).max(0.05)).min(4.0 * self.spread);
                self.spread += SPREAD_STEP * (square - self.spread);
            }
            self.tail.learn(raw);
        }
        surprise
    }

    /// Deviation of a mean of independent z-scores of unit variance; correlation shows in `spread`.
    fn nominal(&self) -> f64 {
        (self.step / (2.0 - self.step)).sqrt()
    }

    /// The mean in units of its usual deviation.
    pub fn standard(&self) -> f64 {
        self.mean / self.variance(self.spread.max(0.49)).sqrt()
    }

    /// Variance of the mean, of which independent buckets have `spread` times the nominal one.
    fn variance(&self, spread: f64) -> f64 {
        self.nominal().powi(2) * spread * (1.0 - self.common) + self.common
    }

    /// An incident is over: its share of the mean goes quickly.
    pub fn relax(&mut self) {
        if self.mean > 0.0 {
            self.mean *= 0.55;
            self.gathered *= 0.55;
        }
    }

    /// Starts over, keeping what was learnt of the spread.
    pub fn reset(&mut self) {
        self.mean = 0.0;
        self.gathered = 0.0;
    }
}
