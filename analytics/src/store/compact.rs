//! Merging the many small files of an hour that is over into one.
//!
//! The merged file names those that it replaces in its footer, so that from its rename on they no longer count; they
//! are removed a while later, when no reader has them open. A crash in between changes nothing that is read.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tracker::Micros;
use ulid::Ulid;

use crate::error::{Result, StoreError};
use crate::store::footer::{Original, REPLACES, SessionFile};
use crate::store::layout::{HOUR, hour_folder};
use crate::store::page::read_through;
use crate::store::writer::sorted;
use crate::store::{SessionStore, seal};

/// Small files of an hour that are worth merging.
const MANY: usize = 8;
/// An hour is merged when this long has passed since its end.
const SETTLED: Micros = HOUR;
/// Replaced files are removed when the merged one is this old.
const READERS: Duration = Duration::from_secs(600);
/// Rows merged at once, so that memory stays bounded.
const MOST_ROWS: u64 = 4_000_000;
/// Hours looked back.
const HOURS: i64 = 48;

impl SessionStore {
    /// Merges the files of hours that ended well before `sealed` and removes those that were replaced long ago.
    /// Returns how many files were merged.
    pub(crate) fn compact(&self, now: Micros, sealed: Micros) -> Result<usize> {
        let mut merged = 0;
        for hour in self.hours(sealed - HOURS * HOUR, sealed)? {
            if (hour + 1) * HOUR + SETTLED > sealed {
                continue;
            }
            let files = self.hour(hour)?;
            self.remove_replaced(hour, &files, now)?;
            let small: Vec<_> = files.into_iter().filter(|file| file.originals.len() == 1).collect();
            if small.len() >= MANY {
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
            batches.extend(read);
            originals.extend(file.originals.iter().cloned());
        }
        if originals.len() < 2 {
            return Ok(0);
        }
        let batch = sorted(&batches)?;
        let id = Ulid::from_datetime(UNIX_EPOCH + Duration::from_micros(u64::try_from(now).unwrap_or(0)));
        let target = hour_folder(self.root(), hour).join(format!("merged-{}.parquet", id.to_string()));
        let notes = [(REPLACES, Original::note(&originals))];
        seal::write_parquet(self.root(), &target, batch.schema(), &[batch], &notes)?;
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
                let path = folder.join(&original.name);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StoreError::io("remove", &path)(error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
