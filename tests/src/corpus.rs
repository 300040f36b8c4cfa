//! Real captures with expected results, kept outside of the repository.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// A file or folder of the corpus, `None` (and a line that says so) where the corpus is absent.
///
/// The corpus is at `HALFOPEN_CORPUS`, by default `../shared/corpus` from the workspace's root.
pub fn corpus(path: &str) -> Option<PathBuf> {
    let base = std::env::var_os("HALFOPEN_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    let found = base.join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: {} is not there (HALFOPEN_CORPUS tells where the corpus is)", found.display());
    None
}
