//! Renormalisation: scores as they are once the whole history is known, for display.
//!
//! Where the history has more surprises of a size than that size claims, all of that size and beyond are lowered by the
//! difference. Scores only ever fall, and never change their order.

use crate::model::score_of;

/// Exceedances from which a share is believed.
const FEWEST: usize = 8;

/// Maps surprises to what the history makes of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Renormaliser {
    /// Surprise, and what it is lowered to; ascending in both.
    knots: Vec<(f64, f64)>,
}

impl Renormaliser {
    /// Learns from the surprises (`-ln p`) of a history.
    pub fn new(mut surprises: Vec<f64>) -> Self {
        surprises.retain(|surprise| surprise.is_finite());
        surprises.sort_by(|a, b| b.total_cmp(a));
        let n = surprises.len() as f64;
        let mut knots: Vec<(f64, f64)> = surprises
            .iter()
            .enumerate()
            .skip(FEWEST - 1)
            .filter(|(_, surprise)| **surprise > 1.0)
            .map(|(rank, surprise)| (*surprise, surprise.min(-((rank + 1) as f64 / n).ln())))
            .collect();
        knots.reverse();
        knots.dedup_by(|later, first| later.0 == first.0);
        let mut highest = 0.0_f64;
        for knot in &mut knots {
            highest = highest.max(knot.1);
            knot.1 = highest;
        }
        Self { knots }
    }

    /// The surprise as the history has it.
    pub fn surprise(&self, surprise: f64) -> f64 {
        let place = self.knots.partition_point(|(at, _)| *at <= surprise);
        match place.checked_sub(1).map(|at| self.knots[at]) {
            None => match self.knots.first() {
                Some((first, to)) => surprise * to / first,
                None => surprise,
            },
            // Beyond what is known the last difference stays.
            Some((at, to)) if place == self.knots.len() => surprise - (at - to),
            Some((at, to)) => {
                let (next, next_to) = self.knots[place];
                to + (next_to - to) * (surprise - at) / (next - at).max(1e-12)
            }
        }
    }

    /// A score as the history has it: never above what it was.
    pub fn score(&self, surprise: f64, initial: f64) -> f64 {
        score_of(self.surprise(surprise), f64::INFINITY).min(initial)
    }
}
