//! Session files as a stream: which there are, and their sessions part by part.
//!
//! Files are written once, so their names tell what somebody has read. Must not know who reads.

use std::fs::File;
use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tracker::{Micros, SessionRecord, read_batch};

use crate::error::{Result, StoreError};
use crate::store::SessionStore;
use crate::store::footer::SessionFile;

/// A whole file of sessions.
#[derive(Debug, Clone)]
pub struct StoredFile(Arc<SessionFile>);

impl SessionStore {
    /// The files that hold sessions which ended at `from` (microseconds since the epoch) or later, by hour and name.
    ///
    /// # Errors
    /// The store's folders cannot be listed.
    pub fn stored_files(&self, from: Micros) -> Result<Vec<StoredFile>> {
        Ok(self.files(from, Micros::MAX)?.into_iter().map(StoredFile).collect())
    }
}

impl StoredFile {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Names of the files whose rows it holds: its own, or those that it was merged from.
    pub fn originals(&self) -> impl Iterator<Item = &str> {
        self.0.originals.iter().map(|original| original.name.as_str())
    }

    /// Its sessions from row `skip` on, at most `limit`. The order of rows never changes.
    ///
    /// # Errors
    /// The file cannot be read, or was removed.
    pub fn read(&self, skip: usize, limit: usize) -> Result<Vec<SessionRecord>> {
        let path = &self.0.path;
        let parquet = |source| StoreError::Parquet { action: "read", path: path.clone(), source };
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_offset(skip).with_limit(limit).with_batch_size(8_192).build())
            .map_err(parquet)?;
        let mut sessions = Vec::new();
        for batch in reader {
            sessions.extend(read_batch(&batch?)?);
        }
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use tracker::Outcome;

    use crate::testing::{SECOND, T0, put, session, store};

    #[test]
    fn files_are_read_part_by_part() {
        let (_folder, store) = store();
        let records: Vec<_> = (0..10)
            .map(|n| session(n, T0 + n as i64 * SECOND, "10.0.0.1", "10.0.0.2", 443, Outcome::Refused))
            .collect();
        put(&store, "a", &records[..6]);
        put(&store, "b", &records[6..]);
        assert_eq!(store.stored_files(T0 + 8 * SECOND).unwrap().len(), 1);
        let files = store.stored_files(0).unwrap();
        assert!(files.iter().all(|file| file.originals().eq([file.name()])));
        let mut ids = Vec::new();
        for file in &files {
            for skip in [0, 4, 8] {
                ids.extend(file.read(skip, 4).unwrap().iter().map(|session| session.session_id));
            }
            assert!(file.read(100, 4).unwrap().is_empty());
        }
        ids.sort_unstable();
        assert_eq!(ids, (0..10).collect::<Vec<_>>());
    }
}
