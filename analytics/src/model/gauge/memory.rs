//! What the last few errors say of the next one: an autoregression, fitted by ridge regression on decayed sums.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;

use crate::model::glm::Normal;
use crate::model::persist::persist;

/// How many errors are remembered.
const LAGS: usize = 10;
/// Buckets after which half of the past is forgotten.
const LIFE: f64 = 600.0;
/// Buckets between fits.
const EVERY: u32 = 24;
/// Errors beyond so many deviations teach only this much of the dynamics.
const CAP: f64 = 5.0;
/// Ridge on every lag, in squared deviations.
const RIDGE: f64 = 4.0;

/// Recent errors and the autoregression on them.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Newest first, in units of the value.
    lags: [f64; LAGS],
    /// As `lags`, with what was a surprise replaced by what was expected.
    clean: [f64; LAGS],
    normal: Normal,
    weights: [f64; LAGS],
    until_fit: u32,
}

persist!(Memory { lags, clean, normal, weights, until_fit });

impl Default for Memory {
    fn default() -> Self {
        Self {
            lags: [0.0; LAGS],
            clean: [0.0; LAGS],
            normal: Normal::new(LAGS),
            weights: [0.0; LAGS],
            until_fit: EVERY,
        }
    }
}

impl Memory {
    /// The next error as the last ones have it: with what surprised taken as it was, and taken as passing.
    pub fn next(&self) -> (f64, f64) {
        let product = |lags: &[f64; LAGS]| lags.iter().zip(&self.weights).map(|(lag, weight)| lag * weight).sum();
        (product(&self.lags), product(&self.clean))
    }

    /// Takes an error in. `expected` is what was forecast of it, `scale` the deviation of such forecasts, `unit` that of
    /// the errors themselves.
    pub fn learn(&mut self, error: f64, expected: f64, scale: f64, unit: f64) {
        let cap = |value: f64| (value / unit).clamp(-CAP, CAP);
        let features = self.lags.map(cap);
        self.normal.keep(0.5_f64.powf(1.0 / LIFE));
        self.normal.add(1.0, &features, cap(error));
        let passing = if (error - expected).abs() > 4.0 * scale { expected } else { error };
        self.lags.rotate_right(1);
        self.clean.rotate_right(1);
        self.lags[0] = error;
        self.clean[0] = passing;
        self.until_fit -= 1;
        if self.until_fit == 0 {
            self.until_fit = EVERY;
            self.fit();
        }
    }

    fn fit(&mut self) {
        let Some((x, y)) = self.normal.root(|_| RIDGE) else { return };
        if let Ok(model) = LinearRegression::new().with_intercept(false).fit(&Dataset::new(x, y)) {
            for (weight, found) in self.weights.iter_mut().zip(model.params()) {
                *weight = if found.is_finite() { *found } else { 0.0 };
            }
            // An autoregression whose weights sum to more than one explodes.
            let sum: f64 = self.weights.iter().sum();
            if sum > 1.0 {
                self.weights.iter_mut().for_each(|weight| *weight /= sum);
            }
        }
    }

    /// Buckets are missing: what was before says nothing of what comes.
    pub fn forget(&mut self) {
        self.lags = [0.0; LAGS];
        self.clean = [0.0; LAGS];
    }

    /// What is expected went up by `jump`.
    pub fn shift(&mut self, jump: f64) {
        self.lags.iter_mut().chain(&mut self.clean).for_each(|lag| *lag -= jump);
    }
}
