//! Sessions counted by time and outcome, as the API gives them.

use analytics::Overview;
use serde::Serialize;
use tracker::{Outcome, OutcomeClass};
use utoipa::ToSchema;

use super::anomaly::OutcomeTally;
use crate::time::TimeRange;

/// Sessions of a range, counted.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionSummary {
    /// Start of the first cell, ms since the epoch.
    pub from: i64,
    /// End of the range, ms since the epoch.
    pub to: i64,
    /// Length of a cell, ms.
    pub step: i64,
    /// Sessions.
    pub sessions: u64,
    /// Of these, failed.
    pub failed: u64,
    /// By outcome, by falling count.
    pub outcomes: Vec<OutcomeTally>,
    /// Every cell of the range, by time, also those without a session.
    pub cells: Vec<SessionCell>,
}

/// Sessions that ended in one cell, by class of outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionCell {
    /// Start, ms since the epoch.
    pub t: i64,
    /// They established.
    pub established: u64,
    /// They failed.
    pub failed: u64,
    /// They were probes.
    pub probe: u64,
    /// What the records cannot tell.
    pub indeterminate: u64,
}

/// Length of a cell in ms, so that a range has about so many: whole seconds, and of long ranges whole minutes.
pub fn step(range: TimeRange, cells: usize) -> i64 {
    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;
    let up = |length: i64, parts: i64| (length + parts - 1) / parts;
    let least = up((range.to - range.from).max(1), cells.max(1) as i64);
    let unit = if least > MINUTE { MINUTE } else { SECOND };
    up(least, unit) * unit
}

impl SessionCell {
    fn add(&mut self, outcome: Outcome, count: u64) {
        *match outcome.class() {
            OutcomeClass::Established => &mut self.established,
            OutcomeClass::Failed => &mut self.failed,
            OutcomeClass::Probe => &mut self.probe,
            OutcomeClass::Indeterminate => &mut self.indeterminate,
        } += count;
    }
}

impl SessionSummary {
    /// The counts over a range in cells of this length (ms).
    pub fn of(overview: &Overview, range: TimeRange, step: i64) -> Self {
        let from = range.from.div_euclid(step) * step;
        let starts = (0..).map(|n| from + n * step).take_while(|t| *t < range.to);
        let mut cells: Vec<SessionCell> = starts.map(|t| SessionCell { t, ..SessionCell::default() }).collect();
        for ((start, outcome), count) in &overview.cells {
            let place = usize::try_from((start.div_euclid(1000) - from).div_euclid(step));
            if let Some(cell) = place.ok().and_then(|place| cells.get_mut(place)) {
                cell.add(*outcome, *count);
            }
        }
        let sums = overview.outcomes();
        let mut outcomes: Vec<OutcomeTally> = sums
            .iter()
            .map(|(outcome, count)| OutcomeTally { outcome: outcome.as_str().to_owned(), count: *count })
            .collect();
        outcomes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.outcome.cmp(&b.outcome)));
        let failed = sums.iter().filter(|(outcome, _)| outcome.is_failed()).map(|(_, count)| count).sum();
        Self { from, to: range.to, step, sessions: sums.values().sum(), failed, outcomes, cells }
    }
}
