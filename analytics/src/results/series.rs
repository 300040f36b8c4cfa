//! One series over time: counts, what was expected, and scores. Reads the counts and plots data sets.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use jobs::{AnomalyRecord, Expectation, OutcomeCount, SeriesKey};

use crate::buckets::counts::{BucketCounts, TCP_FAILURES, Tally};
use crate::buckets::stored;
use crate::error::{Result, StoreError};
use crate::results::plots::{self, PlotPoint};
use crate::results::{AnomalyFilter, Cache, Order, ResultStore};
use crate::store::scan::{between, pick};
use crate::store::segments::{BucketId, Segments};

/// One bucket of a series. `None` counts: the bucket is missing, nothing was delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// Bucket start, ms.
    pub timestamp: i64,
    /// Failed sessions.
    pub actual: Option<f64>,
    /// Attempts.
    pub attempts: Option<u64>,
    /// What the model expected.
    pub expected: Option<Expectation>,
    /// 0-100.
    pub score: f64,
    /// The recent buckets together weigh more than this one.
    pub multi: bool,
}

/// One series over a time range.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// Which series.
    pub key: SeriesKey,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Its buckets, by time.
    pub points: Vec<SeriesPoint>,
    /// Failed sessions of the range by outcome, by falling count.
    pub outcomes: Vec<OutcomeCount>,
    /// What the model still waits for; `None`: it has learnt enough to score.
    pub learning: Option<String>,
}

/// A span, files, and for each covered bucket the file that counts.
type Covering = (u32, BTreeSet<PathBuf>, BTreeMap<i64, PathBuf>);

impl ResultStore {
    /// A series in `from..to` (ms). A series that was never seen has no points.
    ///
    /// # Errors
    /// The data sets cannot be listed.
    pub async fn series(&self, key: &SeriesKey, from: i64, to: i64) -> Result<SeriesView> {
        let (store, key) = (self.clone(), key.clone());
        let read = tokio::task::spawn_blocking(move || store.read_series(&key, from, to)).await;
        read.unwrap_or_else(|error| Err(StoreError::io("read", self.store().root())(std::io::Error::other(error))))
    }

    fn read_series(&self, key: &SeriesKey, from: i64, to: i64) -> Result<SeriesView> {
        let (from, to) = (from.div_euclid(1000), to.saturating_add(999).div_euclid(1000));
        // Its own rows, those of the pool that it may be in, and those that tell who delivered anything.
        let wanted = [stored::number(key), stored::pool(key.perspective, key.level), stored::OBSERVERS];
        let (span, files, covered) = self.covering(|cache| &mut cache.counts, from, to)?;
        let mut counts: BTreeMap<i64, BucketCounts> = BTreeMap::new();
        for path in &files {
            let mut found = BTreeMap::new();
            // What is unreadable is not known; detection makes it anew.
            let _ = of_series(path, &wanted, (from, to), &mut |batch| stored::from_batch(batch, &mut found));
            found.retain(|start, _| covered.get(start) == Some(path));
            counts.append(&mut found);
        }
        let mut plotted: BTreeMap<i64, PlotPoint> = BTreeMap::new();
        let (_, files, current) = self.covering(|cache| &mut cache.plots, from, to)?;
        for path in &files {
            let _ = of_series(path, &wanted[..1], (from, to), &mut |batch| {
                let points = plots::from_batch(batch).into_iter();
                let ours = points.filter(|p| p.series == *key && current.get(&p.bucket) == Some(path));
                plotted.extend(ours.map(|p| (p.bucket, p)));
                Ok(())
            });
        }
        let mut total = [0; TCP_FAILURES.len()];
        let mut points = Vec::new();
        for start in covered.keys() {
            let bucket = counts.get(start);
            let tally = bucket.and_then(|counts| tally_of(counts, key));
            if let Some(tally) = &tally {
                total.iter_mut().zip(tally.outcomes).for_each(|(sum, count)| *sum += count);
            }
            points.push(point(*start, tally, plotted.get(start)));
        }
        for record in self.interim(key, (from, to), points.last().map(|point| point.timestamp))? {
            for (outcome, sum) in TCP_FAILURES.iter().zip(&mut total) {
                *sum +=
                    record.outcomes.iter().filter(|part| part.outcome == *outcome).map(|part| part.count).sum::<u64>();
            }
            points.push(running(&record));
        }
        let known = points.iter().any(|p| p.actual.is_some_and(|n| n > 0.0) || p.attempts.is_some_and(|n| n > 0));
        if !known && plotted.is_empty() {
            points.clear();
        }
        let learning = (plotted.is_empty() && known)
            .then(|| "the model has not seen enough of this series to expect anything".to_owned());
        Ok(SeriesView { key: key.clone(), bucket_span: span, points, outcomes: by_count(&total), learning })
    }

    /// What is known of the series after the last sealed bucket (ms), in a range (s): buckets that were scored before their
    /// time. The others follow with their counts.
    fn interim(&self, key: &SeriesKey, (from, to): (i64, i64), sealed: Option<i64>) -> Result<Vec<AnomalyRecord>> {
        let all = AnomalyFilter {
            perspective: Some(key.perspective),
            level: Some(key.level),
            order: Order::Time,
            ..AnomalyFilter::between(sealed.map_or(from * 1000, |last| last + 1), to * 1000)
        };
        let mut records = self.anomalies(&all)?;
        records.retain(|record| record.is_interim && record.series == *key);
        records.reverse();
        Ok(records)
    }

    /// The newest span's segments over a range (s): span, files, and for each covered bucket the file that counts.
    pub(super) fn covering(&self, which: fn(&mut Cache) -> &mut Segments, from: i64, to: i64) -> Result<Covering> {
        let mut cache = self.lock();
        let segments = which(&mut cache);
        segments.refresh()?;
        let current = segments.current();
        drop(cache);
        let newest = current.iter().max_by_key(|(id, (segment, _))| (segment.generation, id.start));
        let span = newest.map_or(0, |(id, _)| id.span);
        let id = |start| BucketId { span, start };
        let covered: BTreeMap<i64, PathBuf> = current
            .range(id(from)..id(to.max(from)))
            .map(|(id, (segment, _))| (id.start, segment.path.clone()))
            .collect();
        Ok((span, covered.values().cloned().collect(), covered))
    }
}

/// The rows of a data set's file with one of these numbers of series, of the buckets in a range (s).
fn of_series(
    path: &Path,
    wanted: &[i64],
    (from, to): (i64, i64),
    each: &mut dyn FnMut(&RecordBatch) -> Result<(), String>,
) -> Result<(), String> {
    pick(path, "series", wanted, &mut |batch| each(&between(batch, "bucket", from, to)?))
}

/// The series' counts: its own, zero while observers were alive, unknown where it may be in the pool.
pub(super) fn tally_of(counts: &BucketCounts, key: &SeriesKey) -> Option<Tally> {
    if counts.is_missing() {
        return None;
    }
    let perspective = counts.perspectives.get(&key.perspective);
    if let Some(own) = perspective.and_then(|p| p.series.get(key)) {
        return Some(*own);
    }
    let pooled = perspective.and_then(|p| p.pools.get(&key.level)).is_some_and(|pool| pool.highest > 0);
    (!pooled).then(Tally::default)
}

fn point(start: i64, tally: Option<Tally>, plot: Option<&PlotPoint>) -> SeriesPoint {
    SeriesPoint {
        timestamp: start * 1000,
        actual: tally.map(|t| t.failed as f64),
        attempts: tally.map(|t| t.attempts),
        expected: plot.map(|p| p.expected),
        score: plot.map_or(0.0, |p| p.score),
        multi: plot.is_some_and(|p| p.multi),
    }
}

/// A bucket that was scored before its time.
fn running(record: &AnomalyRecord) -> SeriesPoint {
    SeriesPoint {
        timestamp: record.timestamp,
        actual: Some(record.actual),
        attempts: Some(record.attempts),
        expected: Some(record.expected),
        score: record.record_score.value(),
        multi: record.multi_bucket_impact > 0.0,
    }
}

/// Outcomes with a count, by falling count.
pub fn by_count(outcomes: &[u64; TCP_FAILURES.len()]) -> Vec<OutcomeCount> {
    let mut found: Vec<OutcomeCount> = TCP_FAILURES
        .iter()
        .zip(outcomes)
        .filter(|(_, n)| **n > 0)
        .map(|(o, n)| OutcomeCount { outcome: *o, count: *n })
        .collect();
    found.sort_by_key(|o| std::cmp::Reverse(o.count));
    found
}
