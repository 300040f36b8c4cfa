//! Small files that are written whole or not at all, by whichever process comes first or last.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, StoreError};

/// Writes a file beside itself, syncs it, and renames it into place.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_whole(target: &Path, bytes: &[u8]) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = target.parent().unwrap_or(target);
    fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
    let name = target.file_name().and_then(|name| name.to_str()).unwrap_or("file");
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}.{number}", std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, target)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(StoreError::io("write", target))
}

fn form(path: &Path, error: &serde_json::Error) -> StoreError {
    StoreError::Form { what: "a setting of jobs", path: path.to_owned(), reason: error.to_string() }
}

/// Writes a value as JSON, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_setting(path: &Path, value: &impl Serialize) -> Result<()> {
    write_whole(path, &serde_json::to_vec_pretty(value).map_err(|error| form(path, &error))?)
}

/// What [`write_setting`] wrote; `None` where there is no file.
///
/// # Errors
/// The file cannot be read, or is of another form.
pub(crate) fn read_setting<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| form(path, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}
