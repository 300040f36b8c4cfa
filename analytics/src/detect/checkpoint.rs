//! Snapshots of the models: written once each, good only for the very counts that they were made from.

use std::fs;
use std::path::PathBuf;

use crate::detect::world::World;
use crate::error::Result;
use crate::model::persist::Persist;
use crate::store::SessionStore;
use crate::store::layout::MODELS;
use crate::store::seal;

/// First bytes of a snapshot; changes with the model, so that older snapshots are rebuilt from counts.
const MAGIC: &[u8; 16] = b"halfopen model 2";
/// Newest snapshots kept whatever their age.
const NEWEST: usize = 3;
/// Days of which one snapshot each is kept beside those.
const DAYS: usize = 14;

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
        let mut bytes = MAGIC.to_vec();
        world.put(&mut bytes);
        let sum = checksum(&bytes);
        sum.put(&mut bytes);
        seal::write_bytes(self.store.root(), &self.path(next), &bytes)?;
        self.thin(next);
        Ok(())
    }

    /// The newest state not beyond `limit` (s) that was made from counts of which `lineage` is the fold up to a bucket.
    pub fn load(&self, limit: i64, lineage: impl Fn(i64) -> u64) -> Option<World> {
        let good = |next: &i64| {
            let bytes = fs::read(self.path(*next)).ok()?;
            let (body, sum) = bytes.split_last_chunk::<8>()?;
            if checksum(body) != u64::from_le_bytes(*sum) {
                return None;
            }
            let world = World::take(&mut body.strip_prefix(MAGIC)?)?;
            (world.next == Some(*next) && world.lineage == lineage(*next)).then_some(world)
        };
        let mut known = self.known();
        known.retain(|next| *next <= limit);
        known.iter().rev().find_map(good)
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
        let mut days = Vec::new();
        for (age, next) in known.iter().rev().filter(|next| **next <= last).enumerate() {
            let day = next.div_euclid(86_400);
            if days.last() != Some(&day) && days.len() < DAYS {
                days.push(day);
            } else if age >= NEWEST {
                let _ = fs::remove_file(self.path(*next));
            }
        }
        for next in known.iter().filter(|next| **next > last) {
            let _ = fs::remove_file(self.path(*next));
        }
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
