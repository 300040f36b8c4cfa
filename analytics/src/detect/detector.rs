//! The detector: counts what is sealed, scores it in time order, keeps results and snapshots.
//!
//! What it keeps is a function of the counts and of the calendars of planned work alone. A bucket's results bear the mark
//! of what they were made from; where the marks differ, detection goes back to a snapshot before the first such bucket
//! and on from there.

use std::fs::{self, File};

use tracker::{Micros, Perspective};

use crate::buckets::dataset::CountStore;
use crate::detect::checkpoint::Checkpoints;
use crate::detect::planned::Planned;
use crate::detect::settings::DetectSettings;
use crate::detect::status::{DetectSummary, JobState, JobStatus, Progress};
use crate::detect::world::World;
use crate::error::{Result, StoreError};
use crate::model::Calendar;
use crate::results::{ResultStore, compact};
use crate::store::layout::{COUNTS, PLOTS, RESULTS};
use crate::store::segments::Segments;
use crate::store::{SessionStore, seal};

const DAY: i64 = 86_400;

/// Scores a store's buckets. One at a time per store: a second one is refused.
#[derive(Debug)]
pub struct Detector {
    pub(super) store: SessionStore,
    pub(super) settings: DetectSettings,
    pub(super) span: u32,
    pub(super) calendar: Calendar,
    pub(super) counts: CountStore,
    pub(super) results: Segments,
    pub(super) plots: Segments,
    pub(super) known: ResultStore,
    pub(super) checkpoints: Checkpoints,
    pub(super) world: World,
    /// What people have planned.
    pub(super) planned: Planned,
    /// Buckets taken in since the last snapshot.
    pub(super) unsaved: usize,
    /// Buckets that wait to be scored.
    pub(super) waiting: usize,
    pub(super) now: Micros,
    /// When late data last made detection go back by more than a day.
    pub(super) rewound: Option<Micros>,
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
        seal::remove_unfinished(store.root(), |name| {
            let of = |folder: &str| name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('-'));
            [COUNTS, PLOTS, RESULTS].into_iter().any(of) || (name.contains('@') && name.ends_with(".bin"))
        });
        let limits = settings.limits();
        let counts = CountStore::open(store, span, limits)?;
        let (mut results, mut plots) = (Segments::new(store.root(), RESULTS), Segments::new(store.root(), PLOTS));
        results.refresh()?;
        plots.refresh()?;
        let checkpoints = Checkpoints::new(store, &settings.fingerprint());
        let calendar = Calendar::new(settings.time_zone, span);
        let known = ResultStore::open(store);
        let planned = Planned::read(store, &settings.prefix, span)?;
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
            planned,
            unsaved: 0,
            waiting: 0,
            now: 0,
            rewound: None,
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
        self.planned = Planned::read(&self.store, &self.settings.prefix, self.span)?;
        let sealed = self.settings.sealed(now, self.span);
        self.counts.update(sealed, &mut |done, of| progress.counted(done, of)).await?;
        let summary = self.score(sealed, progress).await?;
        if summary.buckets > 0 {
            let day = sealed.div_euclid(DAY) - 1;
            self.counts.compact(day)?;
            compact::results(&mut self.results, &self.known, day)?;
            compact::plots(&mut self.plots, day)?;
            self.expire()?;
        }
        Ok(summary)
    }

    /// Removes counts and results that are older than they are kept.
    fn expire(&mut self) -> Result<()> {
        let Some(keep) = self.settings.keep_results else { return Ok(()) };
        let oldest = self.now.div_euclid(1_000_000) - i64::try_from(keep.as_secs()).unwrap_or(i64::MAX);
        // Only what the models have taken in.
        let limit = oldest.min(self.world.next.unwrap_or(0)).div_euclid(DAY) * DAY;
        if self.counts.counted().first().is_none_or(|(start, _)| *start >= limit) {
            return Ok(());
        }
        let lineage = self.lineage(limit);
        self.store.move_horizon(|known| (known.start, known.lineage) = (limit, lineage))?;
        self.counts.remove_before(limit);
        self.results.remove_before(limit);
        self.plots.remove_before(limit);
        Ok(())
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
                newcomers: view.map_or(0, |view| view.newcomers.len() as u64),
                evicted: view.map_or(0, |view| view.evicted),
                memory_bytes: view.map_or(0, |view| view.bytes() as u64),
            }
        };
        Perspective::ALL.iter().map(job).collect()
    }

    /// Takes the newest snapshot not beyond `limit` that today's counts would give, or starts from nothing.
    pub(super) fn restore(&mut self, limit: i64) {
        let lineages = self.lineages();
        let lineage = |next: i64| {
            let taken = lineages.partition_point(|(start, _)| *start < next);
            taken.checked_sub(1).map_or(self.store.horizon().lineage, |last| lineages[last].1)
        };
        let fresh = || World { lineage: self.store.horizon().lineage, ..World::default() };
        self.world = self.checkpoints.load(limit, lineage).unwrap_or_else(fresh);
        self.unsaved = 0;
    }

    /// Fold of the marks of all buckets that start before `limit` (s).
    fn lineage(&self, limit: i64) -> u64 {
        let before = self.lineages().into_iter().take_while(|(start, _)| *start < limit).last();
        before.map_or(self.store.horizon().lineage, |(_, lineage)| lineage)
    }

    /// For every counted bucket its start (s) and the fold of the marks up to and with it, ascending.
    fn lineages(&self) -> Vec<(i64, u64)> {
        let mut sum = self.store.horizon().lineage;
        let fold = |(start, mark)| {
            sum = fold(sum, start, mark);
            (start, sum)
        };
        self.marked().into_iter().map(fold).collect()
    }

    /// Every counted bucket: its start (s), and the mark of its counts and of what is planned for it.
    pub(super) fn marked(&self) -> Vec<(i64, u64)> {
        let marked = |(start, mark)| (start, self.planned.mark(start, mark));
        self.counts.counted().into_iter().map(marked).collect()
    }
}

/// The lineage of a state that has taken in one bucket more.
pub(super) fn fold(sum: u64, start: i64, mark: u64) -> u64 {
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
