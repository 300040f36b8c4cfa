//! Derived data in write-once segments: each covers some buckets, and a later generation replaces what it covers.
//!
//! What a segment covers travels in its own footer, so that the one rename commits rows and manifest together: a crash
//! at any moment leaves the old state or the new one. Must not know what the rows mean.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::file::metadata::ParquetMetaDataReader;

use crate::error::{Result, StoreError};
use crate::store::footer::note;
use crate::store::{layout, seal};

/// Footer key of the manifest: one `span:bucket:mark` per covered bucket, separated by spaces.
const COVERS: &str = "halfopen.covers";

/// A bucket: span and start, both in seconds. Starts are multiples of the span since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BucketId {
    /// Length, seconds.
    pub span: u32,
    /// Start, seconds since the epoch.
    pub start: i64,
}

/// One segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// Later ones replace earlier ones.
    pub generation: u64,
    /// The buckets it speaks for, each with a mark of what it was made from.
    pub covers: Vec<(BucketId, u64)>,
    /// How many rows it has.
    pub rows: u64,
}

/// A folder of segments.
#[derive(Debug, Clone)]
pub struct Segments {
    root: PathBuf,
    folder: PathBuf,
    known: BTreeMap<PathBuf, Option<Arc<Segment>>>,
    /// Made of `known` when asked for; emptied whenever that changes.
    current: OnceLock<Arc<Current>>,
    /// Least generation of what is committed.
    least: u64,
}

/// For each covered bucket its newest segment and mark.
pub type Current = BTreeMap<BucketId, (Arc<Segment>, u64)>;

impl Segments {
    /// The segments in `folder` of the store at `root`.
    pub fn new(root: &Path, folder: &str) -> Self {
        Self {
            root: root.to_owned(),
            folder: root.join(folder),
            known: BTreeMap::new(),
            current: OnceLock::new(),
            least: 1,
        }
    }

    /// Whatever is committed from now on has at least this generation, so that names are not used again where all
    /// segments may be removed.
    pub fn count_from(&mut self, least: u64) {
        self.least = self.least.max(least);
    }

    /// Looks for new segments and forgets removed ones. Unreadable ones are reported and left out.
    ///
    /// Returns whether anything changed.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn refresh(&mut self) -> Result<bool> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io("list", &self.folder)(error)),
        };
        let mut found = BTreeMap::new();
        let mut changed = false;
        for entry in entries.into_iter().flatten() {
            let path = entry.map_err(StoreError::io("list", &self.folder))?.path();
            let Some(generation) = generation_of(&path) else { continue };
            let segment = if let Some(known) = self.known.get(&path) {
                known.clone()
            } else {
                changed = true;
                match read_covers(&path) {
                    Ok((covers, rows)) => Some(Arc::new(Segment { path: path.clone(), generation, covers, rows })),
                    Err(reason) => {
                        tracing::warn!(path = %path.display(), reason, "derived file skipped");
                        None
                    }
                }
            };
            found.insert(path, segment);
        }
        changed |= found.len() != self.known.len();
        self.known = found;
        if changed {
            self.current = OnceLock::new();
        }
        Ok(changed)
    }

    /// For each covered bucket its newest segment and mark.
    pub fn current(&self) -> Arc<Current> {
        Arc::clone(self.current.get_or_init(|| Arc::new(self.newest())))
    }

    fn newest(&self) -> Current {
        let mut current = Current::new();
        for segment in self.known.values().flatten() {
            for &(bucket, mark) in &segment.covers {
                match current.get(&bucket) {
                    Some((other, _)) if other.generation >= segment.generation => {}
                    _ => {
                        current.insert(bucket, (Arc::clone(segment), mark));
                    }
                }
            }
        }
        current
    }

    /// Forgets a segment whose rows turned out unreadable; its buckets fall back to older ones or none.
    pub fn forget(&mut self, path: &Path) {
        if let Some(segment) = self.known.get_mut(path) {
            tracing::warn!(path = %path.display(), "derived file is corrupt and left out");
            *segment = None;
            self.current = OnceLock::new();
        }
    }

    /// Commits rows for the covered buckets, replacing whatever spoke for them.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn commit(&mut self, schema: SchemaRef, batches: &[RecordBatch], covers: Vec<(BucketId, u64)>) -> Result<()> {
        let Some(&(first, _)) = covers.first() else { return Ok(()) };
        let generation = self.known.keys().filter_map(|path| generation_of(path)).max().unwrap_or(0) + 1;
        let generation = generation.max(self.least);
        let day = layout::date_folder(first.start.div_euclid(3600));
        // Unique in the store: while it is written, it lies beside the unfinished files of other folders.
        let folder = self.folder.strip_prefix(&self.root).unwrap_or(&self.folder).to_string_lossy().replace('/', "_");
        let name = format!("{folder}-{}-{generation:010}.parquet", day.trim_start_matches("date="));
        let path = self.folder.join(name);
        let manifest: Vec<String> =
            covers.iter().map(|(bucket, mark)| format!("{}:{}:{mark:x}", bucket.span, bucket.start)).collect();
        seal::write_parquet(&self.root, &path, schema, batches, &[(COVERS, manifest.join(" "))])?;
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        self.current = OnceLock::new();
        self.known.insert(path.clone(), Some(Arc::new(Segment { path, generation, covers, rows })));
        Ok(())
    }

    /// Removes segments of which every bucket has a newer one. They no longer speak for anything.
    pub fn remove_replaced(&mut self) {
        let current = self.current();
        let idle = |segment: &Arc<Segment>| {
            segment
                .covers
                .iter()
                .all(|(bucket, _)| current.get(bucket).is_some_and(|(now, _)| now.path != segment.path))
        };
        let gone: Vec<PathBuf> =
            self.known.iter().filter(|(_, s)| s.as_ref().is_some_and(idle)).map(|(path, _)| path.clone()).collect();
        for path in gone {
            if seal::remove(&path).is_ok() {
                self.known.remove(&path);
                self.current = OnceLock::new();
            }
        }
    }

    /// Removes segments of which every bucket starts before `start` (s).
    pub fn remove_before(&mut self, start: i64) {
        let old = |segment: &Arc<Segment>| segment.covers.iter().all(|(bucket, _)| bucket.start < start);
        self.known.retain(|path, segment| !(segment.as_ref().is_some_and(old) && seal::remove(path).is_ok()));
        self.current = OnceLock::new();
    }

    /// Removes segments of which every bucket starts at `start` (s) or later.
    pub fn remove_from(&mut self, start: i64) {
        let new = |segment: &Arc<Segment>| segment.covers.iter().all(|(bucket, _)| bucket.start >= start);
        self.known.retain(|path, segment| !(segment.as_ref().is_some_and(new) && seal::remove(path).is_ok()));
        self.current = OnceLock::new();
    }

    /// Days (since the epoch) before `before` that more than one segment speaks for, with their buckets.
    pub fn scattered(&self, before: i64) -> Vec<Vec<(BucketId, u64)>> {
        let mut days: BTreeMap<i64, (Vec<(BucketId, u64)>, Vec<&Path>)> = BTreeMap::new();
        let current = self.current();
        for (bucket, (segment, mark)) in &*current {
            let day = bucket.start.div_euclid(86_400);
            if day < before {
                let (buckets, paths) = days.entry(day).or_default();
                buckets.push((*bucket, *mark));
                if !paths.contains(&segment.path.as_path()) {
                    paths.push(&segment.path);
                }
            }
        }
        days.into_values().filter(|(_, paths)| paths.len() > 1).map(|(buckets, _)| buckets).collect()
    }
}

/// The generation in a segment's file name, `None` for other files.
fn generation_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
    name.rsplit_once('-')?.1.parse().ok()
}

/// What a segment covers, and its rows.
fn read_covers(path: &Path) -> Result<(Vec<(BucketId, u64)>, u64), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|e| e.to_string())?;
    let manifest = note(&metadata, COVERS).ok_or("it has no manifest")?;
    let parse = |entry: &str| {
        let mut parts = entry.splitn(3, ':');
        let span = parts.next()?.parse().ok()?;
        let start = parts.next()?.parse().ok()?;
        Some((BucketId { span, start }, u64::from_str_radix(parts.next()?, 16).ok()?))
    };
    let covers: Result<_, String> =
        manifest.split(' ').map(|entry| parse(entry).ok_or_else(|| format!("its manifest has {entry:?}"))).collect();
    Ok((covers?, u64::try_from(metadata.file_metadata().num_rows()).map_err(|e| e.to_string())?))
}
