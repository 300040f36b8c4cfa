//! Negative-binomial regression with log link and ridge, by iterated least squares on linfa's `LinearRegression`.
//!
//! The solver ignores sample weights, so rows are scaled by the square root of theirs; ridge rows keep it well posed.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// Ridge on everything but the intercept.
const RIDGE: f64 = 2.0;
const ITERATIONS: usize = 8;
/// Bounds of the linear predictor: one count in a century of buckets to three million per bucket.
const ETA: (f64, f64) = (-12.0, 15.0);

/// Sums of one slot: weight of the observations and their weighted mean count per unit of exposure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Sum of weights.
    pub weight: f64,
    /// Weighted mean.
    pub mean: f64,
}

/// Coefficients for `features` (one row per entry of `rows`), `None` where the solver finds no solution.
pub fn fit(features: &[Vec<f64>], rows: &[Row], dispersion: f64, start: &[f64]) -> Option<Vec<f64>> {
    let width = start.len();
    let mut weights = start.to_vec();
    for _ in 0..ITERATIONS {
        let mut x = Array2::<f64>::zeros((rows.len() + width, width));
        let mut y = Array1::<f64>::zeros(rows.len() + width);
        for (index, (row, features)) in rows.iter().zip(features).enumerate() {
            let eta = dot(features, &weights).clamp(ETA.0, ETA.1);
            let mu = eta.exp();
            let scale = (row.weight * mu / (1.0 + dispersion * mu)).sqrt();
            // A step of the working response is bounded, so that one empty fit does not throw the next.
            let working = eta + ((row.mean - mu) / mu).clamp(-4.0, 8.0);
            for (column, feature) in features.iter().enumerate() {
                x[[index, column]] = scale * feature;
            }
            y[index] = scale * working;
        }
        for column in 0..width {
            x[[rows.len() + column, column]] = if column == 0 { 1e-4 } else { RIDGE.sqrt() };
        }
        let model = LinearRegression::new().with_intercept(false).fit(&Dataset::new(x, y)).ok()?;
        let next: Vec<f64> = model.params().to_vec();
        if next.iter().any(|w| !w.is_finite()) {
            return None;
        }
        let change = next.iter().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        weights = next;
        if change < 1e-3 {
            break;
        }
    }
    Some(weights)
}

/// Deviance of the rows under these coefficients (twice the loss of log-likelihood), smaller is better.
pub fn deviance(features: &[Vec<f64>], rows: &[Row], dispersion: f64, weights: &[f64]) -> f64 {
    let term = |(row, features): (&Row, &Vec<f64>)| {
        let mu = dot(features, weights).clamp(ETA.0, ETA.1).exp();
        let part = if row.mean > 0.0 { row.mean * (row.mean / mu).ln() } else { 0.0 };
        let rest = (row.mean + 1.0 / dispersion) * ((1.0 + dispersion * row.mean) / (1.0 + dispersion * mu)).ln();
        2.0 * row.weight * (part - rest)
    };
    rows.iter().zip(features).map(term).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, w)| x * w).sum()
}
