//! The catalogue of session files: which whole files hold a time range, and which were skipped as unreadable.
//!
//! Folders are listed again only when they changed; a footer is read once. Must not know SQL.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tracker::Micros;

use crate::error::{Result, StoreError};
use crate::store::footer::{SessionFile, read_footer};
use crate::store::layout::{HOUR, SESSIONS, hour_folder, parse_date_folder, parse_hour_folder};

/// File systems stamp folders coarsely: a listing is trusted once it was made this long after the stamp was first seen.
const SETTLING: Duration = Duration::from_secs(2);

/// A file that could not be read and was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// One hour's folder as last listed.
#[derive(Debug)]
struct Hour {
    stamp: SystemTime,
    stamp_seen: Instant,
    listed: Instant,
    files: Vec<Arc<SessionFile>>,
}

/// Known files and skipped ones.
#[derive(Debug, Default)]
pub struct Catalogue {
    hours: HashMap<i64, Hour>,
    skipped: BTreeMap<PathBuf, (u64, String)>,
}

impl Catalogue {
    /// The hours (since the epoch) of which a folder exists, ascending, within `from..=to`.
    pub fn hours(root: &Path, from: i64, to: i64) -> Result<Vec<i64>> {
        let sessions = root.join(SESSIONS);
        let mut hours = Vec::new();
        for (day, folder) in numbered(&sessions, parse_date_folder)? {
            if day >= from.div_euclid(24) && day <= to.div_euclid(24) {
                hours.extend(numbered(&folder, parse_hour_folder)?.into_iter().map(|(hour, _)| day * 24 + hour));
            }
        }
        hours.retain(|hour| (from..=to).contains(hour));
        hours.sort_unstable();
        Ok(hours)
    }

    /// The whole files of an hour, by name.
    pub fn hour(&mut self, root: &Path, hour: i64) -> Result<&[Arc<SessionFile>]> {
        let folder = hour_folder(root, hour);
        let stamp = fs::metadata(&folder).and_then(|folder| folder.modified());
        let now = Instant::now();
        let stamp = match stamp {
            Ok(stamp) => stamp,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.hours.remove(&hour);
                return Ok(&[]);
            }
            Err(error) => return Err(StoreError::io("list", &folder)(error)),
        };
        let known = self.hours.remove(&hour);
        let stamp_seen = known.as_ref().filter(|known| known.stamp == stamp).map_or(now, |known| known.stamp_seen);
        let entry = match known {
            Some(known) if known.stamp == stamp && known.listed.duration_since(stamp_seen) >= SETTLING => known,
            known => {
                let before = known.map(|known| known.files).unwrap_or_default();
                Hour { stamp, stamp_seen, listed: now, files: self.list(&folder, hour, before)? }
            }
        };
        Ok(&self.hours.entry(hour).or_insert(entry).files)
    }

    fn list(&mut self, folder: &Path, hour: i64, before: Vec<Arc<SessionFile>>) -> Result<Vec<Arc<SessionFile>>> {
        let known: HashMap<PathBuf, Arc<SessionFile>> =
            before.into_iter().map(|file| (file.path.clone(), file)).collect();
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(StoreError::io("list", folder))? {
            let path = entry.map_err(StoreError::io("list", folder))?.path();
            if path.extension().is_none_or(|ending| ending != "parquet") {
                continue;
            }
            if let Some(file) = known.get(&path) {
                files.push(Arc::clone(file));
            } else if let Some(file) = self.open(&path, hour) {
                files.push(Arc::new(file));
            }
        }
        let replaced = replaced_names(&files);
        files.retain(|file| !replaced.contains(&file.name));
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// The file, unless it is corrupt (or was, at this size).
    fn open(&mut self, path: &Path, hour: i64) -> Option<SessionFile> {
        let size = fs::metadata(path).map_or(0, |file| file.len());
        if self.skipped.get(path).is_some_and(|(known, _)| *known == size) {
            return None;
        }
        let in_its_hour = |file: &SessionFile| file.first >= hour * HOUR && file.last < (hour + 1) * HOUR;
        match read_footer(path) {
            Ok(file) if in_its_hour(&file) => {
                self.skipped.remove(path);
                Some(file)
            }
            Ok(_) => {
                self.skip(path, size, "its sessions end outside the folder's hour".to_owned());
                None
            }
            // Vanished between listing and opening: merged away meanwhile.
            Err(_) if !path.exists() => None,
            Err(reason) => {
                self.skip(path, size, reason);
                None
            }
        }
    }

    /// Leaves a file out from now on.
    pub fn skip(&mut self, path: &Path, size: u64, reason: String) {
        tracing::warn!(path = %path.display(), reason, "session file skipped");
        self.skipped.insert(path.to_owned(), (size, reason));
        for hour in self.hours.values_mut() {
            hour.files.retain(|file| file.path != path);
        }
    }

    /// Files left out so far.
    pub fn skipped(&self) -> Vec<SkippedFile> {
        self.skipped
            .iter()
            .map(|(path, (_, reason))| SkippedFile { path: path.clone(), reason: reason.clone() })
            .collect()
    }

    /// The whole files that hold sessions with `from <= end < to`, by hour and name.
    pub fn files(&mut self, root: &Path, from: Micros, to: Micros) -> Result<Vec<Arc<SessionFile>>> {
        let mut found = Vec::new();
        if from >= to {
            return Ok(found);
        }
        for hour in Self::hours(root, from.div_euclid(HOUR), (to - 1).div_euclid(HOUR))? {
            let files = self.hour(root, hour)?;
            found.extend(files.iter().filter(|file| file.last >= from && file.first < to).cloned());
        }
        Ok(found)
    }
}

/// Names of the files whose rows one of these merged files took over.
pub fn replaced_names(files: &[Arc<SessionFile>]) -> HashSet<String> {
    let taken = |file: &Arc<SessionFile>| {
        file.originals.iter().map(|o| o.name.clone()).filter(|name| *name != file.name).collect::<Vec<_>>()
    };
    files.iter().flat_map(taken).collect()
}

/// Sub-folders whose name stands for a number.
fn numbered(folder: &Path, parse: fn(&str) -> Option<i64>) -> Result<Vec<(i64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(StoreError::io("list", folder))?.path();
        if let Some(number) = path.file_name().and_then(|name| name.to_str()).and_then(parse) {
            found.push((number, path));
        }
    }
    Ok(found)
}
