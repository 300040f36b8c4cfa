//! Results: what detection found, kept in write-once segments and answered from memory.
//!
//! Owns reading and selecting; must not know how results are computed.

mod anomaly;
mod changes;
pub(crate) mod columns;
pub(crate) mod compact;
mod documents;
pub(crate) mod plots;
mod plotted;
pub(crate) mod rows;
mod select;
pub(crate) mod series;
pub(crate) mod shown;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobs::{AnomalyRecord, BucketResult, InfluencerResult};
use tracker::Perspective;

use crate::error::Result;
use crate::jobs::KeptResults;
use crate::store::SessionStore;
use crate::store::layout::{COUNTS, PLOTS, RESULTS};
use crate::store::page::read_through;
use crate::store::segments::{BucketId, Segments};
use rows::{BucketOutcome, from_batch};

pub use anomaly::{Anomaly, Finder};
pub use changes::{Changes, Found};
pub use documents::{Part, Parts, Selection};
pub use plotted::Plotted;
pub use select::{AnomalyFilter, Order};
pub use series::{SeriesPoint, SeriesView};

/// All results of a store, read once and kept in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ResultStore {
    store: SessionStore,
    cache: Arc<Mutex<Cache>>,
    /// Results of imported jobs, read for those who follow them.
    imported: Arc<Mutex<KeptResults>>,
}

/// Results by bucket and perspective.
type Buckets = BTreeMap<(i64, u32, Perspective), Arc<BucketOutcome>>;

#[derive(Debug)]
struct Cache {
    segments: Segments,
    /// Read for single series, never held.
    counts: Segments,
    plots: Segments,
    loaded: HashMap<PathBuf, Vec<Arc<BucketOutcome>>>,
    /// What is sealed.
    buckets: Arc<Buckets>,
    /// What is not sealed yet; where a bucket is in both, it has been sealed meanwhile.
    interim: Vec<Arc<BucketOutcome>>,
    shown: Arc<Buckets>,
}

impl ResultStore {
    /// The results of this store.
    pub fn open(store: &SessionStore) -> Self {
        let segments = Segments::new(store.root(), RESULTS);
        let (counts, plots) = (Segments::new(store.root(), COUNTS), Segments::new(store.root(), PLOTS));
        let cache = Cache {
            segments,
            counts,
            plots,
            loaded: HashMap::new(),
            buckets: Arc::default(),
            interim: Vec::new(),
            shown: Arc::default(),
        };
        Self { store: store.clone(), cache: Arc::new(Mutex::new(cache)), imported: Arc::default() }
    }

    /// Anomaly records that pass the filter, in its order.
    ///
    /// # Errors
    /// The results cannot be listed.
    pub fn anomalies(&self, filter: &AnomalyFilter) -> Result<Vec<AnomalyRecord>> {
        Ok(select::anomalies(&*self.buckets_now()?, filter))
    }

    /// How many anomaly records pass the filter, whatever its limit.
    ///
    /// # Errors
    /// As [`anomalies`](Self::anomalies).
    pub fn count(&self, filter: &AnomalyFilter) -> Result<usize> {
        Ok(select::passing(&*self.buckets_now()?, filter).count())
    }

    /// Bucket results with `from <= timestamp < to` (ms), by time.
    ///
    /// # Errors
    /// As [`anomalies`](Self::anomalies).
    pub fn buckets(&self, from: i64, to: i64, perspective: Option<Perspective>) -> Result<Vec<BucketResult>> {
        let buckets = self.buckets_now()?;
        Ok(select::between(&buckets, from, to, perspective).map(|outcome| outcome.bucket.clone()).collect())
    }

    /// Influencer results with `from <= timestamp < to` (ms), by time and falling score.
    ///
    /// # Errors
    /// As [`anomalies`](Self::anomalies).
    pub fn influencers(&self, from: i64, to: i64, perspective: Option<Perspective>) -> Result<Vec<InfluencerResult>> {
        let buckets = self.buckets_now()?;
        Ok(select::between(&buckets, from, to, perspective).flat_map(|outcome| outcome.influencers.clone()).collect())
    }

    /// The store whose results these are.
    pub fn store(&self) -> &SessionStore {
        &self.store
    }

    /// Everything that is known now, after a look for new segments.
    pub(crate) fn buckets_now(&self) -> Result<Arc<Buckets>> {
        let mut cache = self.lock();
        if cache.segments.refresh()? {
            cache.reload();
            cache.show();
        }
        Ok(Arc::clone(&cache.shown))
    }

    /// Shows these results of buckets that are not sealed yet, in place of those shown before, through this store and its
    /// clones. Returns those that are new or changed.
    pub(crate) fn show_interim(&self, outcomes: Vec<BucketOutcome>) -> Result<Vec<Arc<BucketOutcome>>> {
        self.buckets_now()?;
        let mut cache = self.lock();
        let before = std::mem::take(&mut cache.interim);
        cache.interim = outcomes.into_iter().map(Arc::new).collect();
        cache.show();
        Ok(cache.interim.iter().filter(|outcome| !before.contains(outcome)).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// Puts sealed and interim results together.
    fn show(&mut self) {
        let key = |outcome: &BucketOutcome| {
            let bucket = &outcome.bucket;
            (bucket.timestamp, bucket.bucket_span, bucket.perspective)
        };
        self.shown = Arc::clone(&self.buckets);
        for outcome in self.interim.iter().filter(|outcome| !self.buckets.contains_key(&key(outcome))) {
            Arc::make_mut(&mut self.shown).insert(key(outcome), Arc::clone(outcome));
        }
    }

    /// Reads segments that are new, drops those that are gone, and picks the newest for each bucket.
    fn reload(&mut self) {
        loop {
            let current = self.segments.current();
            let mut corrupt = None;
            for (segment, _) in current.values() {
                if !self.loaded.contains_key(&segment.path) {
                    let Ok(outcomes) = read_segment(&segment.path) else {
                        corrupt = Some(segment.path.clone());
                        break;
                    };
                    self.loaded.insert(segment.path.clone(), outcomes);
                }
            }
            if let Some(path) = corrupt {
                self.segments.forget(&path);
                continue;
            }
            let speaking: HashSet<&PathBuf> = current.values().map(|(segment, _)| &segment.path).collect();
            self.loaded.retain(|path, _| speaking.contains(path));
            let mut buckets = Buckets::new();
            for (path, outcomes) in &self.loaded {
                for outcome in outcomes {
                    let bucket = &outcome.bucket;
                    let id = BucketId { span: bucket.bucket_span, start: bucket.timestamp.div_euclid(1000) };
                    if current.get(&id).is_some_and(|(segment, _)| segment.path == *path) {
                        buckets.insert((bucket.timestamp, bucket.bucket_span, bucket.perspective), Arc::clone(outcome));
                    }
                }
            }
            self.buckets = Arc::new(buckets);
            return;
        }
    }
}

/// The outcomes of one segment.
pub(crate) fn read_segment(path: &std::path::Path) -> Result<Vec<Arc<BucketOutcome>>, String> {
    let mut outcomes = Vec::new();
    let batches = read_through(path)?;
    let Some(first) = batches.first() else { return Ok(outcomes) };
    // Rows of a bucket may continue in the next batch: they are read as one.
    let batch = arrow::compute::concat_batches(&first.schema(), &batches).map_err(|e| e.to_string())?;
    outcomes.extend(from_batch(&batch)?.into_iter().map(Arc::new));
    Ok(outcomes)
}
