//! The score curve: how unusual a calibrated probability is, 0-100.

/// -log10 p and score, piecewise linear between.
const CURVE: [(f64, f64); 7] =
    [(1.3, 0.0), (3.0, 10.0), (4.0, 25.0), (5.0, 50.0), (5.7, 75.0), (12.0, 92.0), (50.0, 100.0)];
/// Fewer sessions than this above the expectation are never more than [`FEW_CAP`].
const FEW: f64 = 3.0;
const FEW_CAP: f64 = 40.0;

/// The score of a surprise `-ln p`, given how far the count lies above the expectation.
pub fn score_of(surprise: f64, above: f64) -> f64 {
    let digits = surprise / std::f64::consts::LN_10;
    let score = CURVE.windows(2).find(|pair| digits < pair[1].0).map_or(100.0, |pair| {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        y0 + (digits - x0).max(0.0) / (x1 - x0) * (y1 - y0)
    });
    if above < FEW { score.min(FEW_CAP) } else { score }
}
