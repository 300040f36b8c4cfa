//! How far errors scatter, and how long the tails of their distribution are: Student distributions of several degrees of
//! freedom, each with its own scale, weighted by how well each has told the errors lately.
//!
//! Each scale moves by the step of maximum likelihood of its distribution, in which an outlier counts for little.

use statrs::function::beta::beta_reg;

use crate::model::persist::persist;
use crate::model::tail::{ln_student_upper, normal_score};

/// Degrees of freedom, what the normalising constant adds to the log-likelihood, and the 97.5 % point over that of the
/// normal distribution.
const FAMILY: [(f64, f64, f64); 3] = [(3.0, -1.000_889, 1.624), (8.0, -0.950_109, 1.177), (20.0, -0.931_433, 1.064)];
/// Errors after which half of the merits are forgotten, and the most that one error says about the length of tails.
const MERIT_LIFE: f64 = 1_500.0;
const MOST_SAID: f64 = 0.7;
/// Errors beyond so many scales (of the middle distribution) speak of the tails, by how far beyond they lie: what is in
/// the middle says how peaked errors are, which does not matter.
const TAIL: f64 = 1.5;
/// Log-odds of each length of tail before any error.
const PRIOR: [f64; 3] = [-3.0, -1.0, 0.0];
/// Forgetting of the scales: about the last 400 errors.
const RATE: f64 = 1.0 / 400.0;
/// Squared errors count for no more than so many squared scales.
const CAP: f64 = 9.0;

/// Scales and merits of the distributions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    squares: [f64; 3],
    merits: [f64; 3],
    seen: f64,
}

persist!(Spread { squares, merits, seen });

impl Default for Spread {
    fn default() -> Self {
        Self { squares: [0.0; 3], merits: [0.0; 3], seen: 0.0 }
    }
}

/// An error in the eyes of a spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The normal deviate that is as improbable.
    pub z: f64,
    /// `-ln p` of so much above, and of so much below.
    pub up: f64,
    pub down: f64,
}

impl Spread {
    /// Errors that the scales rest on.
    pub fn worth(&self) -> f64 {
        self.seen.min(1.0 / RATE)
    }

    fn weights(&self) -> [f64; 3] {
        let logs: Vec<f64> = self.merits.iter().zip(PRIOR).map(|(merit, prior)| merit + prior).collect();
        let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut weights = [0.0; 3];
        for (weight, log) in weights.iter_mut().zip(logs) {
            *weight = (log - best).max(-60.0).exp();
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }

    /// A quarter of the width that holds 95 % of the errors, about the deviation of normal ones; at least `floor`.
    pub fn scale(&self, floor: f64) -> f64 {
        let parts = self.weights().into_iter().zip(self.squares).zip(FAMILY);
        parts.map(|((weight, square), (_, _, width))| weight * width * square.sqrt()).sum::<f64>().max(floor)
    }

    /// Places an error of a distribution that is `relative` times as wide, known from so many independent errors.
    pub fn place(&self, error: f64, relative: f64, floor: f64, independent: f64) -> Placed {
        let (mut above, mut below, mut ln_far) = (0.0, 0.0, f64::NEG_INFINITY);
        for ((weight, square), (freedom, _, _)) in self.weights().into_iter().zip(self.squares).zip(FAMILY) {
            // What is not known of the scale makes tails longer too.
            let freedom = 1.0 / (1.0 / freedom + 1.0 / independent.max(1.0));
            let t = (error / (relative * square.sqrt()).max(floor)).clamp(-1e9, 1e9);
            let tail = 0.5 * beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t));
            let (up, down) = if t < 0.0 { (1.0 - tail, tail) } else { (tail, 1.0 - tail) };
            above += weight * up;
            below += weight * down;
            ln_far = ln_far.max(weight.ln() + ln_student_upper(t.abs(), freedom));
        }
        let far = -ln_far;
        let surprise = |p: f64| if p > 1e-250 { -p.ln() } else { far };
        let (up, down) = (surprise(above), surprise(below));
        let side = if error < 0.0 { -1.0 } else { 1.0 };
        Placed { z: side * normal_score(above.min(below).clamp(1e-15, 0.5)), up, down }
    }

    /// Takes an error in, already divided by how much wider its distribution was.
    pub fn learn(&mut self, error: f64, floor: f64) {
        self.seen += 1.0;
        let rate = (1.0 / self.seen).max(RATE);
        let least = (floor * floor).max(f64::MIN_POSITIVE);
        self.merits.iter_mut().for_each(|merit| *merit *= 0.5_f64.powf(1.0 / MERIT_LIFE));
        let from = TAIL * self.squares[1].max(least).sqrt();
        if self.seen > 24.0 && error.abs() > from {
            let said = |at: usize| {
                let (freedom, constant, _) = FAMILY[at];
                let square = self.squares[at].max(least);
                let density =
                    constant - 0.5 * square.ln() - 0.5 * (freedom + 1.0) * (error * error / square / freedom).ln_1p();
                density - ln_student_upper(from / square.sqrt(), freedom)
            };
            let lightest = said(FAMILY.len() - 1);
            let gains = [0, 1, 2].map(|at| (said(at) - lightest).clamp(-MOST_SAID, MOST_SAID));
            self.merits.iter_mut().zip(gains).for_each(|(merit, gain)| *merit += gain);
        }
        for (at, square) in self.squares.iter_mut().enumerate() {
            let known = square.max(least);
            let ratio = error * error / known;
            let freedom = FAMILY[at].0;
            let step = if self.seen < 12.0 { ratio } else { ((freedom + 1.0) / (freedom + ratio) * ratio).min(CAP) };
            *square = (known + rate * (step - 1.0) * known).max(0.0);
        }
    }
}
