//! The counts data set: which buckets are counted from which files, and their counts.
//!
//! Counts are a pure function of sealed sessions: a bucket bears a mark made of the names of the files that may hold
//! its sessions, and is counted again exactly when that mark changes.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use tracker::Micros;

use crate::buckets::count::{Limits, count};
use crate::buckets::counts::BucketCounts;
use crate::buckets::stored::{by_series, counts_schema, from_batch, to_batch};
use crate::error::Result;
use crate::store::footer::SessionFile;
use crate::store::layout::{COUNTS, HOUR, LATEST};
use crate::store::scan::{between, scan};
use crate::store::segments::{BucketId, Segment, Segments};
use crate::store::{Horizon, SessionStore};

/// Buckets counted by one query.
const CHUNK: usize = 96;
/// Sessions counted by one query, about; a single bucket may have more.
const QUERY_ROWS: u64 = 1_000_000;
/// Series of counted buckets kept in memory.
const CACHED: usize = 200_000;
/// Changes when counting itself changes, so that older counts are made anew.
const VERSION: u64 = 2;

/// What one hour's files contribute.
#[derive(Debug)]
struct Hour {
    /// Of the files' names.
    names: u64,
    /// Marks by bucket start (s).
    parts: Vec<(i64, u64)>,
    rows: u64,
}

/// Counts of all buckets of one span.
#[derive(Debug)]
pub struct CountStore {
    store: SessionStore,
    span: u32,
    limits: Limits,
    segments: Segments,
    hours: HashMap<i64, Hour>,
    cached: BTreeMap<i64, Arc<BucketCounts>>,
}

impl CountStore {
    /// The counts of this store at this span (seconds).
    pub fn open(store: &SessionStore, span: u32, limits: Limits) -> Result<Self> {
        let mut segments = Segments::new(store.root(), COUNTS);
        segments.refresh()?;
        let (hours, cached) = (HashMap::new(), BTreeMap::new());
        Ok(Self { store: store.clone(), span, limits, segments, hours, cached })
    }

    /// Counts every bucket that ends by `sealed` (s) and is new or changed. Returns the starts (s) of buckets whose
    /// counts are new or differ from before, ascending.
    ///
    /// # Errors
    /// Files cannot be listed, read or written. Corrupt session files are left out and reported, not errors.
    pub async fn update(&mut self, sealed: i64, step: &mut (dyn FnMut(usize, usize) + Send)) -> Result<Vec<i64>> {
        let span = i64::from(self.span);
        let marks = self.marks(sealed)?;
        let before = self.segments.current();
        let stale: Vec<i64> = marks
            .iter()
            .filter(|(start, mark)| before.get(&self.id(**start)).is_none_or(|(_, known)| known != *mark))
            .map(|(start, _)| *start)
            .collect();
        let mut changed = Vec::new();
        let mut done = 0;
        for run in self.runs(&stale) {
            let (from, to) = (run[0], run[run.len() - 1] + span);
            let run = run.as_slice();
            let old = self.read(from, to);
            let counted = self.count(from, to).await?;
            // A file found corrupt just now changes the marks; those of before would be counted again next time.
            let marks = self.marks(sealed)?;
            let batch = to_batch(counted.iter().map(|(start, counts)| (*start, counts)))?;
            let covers = run.iter().map(|start| (self.id(*start), marks.get(start).copied().unwrap_or(0))).collect();
            self.segments.commit(counts_schema(), &[by_series(&batch)?], covers)?;
            for start in run {
                let (new, known) = (counted.get(start), old.get(start).map(AsRef::as_ref));
                let first = !before.contains_key(&self.id(*start));
                if first || new.cloned().unwrap_or_default() != known.cloned().unwrap_or_default() {
                    changed.push(*start);
                }
                self.cached.remove(start);
            }
            for (start, counts) in counted {
                self.cached.insert(start, Arc::new(counts));
            }
            self.trim();
            done += run.len();
            step(done, stale.len());
        }
        Ok(changed)
    }

    /// Counts of the buckets with `from <= start < to` (s). Buckets without any record are absent.
    pub fn read(&mut self, from: i64, to: i64) -> BTreeMap<i64, Arc<BucketCounts>> {
        let current = self.segments.current();
        let wanted = current.range(self.id(from)..self.id(to.max(from)));
        let mut found = BTreeMap::new();
        let mut files: BTreeMap<PathBuf, Arc<Segment>> = BTreeMap::new();
        for (id, (segment, _)) in wanted {
            if let Some(counts) = self.cached.get(&id.start) {
                found.insert(id.start, Arc::clone(counts));
            } else {
                files.insert(segment.path.clone(), Arc::clone(segment));
            }
        }
        for path in files.keys() {
            let mut buckets = BTreeMap::new();
            let read = scan(path, "bucket", &[from..=to - 1], &mut |batch| {
                from_batch(&between(batch, "bucket", from, to)?, &mut buckets)
            });
            if read.is_err() {
                // Its buckets are no longer counted; the next update makes them anew.
                self.segments.forget(path);
                continue;
            }
            for (start, counts) in buckets {
                let speaks = current.get(&self.id(start)).is_some_and(|(segment, _)| segment.path == *path);
                if speaks && (from..to).contains(&start) {
                    found.insert(start, Arc::new(counts));
                }
            }
        }
        found
    }

    /// Start (s) and mark of every counted bucket that is not behind the horizon, ascending.
    pub fn counted(&self) -> Vec<(i64, u64)> {
        let (current, first) = (self.segments.current(), self.store.horizon().start);
        let ours = current.iter().filter(|(id, _)| id.span == self.span && id.start >= first);
        ours.map(|(id, (_, mark))| (id.start, *mark)).collect()
    }

    /// Rows that the counts of the buckets from `start` (s) on have each, about.
    pub fn rows_per_bucket(&self, start: i64) -> u64 {
        let current = self.segments.current();
        let segment = current.get(&self.id(start)).map(|(segment, _)| segment);
        segment.map_or(1, |segment| segment.rows.div_ceil(segment.covers.len().max(1) as u64))
    }

    /// Removes counts of buckets that start before `start` (s).
    pub fn remove_before(&mut self, start: i64) {
        self.segments.remove_before(start);
    }

    /// Merges the segments of whole days before `before` (days since the epoch) and removes what they replace.
    ///
    /// # Errors
    /// A merged segment cannot be written.
    pub fn compact(&mut self, before: i64) -> Result<()> {
        for covers in self.segments.scattered(before) {
            let covers: Vec<_> = covers.into_iter().filter(|(id, _)| id.span == self.span).collect();
            let (Some(first), Some(last)) = (covers.first(), covers.last()) else { continue };
            let counts = self.read(first.0.start, last.0.start + i64::from(self.span));
            let covers: Vec<_> = covers.into_iter().collect();
            let batch = to_batch(counts.iter().map(|(start, counts)| (*start, counts.as_ref())))?;
            self.segments.commit(counts_schema(), &[by_series(&batch)?], covers)?;
        }
        self.segments.remove_replaced();
        Ok(())
    }

    fn id(&self, start: i64) -> BucketId {
        BucketId { span: self.span, start }
    }

    /// Counts buckets from sessions, leaving out what turns out corrupt. Keeps nothing.
    ///
    /// # Errors
    /// Files cannot be listed or read.
    pub async fn count(&self, from: i64, to: i64) -> Result<BTreeMap<i64, BucketCounts>> {
        let micros = |seconds: i64| seconds * 1_000_000;
        loop {
            let files = self.store.files(micros(from), micros(to))?;
            match count(files.clone(), micros(i64::from(self.span)), micros(from), micros(to), self.limits).await {
                Ok(counted) => return Ok(counted.into_iter().map(|(at, c)| (at / 1_000_000, c)).collect()),
                Err(error) if self.store.weed(&files) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// The mark of every bucket that ends by `sealed` and has files.
    fn marks(&mut self, sealed: i64) -> Result<BTreeMap<i64, u64>> {
        let mut marks: BTreeMap<i64, u64> = BTreeMap::new();
        let span = i64::from(self.span);
        let Horizon { hour: horizon, start: first, .. } = self.store.horizon();
        let hours = self.store.hours(horizon * HOUR, LATEST)?;
        self.hours.retain(|hour, _| hours.binary_search(hour).is_ok());
        for hour in hours {
            if hour * 3600 >= sealed {
                continue;
            }
            let files = self.store.hour(hour)?;
            let names = files.iter().fold(VERSION, |sum, file| sum.wrapping_add(hash(&file.name)));
            if self.hours.get(&hour).is_none_or(|known| known.names != names) {
                let rows = files.iter().map(|file| file.rows).sum();
                self.hours.insert(hour, Hour { names, parts: contributions(&files, span), rows });
            }
            if let Some(Hour { parts, .. }) = self.hours.get(&hour) {
                for (start, part) in parts {
                    // What began before the horizon has lost sessions: its counts stay as they are.
                    if start + span <= sealed && *start >= (horizon * 3600).max(first) {
                        let mark = marks.entry(*start).or_insert(VERSION ^ u64::from(self.limits.series));
                        *mark = mark.wrapping_add(*part);
                    }
                }
            }
        }
        // A bucket that lost its last file (found corrupt) is counted again too.
        let lost: Vec<i64> = self
            .segments
            .current()
            .iter()
            .filter(|(id, (_, mark))| id.span == self.span && *mark != 0 && !marks.contains_key(&id.start))
            .filter(|(id, _)| id.start >= horizon * 3600)
            .map(|(id, _)| id.start)
            .collect();
        marks.extend(lost.into_iter().map(|start| (start, 0)));
        Ok(marks)
    }

    fn trim(&mut self) {
        let size = |counts: &BucketCounts| counts.perspectives.values().map(|own| own.series.len()).sum::<usize>();
        let mut held: usize = self.cached.values().map(|counts| size(counts)).sum();
        while held > CACHED
            && let Some((_, counts)) = self.cached.pop_first()
        {
            held -= size(&counts);
        }
    }

    /// Runs of neighbouring buckets that one query may count.
    fn runs(&self, starts: &[i64]) -> Vec<Vec<i64>> {
        let span = i64::from(self.span);
        let rows = |start: i64| {
            let hours = start.div_euclid(3600)..=(start + span - 1).div_euclid(3600);
            let of_hours: u64 = hours.filter_map(|hour| self.hours.get(&hour)).map(|hour| hour.rows).sum();
            if span < 3600 { of_hours * u64::from(self.span) / 3600 } else { of_hours }
        };
        let mut runs: Vec<Vec<i64>> = Vec::new();
        let mut sum = 0;
        for &start in starts {
            let own = rows(start);
            let follows = |run: &&mut Vec<i64>| {
                run.last() == Some(&(start - span)) && run.len() < CHUNK && sum + own <= QUERY_ROWS
            };
            if let Some(run) = runs.last_mut().filter(follows) {
                run.push(start);
            } else {
                runs.push(vec![start]);
                sum = 0;
            }
            sum += own;
        }
        runs
    }
}

/// What each file adds to the marks of the buckets that it may hold sessions of.
fn contributions(files: &[Arc<SessionFile>], span: i64) -> Vec<(i64, u64)> {
    let mut parts: BTreeMap<i64, u64> = BTreeMap::new();
    let bucket = |time: Micros| (time / 1_000_000).div_euclid(span) * span;
    for original in files.iter().flat_map(|file| &file.originals) {
        let name = hash(&original.name);
        let mut start = bucket(original.first);
        while start <= bucket(original.last) {
            let part = parts.entry(start).or_default();
            *part = part.wrapping_add(name);
            start += span;
        }
    }
    parts.into_iter().collect()
}

/// FNV-1a with a final mix: the same on every machine and in every version.
pub fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (fnv ^ (fnv >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
