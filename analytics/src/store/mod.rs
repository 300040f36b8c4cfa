//! The session store: the truth that everything else is computed from.
//!
//! Owns the path layout, the write-once guarantee and the catalogue of files; must not know counts, models or HTTP.

mod chunk;
mod compact;
mod few;
pub(crate) mod files;
pub(crate) mod filter;
pub(crate) mod footer;
mod horizon;
mod ids;
pub(crate) mod layout;
mod order;
pub(crate) mod page;
pub(crate) mod scan;
pub(crate) mod seal;
pub(crate) mod segments;
mod stored;
mod upkeep;
mod writer;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracker::Micros;

use crate::error::{Result, StoreError};
use crate::query::overview::Counted;
use files::Catalogue;
use footer::SessionFile;
use layout::{SESSIONS, TEMPORARY};

pub use files::SkippedFile;
pub use filter::SessionFilter;
pub(crate) use horizon::Horizon;
pub use page::Page;
pub use stored::StoredFile;
pub use upkeep::{Retention, Upkeep};
pub use writer::{SessionWriter, WriterSettings, WriterStats};

/// A store of sessions, counts, results and models under one root folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    catalogue: Mutex<Catalogue>,
    counted: Mutex<Counted>,
}

/// What a store left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreReport {
    /// Files that could not be read, with the reason.
    pub skipped: Vec<SkippedFile>,
}

impl SessionStore {
    /// Opens the store at `root`, creating it where it does not exist.
    ///
    /// # Errors
    /// The folder cannot be created or written; the error names the path.
    pub fn open(root: &Path) -> Result<Self> {
        for folder in [SESSIONS, TEMPORARY] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        }
        let probe = root.join(TEMPORARY).join(format!(".writable-{}", std::process::id()));
        fs::write(&probe, b"").map_err(StoreError::io("write", &probe))?;
        fs::remove_file(&probe).map_err(StoreError::io("remove", &probe))?;
        Self::at(root)
    }

    /// Opens a store that must exist, for reading (its counts and results are written when it is detected on).
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open_existing(root: &Path) -> Result<Self> {
        if root.join(SESSIONS).is_dir() { Self::at(root) } else { Err(StoreError::Missing(root.to_owned())) }
    }

    fn at(root: &Path) -> Result<Self> {
        let root = root.canonicalize().map_err(StoreError::io("open", root))?;
        Ok(Self(Arc::new(Inner { root, catalogue: Mutex::default(), counted: Mutex::default() })))
    }

    /// The root folder, absolute.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// A writer whose files bear the collector's id. One collector has one writer at a time: what a crash of an
    /// earlier one left unfinished is removed here.
    pub fn writer(&self, collector_id: &str, settings: WriterSettings) -> SessionWriter {
        let prefix = layout::file_prefix(collector_id);
        let leftovers = seal::remove_leftovers(self.root(), &prefix);
        if leftovers > 0 {
            tracing::info!(files = leftovers, collector = prefix, "unfinished session files removed");
        }
        SessionWriter::new(self.clone(), prefix, settings)
    }

    /// Files skipped so far because they could not be read.
    pub fn report(&self) -> StoreReport {
        StoreReport { skipped: self.catalogue().skipped() }
    }

    /// The whole files that hold sessions with `from <= end < to`.
    pub(crate) fn files(&self, from: Micros, to: Micros) -> Result<Vec<Arc<SessionFile>>> {
        self.catalogue().files(self.root(), from, to)
    }

    /// The hours (since the epoch) of which there is a folder, ascending.
    pub(crate) fn hours(&self, from: Micros, to: Micros) -> Result<Vec<i64>> {
        Catalogue::hours(self.root(), layout::hour_of(from), layout::hour_of(to))
    }

    /// The whole files of one hour.
    pub(crate) fn hour(&self, hour: i64) -> Result<Vec<Arc<SessionFile>>> {
        self.catalogue().hour(self.root(), hour).map(<[_]>::to_vec)
    }

    /// After a read failed: reads each of these files by itself, leaves out and reports the corrupt ones.
    ///
    /// Returns how many were left out.
    pub(crate) fn weed(&self, files: &[Arc<SessionFile>]) -> usize {
        let broken = files.iter().filter_map(|file| page::read_through(&file.path).err().map(|reason| (file, reason)));
        let mut count = 0;
        for (file, reason) in broken {
            if file.path.exists() {
                self.catalogue().skip(&file.path, file.size, reason);
            }
            count += 1;
        }
        count
    }

    /// What was counted of whole files.
    pub(crate) fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn catalogue(&self) -> MutexGuard<'_, Catalogue> {
        self.0.catalogue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
