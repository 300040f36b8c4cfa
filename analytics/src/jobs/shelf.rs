//! Imported jobs as files under the store: definitions, settings, states and orders.
//!
//! `jobs/<id>/definition.json`, `settings.json`, `state.json`, `order.json`, beside `results/` and `models/`. Every file is
//! written whole or not at all. Must not know how jobs run.

use std::fs;
use std::path::PathBuf;

use jobs::definition::parse;
use jobs::{JobDefinition, JobId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::whole::{read_setting, write_setting, write_whole};
use crate::error::{Result, StoreError};
use crate::store::SessionStore;
use crate::store::layout::TEMPORARY;

/// Folder of the imported jobs.
const JOBS: &str = "jobs";
/// Jobs that may be imported.
const MOST: usize = 2_000;

/// What the user decided of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSwitches {
    /// It runs.
    pub enabled: bool,
    /// When it was imported, µs since the epoch.
    pub imported: i64,
}

/// What is to be done to a job by whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// Drop models and results and run again over the whole history.
    Reset,
    /// Drop what was learnt and learn from now on; results stay.
    Forget,
    /// Go back to what was known at a snapshot.
    Revert {
        /// The snapshot: end of its last bucket, s since the epoch.
        snapshot: i64,
        /// Also drop the results since, and run over them again.
        #[serde(default)]
        delete_results: bool,
    },
}

/// One stretch of a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// When it ran, µs since the epoch.
    pub at: i64,
    /// Buckets scored.
    pub buckets: u64,
    /// Of these, scored anew because late data changed them or one before them.
    pub revised: u64,
    /// Records found.
    pub records: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// How a job is doing, as whoever runs it last wrote down.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobLife {
    /// Start of the last scored bucket, ms.
    pub last_bucket: Option<i64>,
    /// How far its end lies behind what is sealed, seconds.
    pub lag_seconds: i64,
    /// Buckets scored and to be scored while it catches up.
    pub progress: Option<(u64, u64)>,
    /// Series that are modelled.
    pub series: u64,
    /// Series that were refused for want of memory.
    pub refused: u64,
    /// Memory of the models, bytes (estimate).
    pub memory_bytes: u64,
    /// Why the last run failed.
    pub error: Option<String>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Buckets before this (s) are not scored again: what was learnt of them was dropped by order.
    pub floor: Option<i64>,
    /// The newest runs that scored something or failed, newest first.
    pub runs: Vec<RunEntry>,
}

/// An imported job.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// What it asks.
    pub definition: JobDefinition,
    /// What the user decided.
    pub switches: JobSwitches,
    /// How it is doing.
    pub life: JobLife,
}

/// The imported jobs of a store.
#[derive(Debug, Clone)]
pub struct JobShelf {
    store: SessionStore,
}

impl JobShelf {
    /// The jobs of this store.
    pub fn open(store: &SessionStore) -> Self {
        Self { store: store.clone() }
    }

    /// The store.
    pub fn store(&self) -> &SessionStore {
        &self.store
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.store.root().join(JOBS)
    }

    /// Folder of one job.
    pub(crate) fn folder(&self, id: &JobId) -> PathBuf {
        self.root().join(id.as_str())
    }

    /// Every imported job by id. What cannot be read is reported and left out.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn list(&self) -> Result<Vec<StoredJob>> {
        let mut jobs = Vec::new();
        for id in self.ids()? {
            match self.get(&id) {
                Ok(Some(job)) => jobs.push(job),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, job = %id, "job left out"),
            }
        }
        Ok(jobs)
    }

    /// Ids of the imported jobs, in their order.
    pub(crate) fn ids(&self) -> Result<Vec<JobId>> {
        let entries = match fs::read_dir(self.root()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("list", &self.root())(error)),
        };
        let id = |entry: fs::DirEntry| JobId::new(entry.file_name().to_str()?).ok();
        let mut ids: Vec<JobId> = entries.filter_map(std::result::Result::ok).filter_map(id).collect();
        ids.retain(|id| self.folder(id).join("definition.json").is_file());
        ids.sort();
        Ok(ids)
    }

    /// One imported job.
    ///
    /// # Errors
    /// Its files cannot be read or are not of this form.
    pub fn get(&self, id: &JobId) -> Result<Option<StoredJob>> {
        let path = self.folder(id).join("definition.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let form = |reason: String| StoreError::Form { what: "a job", path: path.clone(), reason };
        let mut definitions = parse(&text).map_err(|error| form(error.to_string()))?;
        let definition = definitions.pop().ok_or_else(|| form("it is empty".to_owned()))?;
        let switches = self.read(id, "settings.json")?.unwrap_or(JobSwitches { enabled: true, imported: 0 });
        let life = self.read(id, "state.json")?.unwrap_or_default();
        Ok(Some(StoredJob { definition, switches, life }))
    }

    /// Keeps a job, replacing the one of its id. Whether the definition is new or another than before.
    ///
    /// # Errors
    /// There are too many, or files cannot be written.
    pub fn put(&self, definition: &JobDefinition, now: i64) -> Result<bool> {
        let known = self.get(&definition.id).ok().flatten();
        if known.is_none() && self.ids()?.len() >= MOST {
            return Err(StoreError::Setting { name: "jobs", reason: format!("there are {MOST} already") });
        }
        if known.as_ref().is_some_and(|known| known.definition == *definition) {
            return Ok(false);
        }
        let switches = known.as_ref().map_or(JobSwitches { enabled: true, imported: now }, |job| job.switches.clone());
        self.write(&definition.id, "settings.json", &switches)?;
        let results = self.folder(&definition.id).join(TEMPORARY);
        fs::create_dir_all(&results).map_err(StoreError::io("create", &results))?;
        write_whole(&self.folder(&definition.id).join("definition.json"), definition.file().as_bytes())?;
        if known.is_some() {
            // What another definition found says nothing of this one.
            self.order(&definition.id, &Order::Reset)?;
        }
        Ok(true)
    }

    /// Removes a job with its results and models. Whether there was one.
    ///
    /// # Errors
    /// Files cannot be removed.
    pub fn remove(&self, id: &JobId) -> Result<bool> {
        let folder = self.folder(id);
        if !folder.join("definition.json").is_file() {
            return Ok(false);
        }
        // Without its definition it is no job any more, whatever is left.
        let definition = folder.join("definition.json");
        fs::remove_file(&definition).map_err(StoreError::io("remove", &definition))?;
        fs::remove_dir_all(&folder).map_err(StoreError::io("remove", &folder))?;
        Ok(true)
    }

    /// Switches a job on or off. Whether there is one.
    ///
    /// # Errors
    /// Files cannot be read or written.
    pub fn enable(&self, id: &JobId, enabled: bool) -> Result<bool> {
        let Some(job) = self.get(id)? else { return Ok(false) };
        self.write(id, "settings.json", &JobSwitches { enabled, ..job.switches })?;
        Ok(true)
    }

    /// Leaves an order for whoever runs the job next. Whether there is one.
    ///
    /// # Errors
    /// Files cannot be written.
    pub fn order(&self, id: &JobId, order: &Order) -> Result<bool> {
        if !self.folder(id).join("definition.json").is_file() {
            return Ok(false);
        }
        self.write(id, "order.json", order)?;
        Ok(true)
    }

    /// The order left for a job.
    pub(crate) fn ordered(&self, id: &JobId) -> Option<Order> {
        self.read(id, "order.json").ok().flatten()
    }

    /// The order has been carried out.
    pub(crate) fn done(&self, id: &JobId) {
        let _ = fs::remove_file(self.folder(id).join("order.json"));
    }

    /// Writes down how a job is doing.
    pub(crate) fn note(&self, id: &JobId, life: &JobLife) -> Result<()> {
        if self.folder(id).join("definition.json").is_file() { self.write(id, "state.json", life) } else { Ok(()) }
    }

    fn write(&self, id: &JobId, name: &str, value: &impl Serialize) -> Result<()> {
        write_setting(&self.folder(id).join(name), value)
    }

    fn read<T: DeserializeOwned>(&self, id: &JobId, name: &str) -> Result<Option<T>> {
        read_setting(&self.folder(id).join(name))
    }
}
