//! The level of a series relative to its seasonal profile: a discounted gamma-Poisson filter.

use crate::model::persist::persist;

/// Events that the prior (level as fitted) is worth.
const PRIOR: f64 = 0.5;

/// Discounted counts and what the profile said they would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    events: f64,
    expected: f64,
}

persist!(Level { events, expected });

impl Level {
    /// A level known from `expected` at the rate `level`, worth `events`.
    pub fn new(level: f64, events: f64) -> Self {
        Self { events, expected: events / level.max(1e-9) }
    }

    /// Multiple of the profile.
    pub fn value(&self) -> f64 {
        (self.events + PRIOR * 0.1) / (self.expected + PRIOR * 0.1).max(1e-9)
    }

    /// Relative variance of the level.
    pub fn uncertainty(&self) -> f64 {
        1.0 / (self.events + PRIOR)
    }

    /// Forgets by `keep` and takes one bucket in.
    pub fn learn(&mut self, keep: f64, count: f64, profile: f64, weight: f64) {
        self.events = self.events * keep + weight * count;
        self.expected = self.expected * keep + weight * profile;
    }

    /// The profile was replaced by one that is `factor` times higher on the whole.
    pub fn rescale(&mut self, factor: f64) {
        self.expected *= factor;
    }

    /// Takes the level to be this from now on, with the weight of `events`.
    pub fn adopt(&mut self, level: f64, events: f64) {
        *self = Self::new(level, events);
    }
}

impl Level {
    /// How much exposure the level is known from.
    pub fn worth(&self) -> f64 {
        self.expected
    }
}
