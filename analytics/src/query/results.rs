//! The table `results`: one row per record, bucket and influencer, the newest generation of each bucket.
//!
//! Results of imported jobs are read job by job, when their turn comes.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::StreamExt as _;
use jobs::{JobId, Prefix};

use crate::error::Result;
use crate::jobs::{JobResults, JobShelf};
use crate::results::ResultStore;
use crate::results::rows::to_batch;
use crate::results::shown::{detected, imported, shown_schema};
use crate::store::SessionStore;

/// All results of a store; the ids of its own jobs begin with this prefix.
///
/// # Errors
/// The jobs cannot be listed.
pub fn table(store: &SessionStore, prefix: &Prefix) -> Result<StreamingTable> {
    let schema = shown_schema();
    let own = Own { store: store.clone(), prefix: prefix.clone(), schema: Arc::clone(&schema) };
    let jobs = JobShelf::open(store).ids()?;
    let brought = Imported { store: store.clone(), jobs, schema: Arc::clone(&schema) };
    Ok(StreamingTable::try_new(schema, vec![Arc::new(own), Arc::new(brought)])?)
}

/// What detection found.
#[derive(Debug)]
struct Own {
    store: SessionStore,
    prefix: Prefix,
    schema: SchemaRef,
}

/// What imported jobs found.
#[derive(Debug)]
struct Imported {
    store: SessionStore,
    jobs: Vec<JobId>,
    schema: SchemaRef,
}

impl PartitionStream for Own {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (store, prefix) = (self.store.clone(), self.prefix.clone());
        let read = move || {
            let buckets = ResultStore::open(&store).buckets_now()?;
            detected(&to_batch(buckets.values().map(AsRef::as_ref))?, &prefix)
        };
        stream(&self.schema, futures::stream::once(reading(read)))
    }
}

impl PartitionStream for Imported {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (store, jobs) = (self.store.clone(), self.jobs.clone());
        let batches = futures::stream::iter(jobs).then(move |id| {
            let store = store.clone();
            reading(move || {
                let job = JobShelf::open(&store).get(&id)?;
                let perspective = job.and_then(|job| job.definition.perspective());
                imported(&id, perspective, &JobResults::open(&store, &id).between(i64::MIN, i64::MAX)?)
            })
        });
        stream(&self.schema, batches)
    }
}

/// Reads away from the threads that must not wait for the disk.
async fn reading(
    read: impl FnOnce() -> Result<RecordBatch> + Send + 'static,
) -> std::result::Result<RecordBatch, DataFusionError> {
    let done = tokio::task::spawn_blocking(read).await;
    let external = |error| DataFusionError::External(Box::new(error));
    done.map_err(|error| DataFusionError::External(Box::new(error)))?.map_err(external)
}

fn stream(
    schema: &SchemaRef,
    batches: impl futures::Stream<Item = std::result::Result<RecordBatch, DataFusionError>> + Send + 'static,
) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), batches))
}
