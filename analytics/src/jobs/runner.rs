//! An imported job that keeps its results: counts what is sealed and new, goes back where late data changed something.
//!
//! Each bucket's results bear the mark of the session files they were made from. Where marks differ, the job goes back to
//! a snapshot before the first such bucket. Must not know threads and clocks.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono_tz::Tz;
use jobs::{JobId, JobOutcome};

use super::kept::{JobResults, RESULTS, schema, segments, to_batch};
use super::marks::marks;
use super::plan::Plan;
use super::plotted;
use super::run::{CHUNK, Run, Surroundings, stretch};
use super::shelf::{JobLife, JobShelf, Order, RunEntry};
use super::snapshots::Snapshots;
use super::state::State;
use crate::detect::Progress;
use crate::error::{Result, StoreError};
use crate::store::segments::{BucketId, Segments};
use tracker::Micros;

/// Runs that are remembered.
const HISTORY: usize = 50;
/// A bucket is sealed so many seconds after its end, unless the job's `query_delay` is longer.
const GRACE: i64 = 120;

/// Runs one imported job.
#[derive(Debug)]
pub struct JobRunner {
    shelf: JobShelf,
    id: JobId,
    plan: Plan,
    time_zone: Tz,
    segments: Segments,
    plots: Segments,
    snapshots: Snapshots,
    state: State,
    life: JobLife,
    /// How long results are kept, s; for ever where absent.
    keep: Option<i64>,
}

impl JobRunner {
    /// Goes on where the job was left. `None` where there is no such job.
    ///
    /// # Errors
    /// It cannot be run, or its files cannot be read.
    pub fn open(shelf: &JobShelf, id: &JobId, time_zone: Tz) -> Result<Option<Self>> {
        let Some(job) = shelf.get(id)? else { return Ok(None) };
        let plan = match shelf.plan(&job.definition) {
            Ok(plan) => plan,
            Err(refused) => {
                let error = Some(refused.to_string());
                shelf.note(id, &JobLife { error, progress: None, ..job.life })?;
                return Err(StoreError::Setting { name: "job", reason: refused.to_string() });
            }
        };
        let days = plan.definition.retention.results_days.and_then(|days| i64::try_from(days).ok());
        let keep = days.map(|days| days.saturating_mul(86_400));
        let mut segments = segments(shelf, id);
        segments.refresh()?;
        let mut plots = plotted::segments(shelf, id);
        plots.refresh()?;
        let snapshots = Snapshots::of(shelf, id);
        let life = JobLife { notes: plan.notes.clone(), ..job.life };
        let state = snapshots.newest(life.floor.unwrap_or(i64::MIN), i64::MAX).unwrap_or_default();
        Ok(Some(Self {
            shelf: shelf.clone(),
            id: id.clone(),
            plan,
            time_zone,
            segments,
            plots,
            snapshots,
            state,
            life,
            keep,
        }))
    }

    /// Keeps results for so long (s) at most; for less where the definition says so.
    pub fn keep(&mut self, seconds: i64) {
        self.keep = Some(self.keep.map_or(seconds, |keep| keep.min(seconds)));
    }

    /// Removes results that are too old.
    fn forget_old(&mut self, now: Micros) {
        let Some(keep) = self.keep else { return };
        let oldest = now.div_euclid(1_000_000).saturating_sub(keep);
        for segments in [&mut self.segments, &mut self.plots] {
            if segments.current().first_key_value().is_some_and(|(id, _)| id.start < oldest) {
                segments.remove_before(oldest);
            }
        }
    }

    /// How the job is doing.
    pub fn life(&self) -> &JobLife {
        &self.life
    }

    /// Scores every bucket that is sealed at `now` and new or changed by late data.
    ///
    /// # Errors
    /// Files cannot be read or written. What was committed stays; the next run goes on.
    pub async fn run(&mut self, now: Micros, progress: &dyn Progress) -> Result<RunEntry> {
        let mut entry = RunEntry { at: now, buckets: 0, revised: 0, records: 0, error: None };
        let before = self.life.clone();
        // In ms: names of results are not used again after a reset, or for another job of this id.
        for segments in [&mut self.segments, &mut self.plots] {
            segments.count_from(u64::try_from(now.div_euclid(1_000)).unwrap_or(0));
        }
        let ran = self.advance(now, &mut entry, progress).await;
        self.forget_old(now);
        self.life.progress = None;
        if let Err(error) = &ran {
            entry.error = Some(error.to_string());
        }
        self.life.error.clone_from(&entry.error);
        if entry.buckets > 0 || (entry.error.is_some() && before.error != entry.error) {
            self.life.runs.insert(0, entry.clone());
            self.life.runs.truncate(HISTORY);
        }
        self.describe(now);
        let told = |life: &JobLife| JobLife { lag_seconds: 0, ..life.clone() };
        if told(&before) != told(&self.life) {
            self.shelf.note(&self.id, &self.life)?;
        }
        ran.map(|()| entry)
    }

    fn describe(&mut self, now: Micros) {
        let last = self.state.next.map(|next| next - i64::from(self.plan.span));
        self.life.last_bucket = last.map(|start| start * 1000);
        self.life.lag_seconds = self.state.next.map_or(0, |next| (now.div_euclid(1_000_000) - next).max(0));
        self.life.series = self.state.series() as u64;
        self.life.refused = self.state.refused;
        self.life.memory_bytes = self.state.bytes() as u64;
    }

    /// End of the last sealed bucket (s).
    fn sealed(&self, now: Micros) -> i64 {
        let delay = self.plan.definition.datafeed.as_ref().and_then(|datafeed| datafeed.query_delay);
        let delay = delay.map_or(0, |delay| i64::try_from(delay.as_seconds()).unwrap_or(i64::MAX));
        let span = i64::from(self.plan.span);
        now.div_euclid(1_000_000).saturating_sub(delay.max(GRACE)).div_euclid(span) * span
    }

    async fn advance(&mut self, now: Micros, entry: &mut RunEntry, progress: &dyn Progress) -> Result<()> {
        let sealed = self.sealed(now);
        self.obey(sealed)?;
        let Some((first, end)) = stretch(self.shelf.store(), self.plan.span)? else { return Ok(()) };
        let first = first.max(self.life.floor.unwrap_or(i64::MIN));
        let end = end.min(sealed);
        let marks = marks(self.shelf.store(), self.plan.span, first, end)?;
        let made: HashMap<i64, u64> = self.segments.current().iter().map(|(id, (_, mark))| (id.start, *mark)).collect();
        let changed = marks.iter().find(|(start, mark)| made.get(*start).is_some_and(|known| known != *mark));
        if let Some((start, _)) = changed
            && self.state.next.is_some_and(|next| *start < next)
        {
            let floor = self.life.floor.unwrap_or(i64::MIN);
            self.state = self.snapshots.newest(floor, *start).unwrap_or_default();
            self.snapshots.drop_after(self.state.next.unwrap_or(i64::MIN));
        }
        let mut from = self.state.next.unwrap_or(first).max(first);
        let events = self.shelf.events(&self.plan.definition)?;
        let around = Surroundings { time_zone: self.time_zone, lists: self.shelf.lists()?, events };
        let span = i64::from(self.plan.span);
        let of = usize::try_from((end - from).max(0) / span).unwrap_or(0);
        let written = AtomicU64::new(0);
        while from < end {
            let to = (from + CHUNK * span).min(end);
            self.chunk(from, to, &marks, &made, &around, entry).await?;
            from = to;
            let done = of - usize::try_from((end - from) / span).unwrap_or(0);
            progress.scored(done, of);
            // People watch the back-fill of a long history.
            if of > 2 * CHUNK as usize && written.fetch_add(1, Ordering::Relaxed).is_multiple_of(4) {
                self.life.progress = Some((done as u64, of as u64));
                self.describe(now);
                self.shelf.note(&self.id, &self.life)?;
            }
            if self.shelf.ordered(&self.id).is_some() || self.shelf.get(&self.id)?.is_none() {
                break;
            }
        }
        if entry.buckets > 0 {
            self.compact(sealed.div_euclid(86_400) - 1)?;
        }
        Ok(())
    }

    async fn chunk(
        &mut self,
        from: i64,
        to: i64,
        marks: &BTreeMap<i64, u64>,
        made: &HashMap<i64, u64>,
        around: &Surroundings,
        entry: &mut RunEntry,
    ) -> Result<()> {
        let known: HashMap<i64, JobOutcome> = JobResults::open(self.shelf.store(), &self.id)
            .between(from * 1000, to * 1000)?
            .into_iter()
            .map(|outcome| (outcome.bucket.timestamp, outcome))
            .collect();
        let (mut outcomes, mut plots) = (Vec::new(), Vec::new());
        let definition = &self.plan.definition;
        let state = std::mem::take(&mut self.state);
        let mut run = Run { store: self.shelf.store(), plan: &self.plan, around, state };
        let ran = run
            .over(from, to, &crate::detect::Silent, &mut |bucket| {
                outcomes.push(bucket.outcome);
                plots.extend(plotted::wanted(definition, bucket.values));
                Ok(ControlFlow::Continue(()))
            })
            .await;
        self.state = run.state;
        // Missing buckets are over too.
        self.state.next = self.state.next.max(Some(to)).filter(|_| self.state.buckets > 0.0);
        if ran.is_err() {
            self.state = self.snapshots.newest(self.life.floor.unwrap_or(i64::MIN), from).unwrap_or_default();
        }
        ran?;
        let mut covers = Vec::new();
        for outcome in &mut outcomes {
            let start = outcome.bucket.timestamp.div_euclid(1000);
            let mark = marks.get(&start).copied().unwrap_or(0);
            let late = made.get(&start).is_some_and(|known| *known != mark);
            carry(outcome, known.get(&outcome.bucket.timestamp), late);
            entry.buckets += 1;
            entry.revised += u64::from(made.contains_key(&start));
            entry.records += outcome.records.len() as u64;
            covers.push((BucketId { span: self.plan.span, start }, mark));
        }
        if !plots.is_empty() {
            self.plots.commit(plotted::schema(), &[plotted::to_batch(&plots)?], covers.clone())?;
        }
        self.segments.commit(schema(), &[to_batch(&outcomes)?], covers)?;
        self.snapshots.save(&self.state)
    }

    /// Carries out what was ordered.
    fn obey(&mut self, sealed: i64) -> Result<()> {
        let Some(order) = self.shelf.ordered(&self.id) else { return Ok(()) };
        match order {
            Order::Reset => {
                self.drop_results(i64::MIN)?;
                self.snapshots.drop_after(i64::MIN);
                self.state = State::default();
                self.life = JobLife { notes: self.plan.notes.clone(), ..JobLife::default() };
            }
            Order::Forget => {
                self.snapshots.drop_after(i64::MIN);
                self.state = State::default();
                self.life.floor = Some(sealed);
            }
            Order::Revert { snapshot, delete_results } => {
                let Some(mut state) = self.snapshots.load(snapshot) else {
                    self.shelf.done(&self.id);
                    return Err(StoreError::Setting {
                        name: "snapshot",
                        reason: format!("there is none of {snapshot}"),
                    });
                };
                self.snapshots.drop_after(snapshot);
                if delete_results {
                    self.drop_results(snapshot)?;
                } else {
                    // What came after stays told and is not learnt.
                    state.next = Some(sealed.max(snapshot));
                    self.snapshots.save(&state)?;
                    self.life.floor = state.next;
                }
                self.state = state;
            }
        }
        self.shelf.done(&self.id);
        self.shelf.note(&self.id, &self.life)
    }

    /// Drops the results of buckets from a start (s) on.
    fn drop_results(&mut self, from: i64) -> Result<()> {
        let keep: Vec<JobOutcome> = JobResults::open(self.shelf.store(), &self.id)
            .between(i64::MIN, i64::MAX)?
            .into_iter()
            .filter(|outcome| outcome.bucket.timestamp.div_euclid(1000) < from)
            .collect();
        let marks = self.segments.current();
        let covers: Vec<(BucketId, u64)> =
            marks.iter().filter(|(id, _)| id.start < from).map(|(id, (_, mark))| (*id, *mark)).collect();
        // Of the plots whole files go: what is scored again replaces the others.
        self.plots.remove_from(from);
        let folder = self.shelf.folder(&self.id).join(RESULTS);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &folder)(error));
            }
            _ => {}
        }
        self.segments.refresh()?;
        self.segments.commit(schema(), &[to_batch(&keep)?], covers)
    }

    /// Merges the results of whole days before `before` (days since the epoch).
    fn compact(&mut self, before: i64) -> Result<()> {
        for covers in self.segments.scattered(before) {
            let (Some(first), Some(last)) = (covers.first(), covers.last()) else { continue };
            let (from, to) = (first.0.start * 1000, (last.0.start + 1) * 1000);
            let outcomes = JobResults::open(self.shelf.store(), &self.id).between(from, to)?;
            self.segments.commit(schema(), &[to_batch(&outcomes)?], covers)?;
        }
        self.segments.remove_replaced();
        plotted::compact(&mut self.plots, before)
    }
}

/// Scores as first written stay, and what late data changed is marked.
fn carry(outcome: &mut JobOutcome, known: Option<&JobOutcome>, late: bool) {
    let Some(known) = known else { return };
    outcome.bucket.initial_anomaly_score = known.bucket.initial_anomaly_score;
    for record in &mut outcome.records {
        match known.records.iter().find(|before| before.series() == record.series()) {
            Some(before) => {
                record.initial_record_score = before.initial_record_score;
                let same = before.actual.to_bits() == record.actual.to_bits()
                    && before.record_score.to_bits() == record.record_score.to_bits();
                record.revised = before.revised || (late && !same);
            }
            None => record.revised = late,
        }
    }
    for influencer in &mut outcome.influencers {
        let same = known.influencers.iter().find(|b| b.field == influencer.field && b.value == influencer.value);
        if let Some(before) = same {
            influencer.initial_influencer_score = before.initial_influencer_score;
        }
    }
}

/// The snapshots of a job: end of the last bucket of each, s since the epoch, ascending.
pub fn snapshots(shelf: &JobShelf, id: &JobId) -> Vec<i64> {
    Snapshots::of(shelf, id).known()
}
