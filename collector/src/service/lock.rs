//! One server for one store: a file lock that ends with the process.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, anyhow};

/// Holds the store for this process.
#[derive(Debug)]
pub struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock `halfopen.lock` in the store's directory.
    ///
    /// # Errors
    /// Another process has it, or the file cannot be made.
    pub fn take(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join("halfopen.lock");
        let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(anyhow!("another halfopen works on the store {}", dir.display())),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("failed to lock {}", path.display())),
        }
    }
}
