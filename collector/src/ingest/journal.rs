//! The journal: flow records whose sessions may still be waiting, kept on disk so that a crash does not lose them.
//!
//! Owns its files and their age; must not know how records become sessions. A session waits for its other half longer
//! than it may take to be written, so the records of the last minutes are kept until then, in short segments.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracker::Micros;

use crate::netflow::FlowRecord;

/// Length of a segment.
const SEGMENT: Micros = 30_000_000;
/// What is buffered is written at the latest after this time.
const WRITE: Micros = 500_000;
const EXTENSION: &str = "journal";

/// Where the journal is, and how much it keeps.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// Its directory, which holds nothing else.
    pub dir: PathBuf,
    /// How long records are kept: the longest that a session waits, and the time until it is written.
    pub keep: Duration,
    /// Bytes that it may take. Beyond them the oldest records are given up.
    pub max_bytes: u64,
}

/// Records that arrived together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// When.
    pub arrived: Micros,
    /// The records.
    pub flows: Vec<FlowRecord>,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    begun: Micros,
    bytes: u64,
}

/// Keeps the records of the last minutes on disk.
#[derive(Debug)]
pub struct Journal {
    settings: JournalSettings,
    keep: Micros,
    /// The oldest first; the last is being written.
    segments: Vec<Segment>,
    file: Option<File>,
    buffer: Vec<u8>,
    written: Micros,
}

impl Journal {
    /// Opens the journal at `now`, and reads what an earlier process left: blocks in the order of their arrival, up to
    /// the first that is not whole in each segment.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(settings: JournalSettings, now: Micros) -> io::Result<(Self, Vec<Block>)> {
        fs::create_dir_all(&settings.dir)?;
        let keep = Micros::try_from(settings.keep.as_micros()).unwrap_or(Micros::MAX / 4);
        let mut segments = Vec::new();
        for entry in fs::read_dir(&settings.dir)? {
            let path = entry?.path();
            if let Some(begun) = begun(&path) {
                let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                segments.push(Segment { path, begun, bytes });
            }
        }
        segments.sort_by_key(|segment| segment.begun);
        let mut journal = Self { settings, keep, segments, file: None, buffer: Vec::new(), written: now };
        journal.remove_old(now)?;
        let mut blocks = Vec::new();
        for segment in &journal.segments {
            read(&fs::read(&segment.path)?, &mut blocks);
        }
        Ok((journal, blocks))
    }

    /// When the oldest record that is kept may have arrived; `None` for an empty journal.
    pub fn oldest(&self) -> Option<Micros> {
        // A segment is begun when its first records are written, a little after they arrived.
        self.segments.first().map(|segment| segment.begun - 2 * WRITE)
    }

    /// Takes records that arrived at `arrived`.
    ///
    /// # Errors
    /// They cannot be encoded.
    pub fn append(&mut self, arrived: Micros, flows: &[FlowRecord]) -> io::Result<()> {
        // The form of a `Block`, without a copy of its records.
        let encoded = postcard::to_stdvec(&(arrived, flows)).map_err(io::Error::other)?;
        let length = u32::try_from(encoded.len()).map_err(io::Error::other)?;
        self.buffer.extend(length.to_be_bytes());
        self.buffer.extend(encoded);
        Ok(())
    }

    /// Writes what has waited long enough, begins a new segment when it is time, and removes what is old.
    ///
    /// # Errors
    /// The disk refuses. What was buffered is given up, so that memory stays bounded.
    pub fn tick(&mut self, now: Micros) -> io::Result<()> {
        if self.buffer.is_empty() || now - self.written < WRITE {
            return Ok(());
        }
        self.written = now;
        let buffer = std::mem::take(&mut self.buffer);
        if self.file.is_none() || self.segments.last().is_none_or(|segment| now - segment.begun >= SEGMENT) {
            let path = self.settings.dir.join(format!("{now:020}.{EXTENSION}"));
            self.file = Some(File::create(&path)?);
            self.segments.push(Segment { path, begun: now, bytes: 0 });
            self.remove_old(now)?;
        }
        if let (Some(file), Some(segment)) = (&mut self.file, self.segments.last_mut()) {
            file.write_all(&buffer)?;
            segment.bytes += buffer.len() as u64;
        }
        Ok(())
    }

    /// Removes everything: every session has been written.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn clear(mut self) -> io::Result<()> {
        self.file = None;
        self.segments.iter().try_for_each(|segment| fs::remove_file(&segment.path))
    }

    fn remove_old(&mut self, now: Micros) -> io::Result<()> {
        let mut bytes: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        while let [oldest, next, ..] = &self.segments[..] {
            // A segment holds records up to the beginning of the next.
            let expired = now - next.begun > self.keep;
            if !expired && bytes <= self.settings.max_bytes {
                break;
            }
            if !expired {
                tracing::warn!(
                    max_bytes = self.settings.max_bytes,
                    "the journal is full, its oldest records are given up"
                );
            }
            bytes -= oldest.bytes;
            fs::remove_file(&oldest.path)?;
            self.segments.remove(0);
        }
        Ok(())
    }
}

/// When the segment of this name was begun.
fn begun(path: &Path) -> Option<Micros> {
    let journal = path.extension().is_some_and(|extension| extension == EXTENSION);
    journal.then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
}

/// Adds the blocks of a segment, up to the first that is not whole.
fn read(mut bytes: &[u8], blocks: &mut Vec<Block>) {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(block) = rest.get(..length).and_then(|encoded| postcard::from_bytes(encoded).ok()) else { return };
        blocks.push(block);
        bytes = &rest[length..];
    }
}

#[cfg(test)]
mod tests;
