//! Which sessions were stored lately, so that what is made again after a crash is not stored twice.
//!
//! Must not know why it is asked.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tracker::Micros;

use super::SessionStore;
use crate::error::Result;
use crate::store::files::Catalogue;
use crate::store::layout::hour_folder;

impl SessionStore {
    /// Ids of all sessions in files written at `since` (microseconds since the epoch) or later. Unreadable files are left
    /// out: their sessions count as not stored.
    ///
    /// # Errors
    /// The store's folders cannot be listed.
    pub fn session_ids_since(&self, since: Micros) -> Result<HashSet<u64>> {
        let since = UNIX_EPOCH + Duration::from_micros(u64::try_from(since).unwrap_or(0));
        let mut ids = HashSet::new();
        for hour in Catalogue::hours(self.root(), i64::MIN / 2, i64::MAX / 2)? {
            let folder = hour_folder(self.root(), hour);
            // A folder is stamped when a file is renamed into it.
            if !written_since(&folder, since) {
                continue;
            }
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|extension| extension == "parquet") && written_since(&path, since) {
                    ids.extend(ids_of(&path).unwrap_or_default());
                }
            }
        }
        Ok(ids)
    }
}

fn written_since(path: &Path, since: std::time::SystemTime) -> bool {
    fs::metadata(path).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified >= since)
}

fn ids_of(path: &Path) -> Option<HashSet<u64>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).ok()?).ok()?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["session_id"]);
    let mut ids = HashSet::new();
    for batch in builder.with_projection(mask).build().ok()? {
        ids.extend(batch.ok()?.column(0).as_primitive_opt::<UInt64Type>()?.values());
    }
    Some(ids)
}
