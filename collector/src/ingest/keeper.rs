//! What is known of exporters, kept on disk, so that a restart costs no record: the thread that writes it, and reading it.
//!
//! Owns the file and when it is written; must not know what the states hold.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::netflow::state::{SourceState, decode, encode};

/// How often to look for something new.
const LOOK: Duration = Duration::from_millis(100);
/// Writing takes at most this part of the time, however much there is.
const PART: u32 = 10;

/// Where a worker leaves its newest state; the keeper takes it away.
pub(super) type Slot = Arc<Mutex<Option<Vec<SourceState>>>>;

/// Reads what an earlier process left. A file that cannot be read is said and set aside: the exporters will tell again.
pub(super) fn load(path: &Path) -> Vec<SourceState> {
    let aside = |why: &dyn std::fmt::Display| {
        let kept = path.with_extension("unreadable");
        tracing::warn!(path = %path.display(), %why, "what was known of exporters cannot be read, set aside");
        if let Err(error) = fs::rename(path, kept) {
            tracing::warn!(%error, "it cannot be set aside either");
        }
        Vec::new()
    };
    match fs::read(path) {
        Ok(bytes) => decode(&bytes).unwrap_or_else(|error| aside(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => aside(&error),
    }
}

/// Writes the workers' states to one file whenever one of them has changed.
pub(super) struct Keeper {
    path: PathBuf,
    slots: Vec<Slot>,
    states: Vec<Vec<SourceState>>,
}

impl Keeper {
    /// A keeper of these workers' states.
    pub(super) fn new(path: PathBuf, slots: Vec<Slot>) -> Self {
        let states = slots.iter().map(|_| Vec::new()).collect();
        Self { path, slots, states }
    }

    /// Works until it is stopped, and once more then.
    pub(super) fn run(mut self, stop: &AtomicBool) {
        let mut failing = false;
        loop {
            let last = stop.load(Ordering::Acquire);
            let began = Instant::now();
            if self.take() {
                let written = self.write();
                if let Err(error) = &written
                    && !failing
                {
                    let path = self.path.display();
                    tracing::error!(%path, %error, "what is known of exporters cannot be kept: a restart would cost records");
                }
                failing = written.is_err();
            }
            if last {
                return;
            }
            std::thread::sleep(LOOK.max(began.elapsed() * PART));
        }
    }

    /// Takes what is new; whether there is anything.
    fn take(&mut self) -> bool {
        let mut new = false;
        for (slot, state) in self.slots.iter().zip(&mut self.states) {
            if let Some(newer) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                *state = newer;
                new = true;
            }
        }
        new
    }

    /// Writes a file beside the old one, and puts it in its place once it is whole on disk.
    fn write(&self) -> io::Result<()> {
        let bytes = encode(self.states.iter().flatten()).map_err(io::Error::other)?;
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}
