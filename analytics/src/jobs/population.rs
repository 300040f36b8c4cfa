//! A population: the members of a bucket compared with what members usually do.
//!
//! Values of many members make one distribution, which forgets slowly. The most unusual member of a bucket is calibrated
//! on the most unusual ones of the past, paid for the number of members.

use jobs::{Expectation, Function};

use super::series::Judged;
use crate::model::gauge::Side;
use crate::model::persist::persist;
use crate::model::tail::{Calibration, ln_normal_upper, ln_upper, lower, quantile};
use crate::model::{counts, score_of, side};

/// Buckets with members before one is scored, and members seen before.
const LEARNING: f64 = 48.0;
const MEMBERS: f64 = 100.0;
/// Days after which half of the past is forgotten.
const LIFE: f64 = 7.0;
/// A member's value counts for no more than so many deviations.
const CAP: f64 = 4.0;

/// What members of one group do.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Population {
    buckets: f64,
    members: f64,
    weight: f64,
    sum: f64,
    squares: f64,
    up: Calibration,
    down: Calibration,
}

persist!(Population { buckets, members, weight, sum, squares, up, down });

impl Population {
    /// Whether members are scored yet.
    pub fn ready(&self) -> bool {
        self.buckets >= LEARNING && self.members >= MEMBERS
    }

    fn moments(&self) -> (f64, f64) {
        let weight = self.weight.max(1e-9);
        let mean = self.sum / weight;
        (mean, (self.squares / weight - mean * mean).max(0.0))
    }

    /// Judges the members of a bucket, then learns from those of which `learns` says so. Members are in a stable order.
    pub fn observe(
        &mut self,
        function: Function,
        days: f64,
        values: &[f64],
        learns: &dyn Fn(usize, f64) -> bool,
    ) -> Vec<Judged> {
        let (mean, variance) = self.moments();
        let (count, side, ready) = (counts(function), side(function), self.ready());
        let dispersion = ((variance - mean) / (mean * mean).max(1e-9)).clamp(0.005, 30.0);
        let deviation = variance.sqrt().max(1e-9 * mean.abs()).max(f64::MIN_POSITIVE);
        let raw = |value: f64| {
            if count {
                (-ln_upper(value, mean, dispersion), -lower(value, mean, dispersion).max(1e-300).ln())
            } else {
                let z = ((value - mean) / deviation).clamp(-1e6, 1e6);
                (-ln_normal_upper(z.max(-4.0)), -ln_normal_upper((-z).max(-4.0)))
            }
        };
        let expected = if count {
            let bound = |level| quantile(level, mean.max(1e-9), dispersion);
            Expectation { typical: mean, lower: bound(0.025), upper: bound(0.975) }
        } else {
            Expectation { typical: mean, lower: mean - 1.96 * deviation, upper: mean + 1.96 * deviation }
        };
        let looks = (values.len().max(1) as f64).ln();
        let raws: Vec<(f64, f64)> = values.iter().map(|value| raw(*value)).collect();
        let judged = values.iter().zip(&raws).map(|(value, raw)| {
            let (up, down) = (self.up.apply((raw.0 - looks).max(0.0)), self.down.apply((raw.1 - looks).max(0.0)));
            let surprise = match side {
                Side::High => up,
                Side::Low => down,
                Side::Both => (up.max(down) - std::f64::consts::LN_2).max(0.0),
            };
            let surprise = if ready { surprise } else { 0.0 };
            let above = if count { (value - mean).abs() } else { f64::INFINITY };
            let score = score_of(surprise, above);
            Judged { expected, surprise, parts: (surprise, 0.0), score, length: 1, ready }
        });
        let judged: Vec<Judged> = judged.collect();
        if ready {
            let most = |pick: fn(&(f64, f64)) -> f64| raws.iter().map(pick).fold(0.0, f64::max);
            self.up.learn((most(|raw| raw.0) - looks).max(0.0));
            self.down.learn((most(|raw| raw.1) - looks).max(0.0));
        }
        self.learn(days, values, deviation, learns);
        judged
    }

    fn learn(&mut self, days: f64, values: &[f64], deviation: f64, learns: &dyn Fn(usize, f64) -> bool) {
        let keep = 0.5_f64.powf(days / LIFE);
        let (mean, _) = self.moments();
        self.weight *= keep;
        self.sum *= keep;
        self.squares *= keep;
        self.buckets += f64::from(u8::from(!values.is_empty()));
        let limit = if self.ready() { CAP * deviation.max(1.0_f64.min(mean.abs())) } else { f64::INFINITY };
        for (_, value) in values.iter().enumerate().filter(|(place, value)| learns(*place, **value)) {
            let value = value.clamp(mean - limit, mean + limit);
            self.members += 1.0;
            self.weight += 1.0;
            self.sum += value;
            self.squares += value * value;
        }
    }
}
