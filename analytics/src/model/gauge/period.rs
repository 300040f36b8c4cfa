//! Finds the period of a series that has one of its own, by autocorrelation.

/// Most values that are looked at.
pub const MOST: usize = 4_096;
/// Shortest period, buckets.
const SHORTEST: usize = 6;
/// Autocorrelation from which a period is believed.
const CLEAR: f64 = 0.3;

/// The period of the values in buckets, from at least three rounds of it; `None` where there is none.
pub fn period(values: &[f64]) -> Option<usize> {
    let values = &values[values.len().saturating_sub(MOST)..];
    let n = values.len();
    let flat = flatten(values);
    let power: f64 = flat.iter().map(|x| x * x).sum::<f64>() / n as f64;
    if !(power > 0.0 && power.is_finite()) {
        return None;
    }
    let longest = (n / 3).min(1_200);
    let correlation: Vec<f64> = (0..=longest)
        .map(|lag| {
            let product: f64 = flat[lag..].iter().zip(&flat).map(|(a, b)| a * b).sum();
            product / ((n - lag) as f64 * power)
        })
        .collect();
    // Beyond the first dip, so that slow wandering is no period.
    let first = correlation.iter().position(|c| *c < 0.1)?.max(SHORTEST);
    let peak = |lag: usize| correlation[lag] >= correlation[lag - 1] && correlation[lag] >= correlation[lag + 1];
    let peaks: Vec<usize> = (first..longest).filter(|&lag| peak(lag)).collect();
    let best = peaks.iter().copied().max_by(|a, b| correlation[*a].total_cmp(&correlation[*b]))?;
    if correlation[best] < CLEAR {
        return None;
    }
    // Of a period and its multiples the shortest that is nearly as good.
    peaks.into_iter().find(|&lag| correlation[lag] > 0.9 * correlation[best])
}

/// The values without their linear trend, outliers pulled in.
fn flatten(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let (mut top, mut bottom) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let away = at as f64 - middle;
        top += away * (value - mean);
        bottom += away * away;
    }
    let slope = top / bottom.max(1.0);
    let mut flat: Vec<f64> =
        values.iter().enumerate().map(|(at, value)| value - mean - slope * (at as f64 - middle)).collect();
    let mut sizes: Vec<f64> = flat.iter().map(|x| x.abs()).collect();
    let at = (sizes.len() * 97 / 100).min(sizes.len() - 1);
    let (_, &mut usual, _) = sizes.select_nth_unstable_by(at, f64::total_cmp);
    flat.iter_mut().for_each(|x| *x = x.clamp(-2.0 * usual, 2.0 * usual));
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    fn noisy(n: usize, period: f64) -> Vec<f64> {
        (0..n)
            .map(|at| {
                let shape = if period > 0.0 { (at as f64 / period * std::f64::consts::TAU).sin() } else { 0.0 };
                5.0 * shape + noise(at as u64, 100) as f64 / 25.0
            })
            .collect()
    }

    #[test]
    fn periods_are_found_and_none_invented() {
        assert_eq!(period(&noisy(900, 37.0)), Some(37));
        assert_eq!(period(&noisy(3_000, 0.0)), None);
        assert_eq!(period(&[1.0; 500]), None);
        let growing: Vec<f64> = (0..900).map(f64::from).collect();
        assert_eq!(period(&growing), None);
    }
}
