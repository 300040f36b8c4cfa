//! Running a job over a stretch of time: count, judge, and tell of each bucket what was found.
//!
//! The same for a job that is only tried out and for one whose results are kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono_tz::Tz;
use jobs::{Function, JobBucket, JobInfluencer, JobOutcome};

use super::count::{Counted, Key, count_buckets};
use super::explain::{explain, records};
use super::plan::Plan;
use super::rules::{Lists, PlannedEvent, planned};
use super::state::{Given, Scored, State};
use crate::detect::Progress;
use crate::error::Result;
use crate::model::{Calendar, score_of};
use crate::store::SessionStore;
use crate::store::layout::LATEST;

/// Buckets counted by one query.
pub(crate) const CHUNK: i64 = 96;

/// One value of one bucket, with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredValue {
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Place of the detector in the job.
    pub detector_index: usize,
    /// What was computed.
    pub function: Function,
    /// Which series. A record of a whole population has no over-value.
    pub key: Key,
    /// The population as a whole against its own past, not one of its members.
    pub whole: bool,
    /// What was seen.
    pub actual: f64,
    /// What was expected, with its 95 % interval.
    pub typical: f64,
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Tail probability, 0-1.
    pub probability: f64,
    /// 0-100; 0 while the series is learnt.
    pub score: f64,
}

/// One bucket of a job with everything that was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredBucket {
    /// Bucket start, ms since the epoch.
    pub timestamp: i64,
    /// Every value, by detector and series.
    pub values: Vec<ScoredValue>,
    /// What is told of it.
    pub outcome: JobOutcome,
}

/// What a run needs beside the plan.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Zone in which days and weeks repeat.
    pub time_zone: Tz,
    /// Lists that rules refer to.
    pub lists: Lists,
    /// Planned events.
    pub events: Vec<PlannedEvent>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { time_zone: Tz::UTC, lists: Lists::new(), events: Vec::new() }
    }
}

/// A job, the store that it runs over, and what it has learnt.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub store: &'a SessionStore,
    pub plan: &'a Plan,
    pub around: &'a Surroundings,
    pub state: State,
}

impl Run<'_> {
    /// Runs over the buckets that start in `from..to` (s, multiples of the span) and tells of each.
    ///
    /// # Errors
    /// Files cannot be read, or `tell` fails.
    pub async fn over(
        &mut self,
        from: i64,
        to: i64,
        progress: &dyn Progress,
        tell: &mut dyn FnMut(ScoredBucket) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let span = i64::from(self.plan.span);
        let all = usize::try_from((to - from).max(0) / span).unwrap_or(usize::MAX);
        let mut done = 0;
        let mut at = from;
        while at < to {
            let end = (at + CHUNK * span).min(to);
            let counted = count_buckets(self.store, self.plan, at, end).await?;
            let mut judged: Vec<(i64, Vec<Scored>, Counted, Vec<String>)> = Vec::new();
            let calendar = Calendar::new(self.around.time_zone, self.plan.span);
            for (start, counted) in counted {
                let (skips, named) = planned(&self.around.events, start, self.plan.span);
                let given = Given { plan: self.plan, calendar: &calendar, lists: &self.around.lists };
                let scored = self.state.observe(given, start, &counted, skips);
                judged.push((start, scored, counted, named));
            }
            let found = explain(self.store, self.plan, &judged, at, end).await?;
            for (start, scored, counted, named) in judged {
                let outcome = self.outcome(start, &scored, &counted, named, &found);
                let bucket = ScoredBucket { timestamp: start * 1000, values: self.values(start, scored), outcome };
                if tell(bucket)?.is_break() {
                    return Ok(());
                }
            }
            done += usize::try_from((end - at) / span).unwrap_or(0);
            progress.scored(done, all);
            at = end;
        }
        Ok(())
    }

    fn values(&self, start: i64, scored: Vec<Scored>) -> Vec<ScoredValue> {
        let one = |one: Scored| {
            let part = &self.plan.parts[one.part];
            let expected = one.judged.expected;
            ScoredValue {
                timestamp: start * 1000,
                detector_index: part.detector,
                function: part.function,
                key: one.key,
                whole: one.whole,
                actual: one.actual,
                typical: expected.typical,
                lower: expected.lower,
                upper: expected.upper,
                probability: (-one.judged.surprise).exp(),
                score: one.judged.score,
            }
        };
        scored.into_iter().map(one).collect()
    }

    fn outcome(
        &self,
        start: i64,
        scored: &[Scored],
        counted: &Counted,
        scheduled_events: Vec<String>,
        found: &super::explain::Found,
    ) -> JobOutcome {
        let timestamp = start * 1000;
        let ready = scored.iter().filter(|one| one.judged.ready).count();
        let most = scored.iter().map(|one| one.judged.surprise).fold(0.0, f64::max);
        let highest = scored.iter().map(|one| one.judged.score).fold(0.0, f64::max);
        // The more series are looked at, the more of them are unusual by chance.
        let surprise = (most - (ready.max(1) as f64).ln()).max(0.0);
        let anomaly_score = score_of(surprise, f64::INFINITY).min(highest);
        let records = records(self.plan, start, scored, found);
        let mut named: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
        for record in &records {
            for influencer in &record.influencers {
                for (place, value) in influencer.values.iter().enumerate() {
                    let score = record.record_score / (1.0 + place as f64);
                    let known = named.entry((influencer.field.clone(), value.clone())).or_insert((0.0, 1.0));
                    *known = (known.0.max(score), known.1.min(record.probability));
                }
            }
        }
        let span = self.plan.span;
        let mut influencers: Vec<JobInfluencer> = named
            .into_iter()
            .map(|((field, value), (score, probability))| JobInfluencer {
                timestamp,
                bucket_span: span,
                field,
                value,
                influencer_score: score,
                initial_influencer_score: score,
                probability,
            })
            .collect();
        influencers.sort_by(|a, b| b.influencer_score.total_cmp(&a.influencer_score));
        let bucket = JobBucket {
            timestamp,
            bucket_span: span,
            anomaly_score,
            initial_anomaly_score: anomaly_score,
            probability: (-surprise).exp(),
            event_count: counted.documents as u64,
            series_count: scored.len() as u64,
            left_out: counted.left_out,
            scheduled_events,
        };
        JobOutcome { bucket, records, influencers }
    }
}

/// The buckets (s) of a span that the store may hold sessions of, as `first..end`; `None` for an empty store.
///
/// # Errors
/// The store cannot be listed.
pub(crate) fn stretch(store: &SessionStore, span: u32) -> Result<Option<(i64, i64)>> {
    let hours = store.hours(0, LATEST)?;
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(None) };
    let span = i64::from(span);
    let start = (first * 3600).div_euclid(span) * span;
    let end = ((last + 1) * 3600 + span - 1).div_euclid(span) * span;
    Ok(Some((start, end)))
}

/// Tries a job out on a store: from its first bucket, so that the models have learnt what there is, and tells of the
/// buckets that start in `from..to` (ms). Nothing is kept.
///
/// # Errors
/// Files cannot be read, or `tell` fails.
pub async fn run_job(
    store: &SessionStore,
    plan: &Plan,
    around: &Surroundings,
    range: std::ops::Range<i64>,
    progress: &dyn Progress,
    tell: &mut dyn FnMut(ScoredBucket) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let Some((first, end)) = stretch(store, plan.span)? else { return Ok(()) };
    let span = i64::from(plan.span);
    let end = end.min(range.end.saturating_add(999).div_euclid(1000).saturating_add(span - 1).div_euclid(span) * span);
    let mut run = Run { store, plan, around, state: State::default() };
    run.over(first, end, progress, &mut |bucket| {
        if range.contains(&bucket.timestamp) { tell(bucket) } else { Ok(ControlFlow::Continue(())) }
    })
    .await
}
