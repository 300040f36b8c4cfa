//! Watches the results for the alert rules, and hands their messages to the sinks that they name.
//!
//! Owns how far the results have been judged, kept over a restart. A crash between a message and that note repeats the
//! message under the same id.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use analytics::ResultStore;
use anyhow::Context as _;
use jobs::Prefix;
use serde::{Deserialize, Serialize};

use super::alert::{Notice, Rules, State};
use super::item::{Item, Kind};
use super::silence::Silences;
use super::worker::Queue;
use super::{read_json, write_whole};
use crate::config::Config;

/// What is going on, for whoever asks.
pub type Going = Arc<Mutex<State>>;

/// The watch over the results.
pub struct Watch {
    rules: Rules,
    silences: Silences,
    path: PathBuf,
    /// Segments that were judged.
    segments: HashSet<String>,
    state: Going,
    queues: Vec<(String, Queue)>,
}

#[derive(Debug, Default, Deserialize)]
struct Read {
    segments: HashSet<String>,
    state: State,
}

#[derive(Debug, Serialize)]
struct Written<'a> {
    segments: &'a HashSet<String>,
    state: &'a State,
}

impl Watch {
    /// Goes on where the last process ended.
    ///
    /// # Errors
    /// What it left cannot be read.
    pub fn open(config: &Config, store: &Path, prefix: &Prefix, queues: Vec<(String, Queue)>) -> anyhow::Result<Self> {
        let path = super::dir(store).join("alerts.json");
        let Read { segments, mut state } = read_json(&path)?.unwrap_or_default();
        let rules = Rules::new(config, prefix);
        rules.tidy(&mut state);
        let silences = Silences::of_store(store);
        Ok(Self { rules, silences, path, segments, state: Arc::new(Mutex::new(state)), queues })
    }

    /// What is going on.
    pub fn going(&self) -> Going {
        Arc::clone(&self.state)
    }

    /// Judges what is new at `now` (ms).
    ///
    /// # Errors
    /// Results or silences cannot be read, or a spool cannot be written; the next look judges the same again.
    pub fn look(&mut self, results: &ResultStore, now: i64) -> anyhow::Result<()> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let changes = results.changes(&self.segments)?;
        if changes.segments == self.segments {
            return Ok(());
        }
        let silences = self.silences.list(now)?;
        let notices: Vec<Notice> = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let sealed = changes.found.iter().filter(|found| !found.is_interim());
            sealed.flat_map(|found| self.rules.judge(&mut state, found, &silences, now)).collect()
        };
        for notice in notices {
            tracing::info!(id = notice.id, sinks = ?notice.sinks, "alert");
            for (_, queue) in self.queues.iter().filter(|(name, _)| notice.sinks.contains(name)) {
                queue.put_message(item(&notice, now)).context("failed to hand an alert over")?;
            }
        }
        self.segments = changes.segments;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
        let written = serde_json::to_vec(&Written { segments: &self.segments, state: &state })?;
        drop(state);
        write_whole(&self.path, &written).context("failed to keep what is going on")
    }
}

fn item(notice: &Notice, now: i64) -> Item {
    let body = serde_json::Value::Object(notice.body.clone()).to_string();
    Item {
        kind: Kind::Alerts,
        id: notice.id.clone(),
        job: notice.job.clone(),
        time: notice.time,
        queued: now,
        body: Some(body),
    }
}
