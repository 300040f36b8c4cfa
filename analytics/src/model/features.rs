//! Features of local time, for every quarter hour of the week.

use std::f64::consts::TAU;
use std::sync::LazyLock;

use crate::model::calendar::{DAY_SLOTS, WEEK_SLOTS};

const DAILY_HARMONICS: usize = 6;
const WEEKEND_HARMONICS: usize = 4;

/// The features of every slot; simpler forms are the front of the fullest one.
static SLOTS: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| (0..WEEK_SLOTS).map(fullest).collect());

/// How much of the calendar a series' fit uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complexity {
    /// A constant.
    Constant,
    /// The hour of the day.
    Day,
    /// The hour of the day and the day of the week.
    Week,
}

/// Number of features.
pub fn width(complexity: Complexity) -> usize {
    match complexity {
        Complexity::Constant => 1,
        Complexity::Day => 1 + 3 + 2 * DAILY_HARMONICS,
        Complexity::Week => width(Complexity::Day) + 4 + 2 * WEEKEND_HARMONICS,
    }
}

/// The features of a slot of the week: intercept, quarter of the hour, daily harmonics, days, weekend harmonics.
pub fn row(slot: usize, complexity: Complexity) -> &'static [f64] {
    &SLOTS[slot][..width(complexity)]
}

fn fullest(slot: usize) -> Vec<f64> {
    let (day, of_day) = (slot / DAY_SLOTS, slot % DAY_SLOTS);
    let is = |flag: bool| f64::from(u8::from(flag));
    let mut out = vec![1.0];
    out.extend((1..4).map(|quarter| is(of_day % 4 == quarter)));
    harmonics(of_day, DAILY_HARMONICS, 1.0, &mut out);
    let weekend = is(day >= 5);
    out.extend([weekend, is(day == 4), is(day == 6), is(day == 0)]);
    harmonics(of_day, WEEKEND_HARMONICS, weekend, &mut out);
    out
}

fn harmonics(of_day: usize, count: usize, factor: f64, out: &mut Vec<f64>) {
    for harmonic in 1..=count {
        let angle = TAU * (harmonic * of_day) as f64 / DAY_SLOTS as f64;
        out.push(factor * angle.sin());
        out.push(factor * angle.cos());
    }
}

/// The dot product of the features of a slot of the week with `weights`. Weights beyond the features are those of the
/// `spikes`, slots of the day.
pub fn eta(slot: usize, complexity: Complexity, spikes: &[u16], weights: &[f64]) -> f64 {
    let (smooth, rest) = weights.split_at(width(complexity).min(weights.len()));
    let spike = spikes.iter().zip(rest).filter(|(spike, _)| usize::from(**spike) == slot % DAY_SLOTS);
    SLOTS[slot].iter().zip(smooth).map(|(x, w)| x * w).sum::<f64>() + spike.map(|(_, w)| w).sum::<f64>()
}

/// [`eta`] of every slot of the week without spikes.
pub fn week(complexity: Complexity, weights: &[f64]) -> Vec<f64> {
    (0..WEEK_SLOTS).map(|slot| eta(slot, complexity, &[], weights)).collect()
}
