//! The detector: counts what is sealed, scores it in time order, keeps results and snapshots.
//!
//! What it keeps is a function of the counts alone. A bucket's results bear the mark of the counts they were made
//! from; where the marks differ, detection goes back to a snapshot before the first such bucket and on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::sync::Arc;

use datafusion::common::ScalarValue;
use tracker::{Micros, Perspective};

use crate::buckets::count::{FAILURES_SQL, Limits, run};
use crate::buckets::dataset::CountStore;
use crate::detect::checkpoint::Checkpoints;
use crate::detect::compose::{compose, has_records, plot_points};
use crate::detect::explain::{Failures, read_failures};
use crate::detect::settings::DetectSettings;
use crate::detect::status::{DetectSummary, JobState, JobStatus, Progress};
use crate::detect::world::{Rules, ScoredView, World};
use crate::error::{Result, StoreError};
use crate::model::Calendar;
use crate::results::ResultStore;
use crate::results::columns::result_schema;
use crate::results::plots::{self, PlotPoint};
use crate::results::rows::{BucketOutcome, to_batch};
use crate::store::SessionStore;
use crate::store::layout::{PLOTS, RESULTS};
use crate::store::segments::{BucketId, Segments};

/// Buckets scored between commits.
const CHUNK: usize = 96;
/// Buckets of which failures are read by one query, when that many wait.
const AHEAD: i64 = 8;
/// Buckets after which a snapshot is due.
const SNAPSHOT: usize = 16;

/// Scores a store's buckets. One at a time per store: a second one is refused.
#[derive(Debug)]
pub struct Detector {
    store: SessionStore,
    settings: DetectSettings,
    span: u32,
    calendar: Calendar,
    counts: CountStore,
    results: Segments,
    plots: Segments,
    known: ResultStore,
    checkpoints: Checkpoints,
    world: World,
    unsaved: usize,
    now: Micros,
    _lock: File,
}

impl Detector {
    /// A detector over this store, going on from the last snapshot.
    ///
    /// # Errors
    /// A setting is out of range, another detector has the store, or files cannot be read.
    pub fn open(store: &SessionStore, settings: DetectSettings) -> Result<Self> {
        let span = settings.span_seconds()?;
        let lock = lock(store)?;
        let limits = Limits { series: settings.max_series.max(1), quiet: (settings.max_series / 4).max(1) };
        let counts = CountStore::open(store, span, limits)?;
        let (mut results, mut plots) = (Segments::new(store.root(), RESULTS), Segments::new(store.root(), PLOTS));
        results.refresh()?;
        plots.refresh()?;
        let prune = settings.prune_window.as_secs();
        let setting = format!("{span}-{}-{}-{prune}", settings.time_zone.name(), settings.max_series);
        let checkpoints = Checkpoints::new(store, &setting);
        let calendar = Calendar::new(settings.time_zone, span);
        let known = ResultStore::open(store);
        let (store, world) = (store.clone(), World::default());
        let mut detector = Self {
            store,
            settings,
            span,
            calendar,
            counts,
            results,
            plots,
            known,
            checkpoints,
            world,
            unsaved: 0,
            now: 0,
            _lock: lock,
        };
        detector.restore(i64::MAX);
        Ok(detector)
    }

    /// Counts and scores every bucket that is sealed at `now` and not scored yet, or changed by late data. Computes for
    /// long on a store that was never scored; call it where blocking is allowed.
    ///
    /// # Errors
    /// Files cannot be read or written. What was committed stays; the next run goes on.
    pub async fn run(&mut self, now: Micros, progress: &dyn Progress) -> Result<DetectSummary> {
        self.now = now;
        let sealed = self.settings.sealed(now, self.span);
        self.counts.update(sealed, &mut |done, of| progress.counted(done, of)).await?;
        let summary = self.score(sealed, progress).await?;
        let day = sealed.div_euclid(86_400) - 1;
        if summary.buckets > 0 {
            self.counts.compact(day)?;
            self.compact(day)?;
            self.store.compact(now, sealed * 1_000_000)?;
        }
        Ok(summary)
    }

    /// Scores as [`run`](Self::run) does, and tells of the records in `from..to` (µs) whether new or not.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_range(&mut self, from: Micros, to: Micros, progress: &dyn Progress) -> Result<DetectSummary> {
        let wait = self.settings.grace + self.settings.query_delay;
        let now = to.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(0));
        let mut summary = self.run(now, progress).await?;
        let filter = crate::results::AnomalyFilter {
            order: crate::results::Order::Time,
            ..crate::results::AnomalyFilter::between(from.div_euclid(1000), to.div_euclid(1000))
        };
        summary.records = self.known.anomalies(&filter)?;
        summary.records.reverse();
        Ok(summary)
    }

    /// State of each perspective's job.
    pub fn status(&self) -> Vec<JobStatus> {
        let job = |perspective: &Perspective| {
            let view = self.world.views.get(perspective);
            let buckets = view.map_or(0.0, |view| view.buckets);
            let wanted = crate::model::baseline::LEARNING_BUCKETS;
            let state = match buckets {
                b if b < 1.0 => JobState::Waiting,
                b if b < wanted => JobState::Learning,
                _ => JobState::Running,
            };
            let left = (wanted - buckets).max(0.0) * f64::from(self.span) / 3600.0;
            let last = view.and_then(|view| view.last);
            let end = last.map(|start| start + i64::from(self.span));
            JobStatus {
                perspective: *perspective,
                state,
                learning: (state == JobState::Learning).then(|| format!("needs {left:.1} more hours of data")),
                last_bucket: last.map(|start| start * 1000),
                lag_seconds: end.map_or(0, |end| self.now.div_euclid(1_000_000).saturating_sub(end).max(0)),
                series: view.map_or(0, |view| view.series.len() as u64),
                pooled: view.map_or(0, |view| view.pooled),
                memory_bytes: view.map_or(0, |view| view.bytes() as u64),
            }
        };
        Perspective::ALL.iter().map(job).collect()
    }

    /// Takes the newest snapshot not beyond `limit` that today's counts would give, or starts from nothing.
    fn restore(&mut self, limit: i64) {
        let counted = self.counts.counted();
        let lineage = |next: i64| {
            counted.iter().take_while(|(start, _)| *start < next).fold(0, |sum, (at, mark)| fold(sum, *at, *mark))
        };
        self.world = self.checkpoints.load(limit, lineage).unwrap_or_default();
        self.unsaved = 0;
    }

    async fn score(&mut self, sealed: i64, progress: &dyn Progress) -> Result<DetectSummary> {
        let counted = self.counts.counted();
        let made: BTreeMap<i64, u64> = self
            .results
            .current()
            .iter()
            .filter(|(id, _)| id.span == self.span)
            .map(|(id, (_, mark))| (id.start, *mark))
            .collect();
        let stale: BTreeSet<i64> =
            counted.iter().filter(|(start, mark)| made.get(start) != Some(mark)).map(|(start, _)| *start).collect();
        if let (Some(first), Some(next)) = (stale.first(), self.world.next)
            && *first < next
        {
            self.restore(*first);
        }
        let next = self.world.next.unwrap_or(i64::MIN);
        let todo: Vec<(i64, u64)> =
            counted.into_iter().filter(|(start, _)| *start >= next && *start < sealed).collect();
        let mut summary = DetectSummary::default();
        for chunk in todo.chunks(CHUNK) {
            self.chunk(chunk, &stale, &made, &mut summary).await?;
            progress.scored(summary.buckets, todo.len());
        }
        if let (Some(first), Some(last)) = (todo.first(), todo.last()) {
            summary.range = Some((first.0 * 1000, last.0 * 1000));
        }
        Ok(summary)
    }

    /// Scores some buckets and commits what is new about them.
    async fn chunk(
        &mut self,
        chunk: &[(i64, u64)],
        stale: &BTreeSet<i64>,
        made: &BTreeMap<i64, u64>,
        summary: &mut DetectSummary,
    ) -> Result<()> {
        let span = i64::from(self.span);
        let counts = self.counts.read(chunk[0].0, chunk[chunk.len() - 1].0 + span)?;
        let before = self.known.buckets_now()?;
        let rules = Rules {
            max_series: self.settings.max_series as usize,
            prune_days: self.settings.prune_window.as_secs_f64() / 86_400.0,
        };
        let mut covers = Vec::new();
        let mut outcomes: Vec<BucketOutcome> = Vec::new();
        let mut points: Vec<PlotPoint> = Vec::new();
        let mut read = Ahead { to: chunk[chunk.len() - 1].0 + span, ..Ahead::default() };
        for &(start, mark) in chunk {
            if let Some(next) = self.world.next.filter(|next| *next < start) {
                self.world.skip((start - next) as f64 / 86_400.0);
            }
            let empty = Arc::default();
            let scored = self.world.observe(&self.calendar.moment(start), counts.get(&start).unwrap_or(&empty), rules);
            self.world.next = Some(start + span);
            self.world.lineage = fold(self.world.lineage, start, mark);
            let found = self.explained(&scored, start, &mut read).await?;
            let mut changed = stale.contains(&start);
            let mut ready = Vec::new();
            for mut outcome in found {
                let id = (outcome.bucket.timestamp, self.span, outcome.bucket.perspective);
                let late = made.get(&start).is_some_and(|known| *known != mark);
                let known = before.get(&id).map(AsRef::as_ref);
                carry(&mut outcome, known, late);
                changed |= known != Some(&outcome);
                summary.records.extend(fresh(&outcome, known));
                ready.push(outcome);
            }
            summary.buckets += 1;
            if changed {
                summary.rescored += usize::from(made.contains_key(&start));
                covers.push((BucketId { span: self.span, start }, mark));
                outcomes.append(&mut ready);
                points.extend(scored.iter().flat_map(|view| plot_points(view, start)));
            }
            self.unsaved += 1;
        }
        // Plots first: the results' rename is what commits the chunk.
        self.plots.commit(plots::plot_schema(), &[plots::to_batch(&points)?], covers.clone())?;
        self.results.commit(result_schema(), &[to_batch(&outcomes)?], covers)?;
        if self.unsaved >= SNAPSHOT {
            self.checkpoints.save(&self.world)?;
            self.unsaved = 0;
        }
        Ok(())
    }

    /// The results of a bucket, with whom its records are due to.
    async fn explained(&self, scored: &[ScoredView], start: i64, read: &mut Ahead) -> Result<Vec<BucketOutcome>> {
        let span = i64::from(self.span);
        let wanted = scored.iter().any(has_records);
        if wanted && start >= read.until {
            read.until = (start + AHEAD * span).min(read.to);
            read.failures = self.failures(start, read.until).await?;
        }
        let failures = read.failures.get(&start.div_euclid(span)).filter(|_| wanted).map_or(&[][..], Vec::as_slice);
        let one = |view: &ScoredView| {
            self.world.views.get(&view.perspective).map(|state| compose(view, state, failures, start, self.span))
        };
        Ok(scored.iter().filter_map(one).collect())
    }

    /// Failures of the buckets in `from..to` (s).
    async fn failures(&self, from: i64, to: i64) -> Result<Failures> {
        let (from, to) = (from * 1_000_000, to * 1_000_000);
        let time = |value| ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()));
        let span = ScalarValue::Int64(Some(i64::from(self.span) * 1_000_000));
        loop {
            let files = self.store.files(from, to)?;
            let mut failures = Failures::new();
            if files.is_empty() {
                return Ok(failures);
            }
            match run(FAILURES_SQL, files.clone(), vec![span.clone(), time(from), time(to)]).await {
                Ok(batches) => {
                    batches.iter().try_for_each(|batch| read_failures(batch, &mut failures))?;
                    return Ok(failures);
                }
                Err(error) if self.store.weed(&files) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Merges the results and plots of whole days before `before` (days since the epoch).
    fn compact(&mut self, before: i64) -> Result<()> {
        for covers in self.results.scattered(before) {
            let known = self.known.buckets_now()?;
            let wanted: BTreeSet<(i64, u32)> = covers.iter().map(|(id, _)| (id.start * 1000, id.span)).collect();
            let outcomes = known.iter().filter(|(key, _)| wanted.contains(&(key.0, key.1))).map(|(_, o)| o.as_ref());
            self.results.commit(result_schema(), &[to_batch(outcomes)?], covers)?;
        }
        self.results.remove_replaced();
        for covers in self.plots.scattered(before) {
            let current = self.plots.current();
            let mut points: Vec<PlotPoint> = Vec::new();
            let paths: BTreeSet<_> =
                covers.iter().filter_map(|(id, _)| current.get(id)).map(|(segment, _)| segment.path.clone()).collect();
            for path in &paths {
                for batch in crate::store::page::read_through(path).unwrap_or_default() {
                    let speaks = |p: &PlotPoint| {
                        current
                            .get(&BucketId { span: self.span, start: p.bucket })
                            .is_some_and(|(s, _)| s.path == *path)
                    };
                    points.extend(plots::from_batch(&batch).into_iter().filter(speaks));
                }
            }
            points.sort_by(|a, b| a.bucket.cmp(&b.bucket).then_with(|| a.series.cmp(&b.series)));
            self.plots.commit(plots::plot_schema(), &[plots::to_batch(&points)?], covers)?;
        }
        self.plots.remove_replaced();
        Ok(())
    }
}

/// Failures read for the buckets before `until` (s), of those before `to` that are being scored.
#[derive(Debug, Default)]
struct Ahead {
    failures: Failures,
    until: i64,
    to: i64,
}

/// Keeps what was first written, and marks what late data changed.
fn carry(outcome: &mut BucketOutcome, known: Option<&BucketOutcome>, late: bool) {
    let Some(known) = known else { return };
    let counts = |o: &BucketOutcome| (o.bucket.event_count, o.bucket.failed_count);
    outcome.revised = known.revised || (late && counts(known) != counts(outcome));
    outcome.bucket.initial_anomaly_score = known.bucket.initial_anomaly_score;
    for stored in &mut outcome.records {
        let record = &mut stored.record;
        record.revised = outcome.revised;
        if let Some(first) = known.records.iter().find(|other| other.record.series == record.series) {
            record.initial_record_score = first.record.initial_record_score;
        }
    }
    for influencer in &mut outcome.influencers {
        let same = |other: &&jobs::InfluencerResult| other.field == influencer.field && other.value == influencer.value;
        if let Some(first) = known.influencers.iter().find(same) {
            influencer.initial_influencer_score = first.initial_influencer_score;
        }
    }
}

/// Telling records that were not there before, or had another score.
fn fresh(outcome: &BucketOutcome, known: Option<&BucketOutcome>) -> Vec<jobs::AnomalyRecord> {
    let is_new = |stored: &&crate::results::rows::StoredRecord| {
        stored.primary && !known.is_some_and(|known| known.records.contains(stored))
    };
    outcome.records.iter().filter(is_new).map(|stored| stored.record.clone()).collect()
}

fn fold(sum: u64, start: i64, mark: u64) -> u64 {
    (sum.rotate_left(7) ^ mark.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(start as u64)
}

fn lock(store: &SessionStore) -> Result<File> {
    let folder = store.root().join(RESULTS);
    for folder in [&folder, &store.root().join(crate::store::layout::TEMPORARY)] {
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
    }
    let path = folder.join("lock");
    let file = File::create(&path).map_err(StoreError::io("open", &path))?;
    file.try_lock().map_err(|error| StoreError::Io {
        action: "lock (another detection is running)",
        path,
        source: error.into(),
    })?;
    Ok(file)
}
