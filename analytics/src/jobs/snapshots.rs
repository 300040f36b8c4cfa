//! What a job has learnt, as snapshots: written whole, checked when read.

use std::fs;
use std::path::PathBuf;

use jobs::JobId;

use super::shelf::JobShelf;
use super::state::State;
use super::whole::write_whole;
use crate::error::Result;
use crate::model::persist::Persist;

/// First bytes; changes with the models, so that older snapshots are made anew.
const MAGIC: &[u8; 16] = b"halfopen job v04";
/// Newest snapshots kept, and days of which one each is kept beside those.
const NEWEST: usize = 3;
const DAYS: usize = 14;

/// The snapshots of one job.
#[derive(Debug)]
pub(crate) struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    pub fn of(shelf: &JobShelf, id: &JobId) -> Self {
        Self { folder: shelf.folder(id).join("models") }
    }

    /// Ends (s) that there are snapshots for, ascending.
    pub fn known(&self) -> Vec<i64> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let end = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".bin")?.parse().ok();
        let mut known: Vec<i64> = entries.filter_map(std::result::Result::ok).filter_map(end).collect();
        known.sort_unstable();
        known
    }

    fn path(&self, end: i64) -> PathBuf {
        self.folder.join(format!("{end}.bin"))
    }

    pub fn save(&self, state: &State) -> Result<()> {
        let Some(next) = state.next else { return Ok(()) };
        let mut bytes = MAGIC.to_vec();
        state.put(&mut bytes);
        checksum(&bytes).put(&mut bytes);
        write_whole(&self.path(next), &bytes)?;
        self.thin();
        Ok(())
    }

    /// The state at exactly this end.
    pub fn load(&self, end: i64) -> Option<State> {
        let bytes = fs::read(self.path(end)).ok()?;
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return None;
        }
        State::take(&mut body.strip_prefix(MAGIC)?).filter(|state| state.next == Some(end))
    }

    /// The newest state in `floor..=limit`.
    pub fn newest(&self, floor: i64, limit: i64) -> Option<State> {
        self.known().into_iter().rev().filter(|end| (floor..=limit).contains(end)).find_map(|end| self.load(end))
    }

    /// Removes those beyond a moment.
    pub fn drop_after(&self, end: i64) {
        for known in self.known().into_iter().filter(|known| *known > end) {
            let _ = fs::remove_file(self.path(known));
        }
    }

    fn thin(&self) {
        let mut days = Vec::new();
        for (age, end) in self.known().into_iter().rev().enumerate() {
            let day = end.div_euclid(86_400);
            if days.last() != Some(&day) && days.len() < DAYS {
                days.push(day);
            } else if age >= NEWEST {
                let _ = fs::remove_file(self.path(end));
            }
        }
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
