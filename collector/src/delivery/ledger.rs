//! The ledger: what of the store has been handed over to one sink.
//!
//! Owns its files. Results are known by the segment that they lie in and, within a bucket, by id and content, so that only
//! what is new or has changed is handed over again, and what is no more is known by its id. Sessions are known by file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{read_json, write_whole};

/// Rows of a session file that stand for all of them.
pub const ALL: u64 = u64::MAX;

/// What has been handed over.
#[derive(Debug)]
pub struct Ledger {
    dir: PathBuf,
    kept: Kept,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Kept {
    /// When the sink was first used, ms since the epoch.
    begun: i64,
    /// Segments of which everything was handed over.
    segments: HashSet<String>,
    /// Rows handed over, by the hash of the file's name.
    files: HashMap<u64, u64>,
}

/// Documents of one bucket: content by id.
pub type Contents = BTreeMap<String, u64>;

/// What was handed over of one day's results: documents by bucket.
#[derive(Debug)]
pub struct Day {
    path: PathBuf,
    buckets: BTreeMap<String, Contents>,
    changed: bool,
}

/// 64 bits of a text's SHA-256.
pub fn hash(text: &str) -> u64 {
    let hash = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
    hash[..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

impl Ledger {
    /// The ledger in this directory, begun at `now` (ms) where there is none.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn open(dir: &Path, now: i64) -> io::Result<Self> {
        std::fs::create_dir_all(dir.join("results"))?;
        let known = read_json(&dir.join("ledger.json"))?;
        let fresh = known.is_none();
        let kept = known.unwrap_or(Kept { begun: now, ..Kept::default() });
        let ledger = Self { dir: dir.to_owned(), kept };
        if fresh {
            ledger.save()?;
        }
        Ok(ledger)
    }

    fn save(&self) -> io::Result<()> {
        write_whole(&self.dir.join("ledger.json"), &serde_json::to_vec(&self.kept)?)
    }

    /// When the sink was first used, ms since the epoch.
    pub fn begun(&self) -> i64 {
        self.kept.begun
    }

    /// Segments of which everything was handed over.
    pub fn segments(&self) -> &HashSet<String> {
        &self.kept.segments
    }

    /// Everything in these segments was handed over; others are gone.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_segments(&mut self, segments: HashSet<String>) -> io::Result<()> {
        self.kept.segments = segments;
        self.save()
    }

    /// Rows of this session file that were handed over.
    pub fn rows(&self, name: &str) -> u64 {
        self.kept.files.get(&hash(name)).copied().unwrap_or(0)
    }

    /// Notes rows of a session file.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_rows(&mut self, name: &str, rows: u64) -> io::Result<()> {
        self.kept.files.insert(hash(name), rows);
        self.save()
    }

    /// Forgets session files that are no more.
    pub fn retain_files<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let there: HashSet<u64> = names.map(hash).collect();
        self.kept.files.retain(|name, _| there.contains(name));
    }

    /// Forgets days before this one (since the epoch), of which there are no results any more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn forget_days(&self, before: i64) -> io::Result<()> {
        let oldest = file_name(before);
        for entry in std::fs::read_dir(self.dir.join("results"))? {
            let entry = entry?;
            if before > 0 && entry.file_name().to_str().is_some_and(|name| name < oldest.as_str()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// What was handed over of the results of this day (since the epoch).
    ///
    /// # Errors
    /// It cannot be read.
    pub fn day(&self, day: i64) -> io::Result<Day> {
        let path = self.dir.join("results").join(file_name(day));
        let buckets = read_json(&path)?.unwrap_or_default();
        Ok(Day { path, buckets, changed: false })
    }
}

/// The file of a day; names sort as days do.
fn file_name(day: i64) -> String {
    let date = chrono::DateTime::from_timestamp(day.saturating_mul(86_400), 0).unwrap_or_default();
    format!("{}.json", date.format("%Y-%m-%d"))
}

impl Day {
    /// Notes what a bucket holds now. Returns the ids that are new or changed, and those that are gone.
    pub fn replace(&mut self, bucket: &str, now: Contents) -> (HashSet<String>, Vec<String>) {
        let before = self.buckets.get(bucket);
        let known = |id: &String, content: &u64| before.is_some_and(|before| before.get(id) == Some(content));
        let new: HashSet<String> =
            now.iter().filter(|(id, content)| !known(id, content)).map(|(id, _)| id.clone()).collect();
        let gone: Vec<String> =
            before.into_iter().flat_map(BTreeMap::keys).filter(|id| !now.contains_key(*id)).cloned().collect();
        if !new.is_empty() || !gone.is_empty() {
            self.changed = true;
            self.buckets.insert(bucket.to_owned(), now);
        }
        (new, gone)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(self) -> io::Result<()> {
        if self.changed { write_whole(&self.path, &serde_json::to_vec(&self.buckets)?) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_handed_over_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(dir.path(), 7).unwrap();
        let contents = |pairs: &[(&str, u64)]| pairs.iter().map(|(id, content)| ((*id).to_owned(), *content)).collect();
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
        let mut day = ledger.day(20_000).unwrap();
        assert_eq!(day.replace("b", contents(&[("x", 1), ("y", 2)])), (ids(&["x", "y"]), vec![]));
        day.save().unwrap();
        let mut day = ledger.day(20_000).unwrap();
        assert_eq!(day.replace("b", contents(&[("x", 1), ("y", 2)])), (ids(&[]), vec![]));
        assert_eq!(day.replace("b", contents(&[("y", 3), ("z", 4)])), (ids(&["y", "z"]), vec!["x".to_owned()]));
        assert_eq!(day.replace("c", contents(&[("x", 1)])), (ids(&["x"]), vec![]));

        let mut older = ledger.day(19_999).unwrap();
        older.replace("b", contents(&[("x", 1)]));
        older.save().unwrap();
        ledger.forget_days(20_000).unwrap();
        assert_eq!(ledger.day(19_999).unwrap().replace("b", contents(&[])).1.len(), 0);
        assert_eq!(ledger.day(20_000).unwrap().replace("b", contents(&[])).1.len(), 2);

        ledger.set_rows("file", 9).unwrap();
        ledger.set_segments(ids(&["s"])).unwrap();
        let mut ledger = Ledger::open(dir.path(), 99).unwrap();
        assert_eq!((ledger.begun(), ledger.rows("file"), ledger.rows("other")), (7, 9, 0));
        assert_eq!(ledger.segments(), &ids(&["s"]));
        ledger.retain_files(["other"].into_iter());
        assert_eq!(ledger.rows("file"), 0);
    }
}
