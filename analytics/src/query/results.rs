//! The table `results`: one row per record, bucket and influencer, the newest generation of each bucket.

use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::results::ResultStore;
use crate::results::columns::result_schema;
use crate::results::rows::to_batch;
use crate::store::SessionStore;

/// All results of a store.
#[derive(Debug)]
pub struct ResultsTable(ResultStore);

impl ResultsTable {
    /// The results of this store.
    pub fn of_store(store: SessionStore) -> Self {
        Self(ResultStore::open(&store))
    }
}

impl TableProvider for ResultsTable {
    fn schema(&self) -> SchemaRef {
        result_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn scan<'life0, 'life1, 'life2, 'life3, 'async_trait>(
        &'life0 self,
        _: &'life1 dyn Session,
        projection: Option<&'life2 Vec<usize>>,
        _: &'life3 [Expr],
        _: Option<usize>,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'async_trait>>
    where
        Self: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        'life3: 'async_trait,
    {
        Box::pin(async move {
            let external = |error| DataFusionError::External(Box::new(error));
            let buckets = self.0.buckets_now().map_err(external)?;
            let batch = to_batch(buckets.values().map(AsRef::as_ref)).map_err(external)?;
            let source = MemorySourceConfig::try_new_exec(&[vec![batch]], result_schema(), projection.cloned())?;
            Ok(source as Arc<dyn ExecutionPlan>)
        })
    }
}
