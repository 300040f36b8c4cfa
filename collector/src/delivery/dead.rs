//! Dead letters: documents that a sink will never take, kept with its reason so that somebody can look.
//!
//! Bounded: when the file is full it becomes the older one of two.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::item::Item;

/// A file is closed at this size; one older file is kept.
const LARGEST: u64 = 32 * 1024 * 1024;
/// Name of the file in the sink's directory.
pub const FILE: &str = "dead-letters.ndjson";

/// Where the dead letters of one sink lie.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    path: PathBuf,
}

impl DeadLetters {
    /// Those in this directory.
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join(FILE) }
    }

    /// Keeps documents, each with what was said against it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self, letters: &[(&Item, &str)]) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|file| file.len() >= LARGEST) {
            fs::rename(&self.path, self.path.with_extension("old.ndjson"))?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let mut lines = String::new();
        for (item, reason) in letters {
            let body = item.body.as_deref().map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_default());
            let line = json!({"_id": item.id, "kind": item.kind.as_str(), "queued": item.queued, "reason": reason, "document": body});
            lines.push_str(&line.to_string());
            lines.push('\n');
        }
        file.write_all(lines.as_bytes())?;
        file.sync_data()
    }
}
