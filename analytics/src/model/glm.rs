//! Negative-binomial regression with log link and ridge, by iterated least squares on linfa's `LinearRegression`.
//!
//! The solver ignores sample weights and is slow on long matrices, so each iteration hands it the triangular root of the
//! weighted normal equations, which has the same solution; the ridge keeps it well posed.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

use crate::model::persist::persist;

/// Ridge on everything but the intercept, and on the intercept.
const RIDGE: f64 = 2.0;
const INTERCEPT_RIDGE: f64 = 1e-8;
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
pub fn fit(features: &[&[f64]], rows: &[Row], dispersion: f64, start: &[f64]) -> Option<Vec<f64>> {
    let width = start.len();
    let mut weights = start.to_vec();
    for _ in 0..ITERATIONS {
        let mut normal = Normal::new(width);
        for (row, features) in rows.iter().zip(features) {
            let eta = dot(features, &weights).clamp(ETA.0, ETA.1);
            let mu = eta.exp();
            // A step of the working response is bounded, so that one empty fit does not throw the next.
            let working = eta + ((row.mean - mu) / mu).clamp(-4.0, 8.0);
            normal.add(row.weight * mu / (1.0 + dispersion * mu), features, working);
        }
        let (x, y) = normal.root(|feature| if feature == 0 { INTERCEPT_RIDGE } else { RIDGE })?;
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

/// Weighted normal equations: `X'WX` (upper triangle, by rows) and `X'Wy`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normal {
    width: usize,
    square: Vec<f64>,
    product: Vec<f64>,
}

persist!(Normal { width, square, product });

impl Normal {
    /// No observation of this many features yet.
    pub fn new(width: usize) -> Self {
        Self { width, square: vec![0.0; width * width], product: vec![0.0; width] }
    }

    /// Forgets all but this share of the past.
    pub fn keep(&mut self, share: f64) {
        self.square.iter_mut().chain(&mut self.product).for_each(|sum| *sum *= share);
    }

    /// Adds an observation.
    pub fn add(&mut self, weight: f64, features: &[f64], y: f64) {
        for (i, feature) in features.iter().enumerate().filter(|(_, feature)| **feature != 0.0) {
            let scaled = weight * feature;
            self.product[i] += scaled * y;
            let line = &mut self.square[i * self.width + i..(i + 1) * self.width];
            line.iter_mut().zip(&features[i..]).for_each(|(sum, other)| *sum += scaled * other);
        }
    }

    /// The Cholesky root `R` with `R'R = X'WX + ridge`, and `R'^-1 X'Wy`: least squares on these is the ridge solution.
    pub fn root(&self, ridge: impl Fn(usize) -> f64) -> Option<(Array2<f64>, Array1<f64>)> {
        let width = self.width;
        let mut r = Array2::<f64>::zeros((width, width));
        let mut z = Array1::<f64>::zeros(width);
        for i in 0..width {
            let below: f64 = (0..i).map(|k| r[[k, i]] * r[[k, i]]).sum();
            let pivot = (self.square[i * width + i] + ridge(i) - below).sqrt();
            if !(pivot.is_finite() && pivot > 0.0) {
                return None;
            }
            r[[i, i]] = pivot;
            for j in i + 1..width {
                let below: f64 = (0..i).map(|k| r[[k, i]] * r[[k, j]]).sum();
                r[[i, j]] = (self.square[i * width + j] - below) / pivot;
            }
            let below: f64 = (0..i).map(|k| r[[k, i]] * z[k]).sum();
            z[i] = (self.product[i] - below) / pivot;
        }
        Some((r, z))
    }
}

/// Deviance of the rows under these coefficients (twice the loss of log-likelihood), smaller is better.
pub fn deviance(features: &[&[f64]], rows: &[Row], dispersion: f64, weights: &[f64]) -> f64 {
    let term = |(row, features): (&Row, &&[f64])| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_solution_of_the_weighted_rows() {
        let (width, count) = (4, 40);
        let feature = |n: usize, c: usize| if c == 0 { 1.0 } else { ((n * (c + 3) * 7 % 11) as f64 - 5.0) / 3.0 };
        let mut normal = Normal::new(width);
        let mut x = Array2::<f64>::zeros((count + width, width));
        let mut y = Array1::<f64>::zeros(count + width);
        for n in 0..count {
            let (weight, target) = (0.1 + (n % 7) as f64, (n % 5) as f64 - 1.5);
            let features: Vec<f64> = (0..width).map(|c| feature(n, c)).collect();
            normal.add(weight, &features, target);
            features.iter().enumerate().for_each(|(c, f)| x[[n, c]] = weight.sqrt() * f);
            y[n] = weight.sqrt() * target;
        }
        for c in 0..width {
            x[[count + c, c]] = if c == 0 { INTERCEPT_RIDGE.sqrt() } else { RIDGE.sqrt() };
        }
        let solve = |x, y| LinearRegression::new().with_intercept(false).fit(&Dataset::new(x, y)).unwrap();
        let (long, (r, z)) = (solve(x, y), normal.root(|c| if c == 0 { INTERCEPT_RIDGE } else { RIDGE }).unwrap());
        let short = solve(r, z);
        for (a, b) in long.params().iter().zip(short.params()) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }
}
