//! Snapshots of the models: written once each, good only for the very counts that they were made from.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use jobs::SeriesKey;

use crate::detect::snapshot;
use crate::detect::world::World;
use crate::error::Result;
use crate::store::SessionStore;
use crate::store::layout::MODELS;
use crate::store::seal;

/// Newest snapshots kept whatever their age.
const NEWEST: usize = 3;
/// Days of which one snapshot each is kept beside those.
const DAYS: usize = 14;
/// Bytes that the days' snapshots may take together.
const DAYS_BYTES: u64 = 1 << 30;

/// The snapshots of one detection setting.
#[derive(Debug)]
pub struct Checkpoints {
    store: SessionStore,
    setting: String,
}

impl Checkpoints {
    /// Snapshots made under `setting`, a short text of everything that changes what models learn.
    pub fn new(store: &SessionStore, setting: &str) -> Self {
        let plain = setting.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        Self { store: store.clone(), setting: plain }
    }

    /// Keeps this state.
    pub fn save(&self, world: &World) -> Result<()> {
        let Some(next) = world.next else { return Ok(()) };
        seal::write_stream(self.store.root(), &self.path(next), |out| snapshot::write(world, out))?;
        self.thin(next);
        Ok(())
    }

    /// The newest state not beyond `limit` (s) that was made from counts of which `lineage` is the fold up to a bucket.
    pub fn load(&self, limit: i64, lineage: impl Fn(i64) -> u64) -> Option<World> {
        let mut known = self.known();
        known.retain(|next| *next <= limit);
        known.iter().rev().find_map(|next| {
            let mut file = self.open(*next)?;
            snapshot::read(&mut file, |stands, made| stands == *next && made == lineage(stands))
        })
    }

    /// The newest state with the models of the `chosen` series alone.
    pub fn newest(&self, chosen: impl Fn(&SeriesKey) -> bool) -> Option<World> {
        let known = self.known();
        known.iter().rev().find_map(|next| snapshot::read_some(&mut self.open(*next)?, |_, _| true, &chosen))
    }

    fn open(&self, next: i64) -> Option<BufReader<File>> {
        Some(BufReader::with_capacity(1 << 20, File::open(self.path(next)).ok()?))
    }

    fn path(&self, next: i64) -> PathBuf {
        self.store.root().join(MODELS).join(format!("{}@{next}.bin", self.setting))
    }

    /// Ends (s) that there are snapshots for, ascending.
    fn known(&self) -> Vec<i64> {
        let Ok(entries) = fs::read_dir(self.store.root().join(MODELS)) else { return Vec::new() };
        let next = |entry: fs::DirEntry| {
            entry
                .file_name()
                .to_str()?
                .strip_prefix(&self.setting)?
                .strip_prefix('@')?
                .strip_suffix(".bin")?
                .parse()
                .ok()
        };
        let mut known: Vec<i64> = entries.filter_map(std::result::Result::ok).filter_map(next).collect();
        known.sort_unstable();
        known
    }

    /// Keeps the newest and one a day, and none beyond `last`: those were made before a rewind.
    fn thin(&self, last: i64) {
        let known = self.known();
        let (mut days, mut bytes) = (Vec::new(), 0);
        for (age, next) in known.iter().rev().filter(|next| **next <= last).enumerate() {
            let day = next.div_euclid(86_400);
            let size = fs::metadata(self.path(*next)).map_or(0, |file| file.len());
            if days.last() != Some(&day) && days.len() < DAYS && bytes + size <= DAYS_BYTES {
                days.push(day);
                bytes += size;
            } else if age >= NEWEST {
                let _ = seal::remove(&self.path(*next));
            }
        }
        for next in known.iter().filter(|next| **next > last) {
            let _ = seal::remove(&self.path(*next));
        }
    }
}
