//! Tail probabilities: exact negative-binomial tails, and their calibration on a series' own past.
//!
//! Calibration: Siffer 2017 (peaks over threshold), with the generalised Pareto tail shrunk to what the model claims.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::{gamma_lr, gamma_ur, ln_gamma};

use crate::model::persist::persist;

/// Below this the tail functions lose their digits and the leading term takes over.
const DIGITS_END: f64 = 1e-280;
/// Dispersion under which the negative binomial is a Poisson for every purpose here.
const POISSON: f64 = 1e-9;

/// ln P(Y >= y) of a negative binomial with this mean and variance `mean + dispersion * mean^2`.
pub fn ln_upper(y: f64, mean: f64, dispersion: f64) -> f64 {
    if y <= 0.0 {
        return 0.0;
    }
    let mean = mean.max(1e-12);
    let p = if dispersion < POISSON {
        gamma_lr(y, mean)
    } else {
        let size = 1.0 / dispersion;
        beta_reg(y, size, mean / (mean + size))
    };
    if p > DIGITS_END && p <= 1.0 {
        p.ln()
    } else if y > mean {
        leading_term(y, mean, dispersion)
    } else {
        0.0
    }
}

/// P(Y <= y).
pub fn lower(y: f64, mean: f64, dispersion: f64) -> f64 {
    let mean = mean.max(1e-12);
    if y == 0.0 {
        // The only mass, in closed form: most buckets of most series are empty.
        return if dispersion < POISSON { (-mean).exp() } else { (-(dispersion * mean).ln_1p() / dispersion).exp() };
    }
    let p = if dispersion < POISSON {
        gamma_ur(y + 1.0, mean)
    } else {
        let size = 1.0 / dispersion;
        beta_reg(size, y + 1.0, size / (mean + size))
    };
    if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 }
}

/// ln of the first term of the tail sum and the geometric series that bounds the rest.
fn leading_term(y: f64, mean: f64, dispersion: f64) -> f64 {
    let (ln_mass, ratio) = if dispersion < POISSON {
        (y * mean.ln() - mean - ln_gamma(y + 1.0), mean / (y + 1.0))
    } else {
        let size = 1.0 / dispersion;
        let q = mean / (mean + size);
        let ln_mass = ln_gamma(y + size) - ln_gamma(size) - ln_gamma(y + 1.0) + y * q.ln() + size * (1.0 - q).ln();
        (ln_mass, q * (y + size) / (y + 1.0))
    };
    (ln_mass - (1.0 - ratio.min(0.999)).ln()).min(0.0)
}

/// The smallest count whose P(Y <= y) reaches `level`.
pub fn quantile(level: f64, mean: f64, dispersion: f64) -> f64 {
    if lower(0.0, mean, dispersion) >= level {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 8.0_f64.max(mean * 2.0).ceil());
    while lower(high, mean, dispersion) < level && high < 1e12 {
        low = high;
        high *= 2.0;
    }
    while high - low > 1.0 {
        let middle = low.midpoint(high).floor();
        if lower(middle, mean, dispersion) >= level { high = middle } else { low = middle }
    }
    high
}

/// ln P(Z >= z) of a standard normal.
pub fn ln_normal_upper(z: f64) -> f64 {
    if z < 30.0 {
        let p = 0.5 * statrs::function::erf::erfc(z / std::f64::consts::SQRT_2);
        if p > DIGITS_END {
            return p.ln();
        }
    }
    -0.5 * z * z - (z * (2.0 * std::f64::consts::PI).sqrt()).ln()
}

/// ln P(T >= t) of a Student distribution.
pub fn ln_student_upper(t: f64, freedom: f64) -> f64 {
    let p = 0.5 * beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t));
    if t < 0.0 {
        return (1.0 - p).ln();
    }
    if p > DIGITS_END {
        return p.ln();
    }
    // The density's power law, integrated.
    -freedom * t.ln()
}

/// z with P(Z >= z) = p, for z-scores of counts.
pub fn normal_score(p: f64) -> f64 {
    std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * p.clamp(1e-15, 1.0 - 1e-15))
}

/// Share of buckets meant to lie above the threshold.
const ABOVE: f64 = 0.02;
/// How much past, in peaks, the model's own claim is worth, and the mean excess of a model that claims too much, where 1 is
/// what it claims.
const PRIOR_PEAKS: f64 = 12.0;
const DOUBTED: f64 = 1.2;
/// Peaks that a shape is shrunk by, and the heaviest one.
const SHAPE_PEAKS: f64 = 20.0;
const HEAVIEST: f64 = 0.3;
/// The shape that it is shrunk to where counts disperse without bounds: they then are mixtures with heavier tails than the
/// negative binomial's, of which a few dozen peaks know little.
const HEAVY: f64 = 0.4;
/// A peak counts for no more than the third largest known one, within these bounds: a rare incident does not blind the
/// series, and bursts that come again and again are its usual.
const PEAK_CAP: (f64, f64) = (5.0, 20.0);
/// How far below the nominal threshold the past's may lie where it speaks up for the model, too.
const FAVOUR: f64 = 1.0;
/// Buckets below the threshold that end a cluster of peaks.
const CLUSTER_GAP: u8 = 4;
/// A cluster with a peak so far above the threshold is an incident: it counts as a peak, but its buckets say nothing of
/// where the threshold should be, unless there are more of them than this, or the past is younger than so many buckets,
/// when a model errs because it does not know the week yet.
const INCIDENT: f64 = 6.0;
const LONGEST_INCIDENT: u32 = 24;
const GROWN: f64 = 960.0;
/// Peaks (in buckets) that half of the past is forgotten after.
const MEMORY: f64 = 5_400.0;

/// What a series' own past says of its surprises `x = -ln p`, which a perfect model makes standard exponential.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    threshold: f64,
    buckets: f64,
    peaks: f64,
    excess: f64,
    squares: f64,
    largest: [f64; 3],
    /// Largest excess of the cluster that is going on, and its buckets above the threshold.
    cluster: f64,
    length: u32,
    quiet: u8,
    /// Whether the past may speak for a surprise, too.
    both_ways: bool,
}

persist!(Calibration { threshold, buckets, peaks, excess, squares, largest, cluster, length, quiet, both_ways });

impl Default for Calibration {
    fn default() -> Self {
        Self {
            threshold: -ABOVE.ln(),
            buckets: 0.0,
            peaks: 0.0,
            excess: 0.0,
            squares: 0.0,
            largest: [0.0; 3],
            cluster: 0.0,
            length: 0,
            quiet: CLUSTER_GAP,
            both_ways: false,
        }
    }
}

impl Calibration {
    /// One that speaks up for the model's surprises as well, where the past shows that it has been too cautious.
    pub fn both_ways() -> Self {
        Self { both_ways: true, ..Self::default() }
    }

    /// The surprise as the past would have it: never larger than the model's own.
    pub fn apply(&self, x: f64) -> f64 {
        self.apply_to(x, 1.0, 0.0, 0.0)
    }

    /// The surprise as the past would have it, of models of counts that disperse so much: these, and means of them, know
    /// their tails less well than they claim, and the bulk of what disperses speaks less for its tail.
    pub fn doubt(&self, x: f64, dispersion: f64) -> f64 {
        let trust = if self.both_ways { 1.0 / (1.0 + dispersion) } else { 0.0 };
        self.apply_to(x, DOUBTED, HEAVY * dispersion / (1.0 + dispersion), trust)
    }

    /// `trust` is the share that counts of what the past says in a surprise's favour.
    fn apply_to(&self, x: f64, prior: f64, heavy: f64, trust: f64) -> f64 {
        let nominal = -ABOVE.ln();
        let told = if x <= self.threshold {
            // Between the model's and the past's threshold the rate is that of the past.
            nominal.min(x * (nominal / self.threshold).max(1.0))
        } else {
            let beyond = x - self.threshold;
            let mean = (PRIOR_PEAKS * prior + self.excess) / (PRIOR_PEAKS + self.peaks);
            let shape = self.shape(mean, prior, heavy);
            nominal
                + if shape < 1e-3 { beyond / mean } else { (shape * beyond / (mean * (1.0 - shape))).ln_1p() / shape }
        };
        if told > x { trust.mul_add(told - x, x) } else { told }
    }

    /// Shape of the generalised Pareto by moments, shrunk towards `heavy`.
    fn shape(&self, mean: f64, prior: f64, heavy: f64) -> f64 {
        let variance = (PRIOR_PEAKS * 2.0 * prior * prior + self.squares) / (PRIOR_PEAKS + self.peaks) - mean * mean;
        let raw = 0.5 * (1.0 - mean * mean / variance.max(1e-6));
        ((raw * self.peaks + heavy * SHAPE_PEAKS) / (self.peaks + SHAPE_PEAKS)).clamp(0.0, HEAVIEST)
    }

    /// Learns one surprise.
    pub fn learn(&mut self, x: f64) {
        self.learn_within(x, MEMORY);
    }

    /// Learns one surprise; half of the past is forgotten after so many buckets, or after [`MEMORY`] where that is less.
    pub fn learn_within(&mut self, x: f64, memory: f64) {
        let keep = 0.5_f64.powf(1.0 / memory.min(MEMORY));
        self.buckets = self.buckets * keep + 1.0;
        self.peaks *= keep;
        self.excess *= keep;
        self.squares *= keep;
        let above = x > self.threshold;
        // Robbins-Monro steps towards the quantile; they shrink as the past grows.
        let step = 1.5 / (self.buckets * ABOVE + 6.0);
        let pull = if above { 1.0 - ABOVE } else { -ABOVE };
        if above {
            self.cluster = self.cluster.max(x - self.threshold);
            self.length += 1;
            self.quiet = 0;
        } else if self.quiet < CLUSTER_GAP {
            self.quiet += 1;
            if self.quiet == CLUSTER_GAP {
                self.peak();
            }
        }
        if above && self.cluster > INCIDENT && self.length <= LONGEST_INCIDENT && self.buckets > GROWN {
            return;
        }
        let lowest = if self.both_ways { -ABOVE.ln() - FAVOUR } else { -ABOVE.ln() };
        self.threshold = (self.threshold + step * pull).clamp(lowest, -ABOVE.ln() + 8.0);
    }

    /// A cluster is over: its highest peak counts.
    fn peak(&mut self) {
        let excess = self.cluster.min(self.largest[2].clamp(PEAK_CAP.0, PEAK_CAP.1));
        self.peaks += 1.0;
        self.excess += excess;
        self.squares += excess * excess;
        for known in &mut self.largest {
            if self.cluster > *known {
                std::mem::swap(&mut self.cluster, known);
            }
        }
        self.cluster = 0.0;
        self.length = 0;
    }
}
