//! Scores tables of values by time: the temporal model without a store.
//!
//! Rows become buckets, every combination of the by-columns a series of its own, every bucket a score that knows only
//! rows up to it. Must not know files and formats.

mod aggregate;
mod renormal;
mod span;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use jobs::detector::Function;

use crate::model::gauge::Gauge;
use crate::model::{Baseline, Calendar, Crowd, Joined, Judgement, Sided, score_of};
use aggregate::Aggregate;

pub use renormal::Renormaliser;
pub use span::infer_span;

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableRow {
    /// Time, ms since the epoch.
    pub time: i64,
    /// Number of the series, as the caller counts them.
    pub series: u32,
    /// The value; not a number where the row says that something happened and not how much.
    pub value: f64,
}

/// How a table is scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorerSettings {
    /// What is made of the values of a bucket, and which side of it is unusual.
    pub function: Function,
    /// Length of a bucket, seconds.
    pub span: u32,
    /// Buckets begin at multiples of the span plus this, ms.
    pub offset: i64,
    /// Zone of hours and days.
    pub time_zone: Tz,
    /// Rows are events: they are counted, and a bucket without any is zero, not unknown.
    pub events: bool,
    /// Group of each series, by its number. Series of one group are looked at together, too.
    pub groups: Vec<u32>,
}

/// One bucket of one series, scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredBucket {
    /// Bucket start, ms since the epoch.
    pub time: i64,
    /// Number of the series.
    pub series: u32,
    /// Calibrated surprise `-ln p`.
    pub surprise: f64,
    /// 0-100, from this row and those before.
    pub score: f64,
    /// Tail probability, 0-1.
    pub probability: f64,
    /// What the function made of the bucket.
    pub actual: f64,
    /// What was expected.
    pub typical: f64,
    /// Lower bound of the 95 % interval.
    pub lower: f64,
    /// Upper bound of the 95 % interval.
    pub upper: f64,
}

/// Which function cannot be computed from one column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} needs more than a column of values: use a count, sum, mean, median, min, max, varp or distinct_count", .0.as_str())]
pub struct Unsupported(pub Function);

/// Whether the function can be computed, and whether it counts (whole numbers from 0).
///
/// # Errors
/// It cannot.
pub fn counts(function: Function) -> Result<bool, Unsupported> {
    Aggregate::new(function).map(|_| crate::model::counts(function))
}

/// Scores every bucket, in order of time and then of series. Rows may come in any order.
///
/// # Errors
/// The function needs more than a column of values.
pub fn score_table(mut rows: Vec<TableRow>, settings: &ScorerSettings) -> Result<Vec<ScoredBucket>, Unsupported> {
    let aggregate = Aggregate::new(settings.function)?;
    let span = i64::from(settings.span.max(1)) * 1000;
    let calendar = Calendar::new(settings.time_zone, settings.span);
    let bucket = |time: i64| (time - settings.offset).div_euclid(span);
    rows.sort_by_key(|row| row.time);
    let mut all: BTreeMap<u32, Sided> = BTreeMap::new();
    let mut crowd = Crowd::default();
    let mut scored = Vec::new();
    let mut last = None;
    for chunk in rows.chunk_by(|a, b| bucket(a.time) == bucket(b.time)) {
        let number = bucket(chunk[0].time);
        // What lies between is unknown, or, where rows are events, nothing.
        for between in last.map_or(number, |last| last + 1)..number {
            if !settings.events || number - between > 5_000 {
                let left = if settings.events { 1 } else { number - between };
                all.values_mut().for_each(|series| series.skip(left as f64 * f64::from(settings.span) / 86_400.0));
                if !settings.events {
                    break;
                }
                continue;
            }
            let start = between * span + settings.offset;
            one_bucket(start, &BTreeMap::new(), &mut all, &mut crowd, &calendar, settings, &mut scored);
        }
        last = Some(number);
        let values = aggregate.apply(chunk);
        for series in values.keys() {
            all.entry(*series).or_insert_with(|| one_series(settings));
        }
        let start = number * span + settings.offset;
        one_bucket(start, &values, &mut all, &mut crowd, &calendar, settings, &mut scored);
    }
    Ok(scored)
}

/// A series of which nothing is known.
fn one_series(settings: &ScorerSettings) -> Sided {
    Sided::new(settings.function, Baseline::new, |side| Gauge::new(settings.span, side))
}

fn one_bucket(
    start: i64,
    values: &BTreeMap<u32, f64>,
    all: &mut BTreeMap<u32, Sided>,
    crowd: &mut Crowd,
    calendar: &Calendar,
    settings: &ScorerSettings,
    scored: &mut Vec<ScoredBucket>,
) {
    let moment = calendar.moment(start.div_euclid(1000));
    let mut judged: Vec<(u32, f64, Judgement)> = Vec::with_capacity(all.len());
    for (number, series) in all.iter_mut() {
        let known = values.get(number).copied().or(settings.events.then_some(0.0));
        match known {
            Some(value) => judged.push((*number, value, series.observe(&moment, value))),
            None => series.skip(moment.days),
        }
    }
    let joined = together(&judged, crowd, settings);
    for (number, actual, judgement) in judged {
        let shared = joined.get(&number).copied().unwrap_or(0.0);
        let surprise = judgement.surprise.max(shared);
        let score = judgement.score.max(if shared > 0.0 { score_of(shared, f64::INFINITY) } else { 0.0 });
        let expected = judgement.expected;
        scored.push(ScoredBucket {
            time: start,
            series: number,
            surprise,
            score,
            probability: (-surprise).exp(),
            actual,
            typical: expected.typical,
            lower: expected.lower,
            upper: expected.upper,
        });
    }
}

/// The joint surprise of many series that rise together, for those that do.
fn together(judged: &[(u32, f64, Judgement)], crowd: &mut Crowd, settings: &ScorerSettings) -> BTreeMap<u32, f64> {
    let group = |number: u32| settings.groups.get(number as usize).copied().unwrap_or(0);
    let mut groups: BTreeMap<u32, (Vec<u32>, Vec<(f64, f64)>)> = BTreeMap::new();
    for (number, _, judgement) in judged {
        if let Some(pair) = judgement.joint {
            let (numbers, pairs) = groups.entry(group(*number)).or_default();
            numbers.push(*number);
            pairs.push(pair);
        }
    }
    let (numbers, pairs): (Vec<_>, Vec<_>) = groups.into_values().unzip();
    if pairs.iter().map(Vec::len).sum::<usize>() < 2 {
        return BTreeMap::new();
    }
    let Joined { surprise, members } = crowd.observe(&pairs);
    members.into_iter().map(|(group, place)| (numbers[group][place], surprise)).collect()
}
