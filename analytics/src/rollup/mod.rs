//! Roll-ups: who had how many sessions with whom and how they ended, per hour and per day. Long ranges read these.
//!
//! Like counts they are made of sealed sessions alone: an hour bears a mark made of its files' names and is made again when
//! that changes, and a day when one of its hours does. Must not know who asks.

pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use datafusion::common::ScalarValue;
use tracker::Micros;

use crate::buckets::count::run;
use crate::buckets::dataset::hash;
use crate::error::Result;
use crate::store::SessionStore;
use crate::store::layout::{DAYS, HOUR, HOURS, LATEST};
use crate::store::scan::scan;
use crate::store::segments::{BucketId, Segments};
use rows::{Part, add, from_batch, of_query, pool, rollup_schema, to_batch};

const HOUR_SQL: &str = include_str!("hour.sql");
/// Rows kept per hour or day and class of outcome.
const MOST: usize = 10_000;
/// Spans in seconds.
const AN_HOUR: i64 = 3_600;
const A_DAY: i64 = 86_400;

/// The roll-ups of a store.
#[derive(Debug)]
pub struct Rollups {
    store: SessionStore,
    hours: Segments,
    days: Segments,
}

impl Rollups {
    /// The roll-ups of this store.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn open(store: &SessionStore) -> Result<Self> {
        let (mut hours, mut days) = (Segments::new(store.root(), HOURS), Segments::new(store.root(), DAYS));
        hours.refresh()?;
        days.refresh()?;
        Ok(Self { store: store.clone(), hours, days })
    }

    /// Rolls up every hour and day that ended by `sealed` and is new or changed. Returns how many there were.
    ///
    /// # Errors
    /// Files cannot be listed, read or written. Corrupt session files are left out and reported, not errors.
    pub async fn update(&mut self, sealed: Micros) -> Result<usize> {
        let mut made = 0;
        let first = self.store.horizon().hour;
        for hour in self.store.hours(first * HOUR, LATEST)? {
            if (hour + 1) * HOUR > sealed {
                break;
            }
            let originals = self.store.hour(hour)?;
            let names = originals.iter().flat_map(|file| &file.originals).map(|original| hash(&original.name));
            let mark = names.fold(1, u64::wrapping_add);
            let id = BucketId { span: AN_HOUR as u32, start: hour * AN_HOUR };
            if self.hours.current().get(&id).is_none_or(|(_, known)| *known != mark) {
                let part = BTreeMap::from([(id.start, self.count(hour).await?)]);
                self.hours.commit(rollup_schema(), &[to_batch(&part)?], vec![(id, mark)])?;
                made += 1;
            }
        }
        made += self.roll_days(sealed.div_euclid(1_000_000))?;
        Ok(made)
    }

    /// Removes roll-ups of what ended before `start` (s).
    pub fn remove_before(&mut self, start: i64) {
        self.hours.remove_before(start);
        self.days.remove_before(start);
    }

    /// Rolls up days that ended by `sealed` (s) of their hours, and puts the hours of a day into one file.
    fn roll_days(&mut self, sealed: i64) -> Result<usize> {
        let mut days: BTreeMap<i64, (u64, Vec<(BucketId, u64)>)> = BTreeMap::new();
        for (id, (_, mark)) in &*self.hours.current() {
            let day = id.start.div_euclid(A_DAY);
            if (day + 1) * A_DAY <= sealed {
                let (sum, hours) = days.entry(day).or_insert((1, Vec::new()));
                *sum = sum.rotate_left(9) ^ mark.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                hours.push((*id, *mark));
            }
        }
        let (known, mut made) = (self.days.current(), 0);
        for (day, (mark, hours)) in days {
            let id = BucketId { span: A_DAY as u32, start: day * A_DAY };
            if known.get(&id).is_none_or(|(_, known)| *known != mark) {
                let mut whole = Part::new();
                for part in read(&self.hours, &hours).into_values() {
                    add(&mut whole, part);
                }
                let part = BTreeMap::from([(id.start, pool(whole, MOST))]);
                self.days.commit(rollup_schema(), &[to_batch(&part)?], vec![(id, mark)])?;
                made += 1;
            }
        }
        for hours in self.hours.scattered(sealed.div_euclid(A_DAY)) {
            let parts = read(&self.hours, &hours);
            self.hours.commit(rollup_schema(), &[to_batch(&parts)?], hours)?;
        }
        self.hours.remove_replaced();
        self.days.remove_replaced();
        Ok(made)
    }

    async fn count(&self, hour: i64) -> Result<Part> {
        let (from, to) = (hour * HOUR, (hour + 1) * HOUR);
        let time = |value| ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()));
        let values = vec![time(from), time(to), ScalarValue::Int64(Some(MOST as i64))];
        loop {
            let files = self.store.files(from, to)?;
            let mut part = Part::new();
            if files.is_empty() {
                return Ok(part);
            }
            match run(HOUR_SQL, files.clone(), values.clone()).await {
                Ok(batches) => {
                    for batch in &batches {
                        add(&mut part, of_query(batch)?);
                    }
                    return Ok(part);
                }
                Err(error) if self.store.weed(&files) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// The parts of these buckets by their starts (s), each from the file that speaks for it. What is unreadable is absent.
pub(crate) fn read(segments: &Segments, wanted: &[(BucketId, u64)]) -> BTreeMap<i64, Part> {
    let current = segments.current();
    let mut files: BTreeMap<PathBuf, BTreeSet<i64>> = BTreeMap::new();
    for (id, _) in wanted {
        if let Some((segment, _)) = current.get(id) {
            files.entry(segment.path.clone()).or_default().insert(id.start);
        }
    }
    let mut parts = BTreeMap::new();
    for (path, starts) in files {
        let ranges: Vec<_> = starts.iter().map(|start| *start..=*start).collect();
        let mut found = BTreeMap::new();
        let all = scan(&path, "bucket", &ranges, &mut |batch| {
            from_batch(batch, &mut found);
            Ok(())
        });
        if all.is_ok() {
            parts.extend(found.into_iter().filter(|(start, _)| starts.contains(start)));
        }
    }
    parts
}
