//! Answers from whole files only: a query that meets a corrupt page is started again without that file.
//!
//! No row can be taken back, so none is given before the answer is complete or, where it is too large to hold, before
//! every file that the query reads was read to its end once. Must not know what is asked.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};

use crate::error::Result;
use crate::store::SessionStore;
use crate::store::footer::SessionFile;

/// Bytes of an answer that are held back until it is complete.
const HELD: usize = 16 << 20;

/// The session files that a query reads. Cheap to clone; clones are one list.
#[derive(Debug, Clone, Default)]
pub struct Scanned(Arc<Mutex<Vec<Arc<SessionFile>>>>);

impl Scanned {
    /// The query reads these too.
    pub fn add(&self, files: &[Arc<SessionFile>]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(files);
    }

    /// Leaves the corrupt ones out of the store from now on and returns how many there were.
    pub fn weed(&self, store: &SessionStore) -> usize {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup();
        store.weed(&files)
    }
}

/// The same rows from files that are known to be whole, or `None` where corrupt ones were found and left out: the
/// query has to be started again.
///
/// # Errors
/// The query fails for another reason.
pub async fn whole(
    mut rows: SendableRecordBatchStream,
    store: &SessionStore,
    scanned: &Scanned,
) -> Result<Option<SendableRecordBatchStream>> {
    whole_beyond(&mut rows, store, scanned, HELD).await.map(|held| {
        let schema = rows.schema();
        held.map(|held| -> SendableRecordBatchStream {
            let all = stream::iter(held.into_iter().map(Ok)).chain(rows);
            Box::pin(RecordBatchStreamAdapter::new(schema, all))
        })
    })
}

/// The first batches, up to about `limit` bytes.
async fn whole_beyond(
    rows: &mut SendableRecordBatchStream,
    store: &SessionStore,
    scanned: &Scanned,
    limit: usize,
) -> Result<Option<Vec<arrow::record_batch::RecordBatch>>> {
    let (mut held, mut bytes) = (Vec::new(), 0);
    while let Some(batch) = rows.next().await {
        match batch {
            Ok(batch) => {
                bytes += batch.get_array_memory_size();
                held.push(batch);
            }
            Err(_) if scanned.weed(store) > 0 => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        if bytes > limit {
            return Ok((scanned.weed(store) == 0).then_some(held));
        }
    }
    Ok(Some(held))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::TryStreamExt;
    use tracker::Outcome;

    use super::*;
    use crate::QueryEngine;
    use crate::testing::{SECOND, T0, put, session, store, wait};

    const ALL: &str = "SELECT session_id, client_ip FROM sessions";

    /// A store of three files of 40 rows each, one of which has garbage in its pages behind a good footer.
    fn damaged() -> (tempfile::TempDir, SessionStore, std::path::PathBuf) {
        let (folder, store) = store();
        for hour in 0..3_i64 {
            let records: Vec<_> = (0..40_u64)
                .map(|n| {
                    let at = T0 + (hour * 3_600 + n.cast_signed()) * SECOND;
                    session(hour.cast_unsigned() * 100 + n, at, "10.0.0.7", "10.0.0.8", 443, Outcome::Refused)
                })
                .collect();
            put(&store, "w", &records);
        }
        let path = store.files(0, i64::MAX).unwrap()[1].path.clone();
        let mut bytes = fs::read(&path).unwrap();
        let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
        let end = bytes.len() - 8 - footer;
        bytes[4..end].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        (folder, SessionStore::open(store.root()).unwrap(), path)
    }

    fn rows(store: &SessionStore, sql: &str) -> usize {
        wait(async {
            let (_, stream) = QueryEngine::new(store).sql(sql).await.unwrap();
            let batches: Vec<_> = stream.try_collect().await.unwrap();
            batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum()
        })
    }

    #[test]
    fn a_corrupt_page_costs_its_file_and_nothing_else() {
        for sql in [ALL, "SELECT DISTINCT session_id FROM sessions ORDER BY 1", "SELECT \"end\" FROM sessions"] {
            let (_folder, store, path) = damaged();
            assert_eq!(rows(&store, sql), 80, "{sql}");
            let skipped = store.report().skipped;
            assert_eq!(skipped.iter().map(|s| &s.path).collect::<Vec<_>>(), [&path], "{sql}");
            assert_eq!(rows(&store, sql), 80, "{sql}");
        }
    }

    #[test]
    fn an_answer_too_large_to_hold_is_not_begun_before_its_files_are_read() {
        let (_folder, store, path) = damaged();
        wait(async {
            let (engine, scanned) = (QueryEngine::new(&store), Scanned::default());
            // What is read first is good and over the limit at once.
            let mut stream = engine.start(ALL, &scanned).await.unwrap();
            assert_eq!(whole_beyond(&mut stream, &store, &scanned, 0).await.unwrap(), None);
            assert_eq!(store.report().skipped[0].path, path);
            let scanned = Scanned::default();
            let mut stream = engine.start(ALL, &scanned).await.unwrap();
            assert!(whole_beyond(&mut stream, &store, &scanned, 0).await.unwrap().is_some());
        });
    }

    #[test]
    fn other_errors_stay_errors() {
        let (_folder, store, _) = damaged();
        assert!(wait(QueryEngine::new(&store).sql("SELECT 1 / (session_id - session_id) FROM sessions")).is_err());
        assert_eq!(store.report().skipped.len(), 1);
        assert!(wait(QueryEngine::new(&store).sql("SELECT nothing FROM sessions")).is_err());
    }
}
