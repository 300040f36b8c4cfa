//! Merging the many small files of an hour into one.
//!
//! The merged file names those that it replaces in its footer, so that from its rename on they no longer count; they
//! are removed a while later, when no reader has them open. A crash in between changes nothing that is read.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::new_null_array;
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use tracker::{Micros, session_schema};
use ulid::Ulid;

use crate::error::Result;
use crate::store::footer::{Original, REPLACES, SessionFile};
use crate::store::layout::{HOUR, LATEST, hour_folder};
use crate::store::page::read_through;
use crate::store::{SessionStore, seal};

/// What the names of merged files begin with.
pub const MERGED: &str = "merged";
/// Small files of an hour that is over that are worth merging.
const MANY: usize = 8;
/// Small files of an hour that goes on that are worth merging: every file costs each query its opening.
const CROWD: usize = 96;
/// An hour is over when this long has passed since its end.
const SETTLED: Micros = HOUR;
/// Replaced files are removed when the merged one is this old.
const READERS: Duration = Duration::from_secs(600);
/// Rows merged at once, so that memory stays bounded.
const MOST_ROWS: u64 = 4_000_000;

impl SessionStore {
    /// Merges the small files of hours from `since` on and removes those that were replaced long ago.
    /// Returns how many files were merged.
    pub(crate) fn compact(&self, now: Micros, since: Micros) -> Result<usize> {
        let mut merged = 0;
        for hour in self.hours(since.max(0), LATEST)? {
            let files = self.hour(hour)?;
            self.remove_replaced(hour, &files, now)?;
            let small: Vec<_> = files.into_iter().filter(|file| file.originals.len() == 1).collect();
            let over = (hour + 1) * HOUR + SETTLED <= now;
            if small.len() >= if over { MANY } else { CROWD } {
                merged += self.merge(hour, &small, now)?;
            }
        }
        Ok(merged)
    }

    fn merge(&self, hour: i64, files: &[Arc<SessionFile>], now: Micros) -> Result<usize> {
        let (mut batches, mut originals, mut rows) = (Vec::new(), Vec::new(), 0);
        for file in files {
            if rows + file.rows > MOST_ROWS {
                break;
            }
            let Ok(read) = read_through(&file.path) else {
                self.weed(&[Arc::clone(file)]);
                continue;
            };
            rows += file.rows;
            for batch in &read {
                batches.push(today(batch)?);
            }
            originals.extend(file.originals.iter().cloned());
        }
        if originals.len() < 2 {
            return Ok(0);
        }
        let id = Ulid::from_datetime(UNIX_EPOCH + Duration::from_micros(u64::try_from(now).unwrap_or(0)));
        let target = hour_folder(self.root(), hour).join(format!("{MERGED}-{}.parquet", id.to_string()));
        let notes = [(REPLACES, Original::note(&originals))];
        seal::write_sessions(self.root(), &target, &batches, &notes)?;
        Ok(originals.len())
    }

    /// Removes the files whose rows a merged file took over long enough ago.
    fn remove_replaced(&self, hour: i64, files: &[Arc<SessionFile>], now: Micros) -> Result<()> {
        let folder = hour_folder(self.root(), hour);
        for file in files.iter().filter(|file| file.originals.len() > 1) {
            let Some(id) = file.name.strip_suffix(".parquet").and_then(|name| name.rsplit_once('-')).map(|(_, id)| id)
            else {
                continue;
            };
            let Ok(id) = Ulid::from_string(id) else { continue };
            let age = now / 1000 - i64::try_from(id.timestamp_ms()).unwrap_or(i64::MAX);
            if age < i64::try_from(READERS.as_millis()).unwrap_or(i64::MAX) {
                continue;
            }
            for original in &file.originals {
                seal::remove(&folder.join(&original.name))?;
            }
        }
        Ok(())
    }
}

/// The rows in today's form: files of older versions lack columns that were added since.
fn today(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = session_schema();
    let column = |field: &Arc<Field>| {
        let known = batch.column_by_name(field.name()).map(Arc::clone);
        known.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    };
    let columns = schema.fields().iter().map(column).collect();
    Ok(RecordBatch::try_new(schema, columns)?)
}
