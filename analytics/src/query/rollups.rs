//! The tables `sessions_hourly` and `sessions_daily`: sums of sessions by who and how, for long ranges.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::query::bounds::end_bounds;
use crate::rollup::read;
use crate::rollup::rows::{rollup_schema, to_batch};
use crate::store::SessionStore;
use crate::store::segments::{BucketId, Segments};

/// The roll-ups in one folder of a store.
#[derive(Debug)]
pub struct RollupTable {
    store: SessionStore,
    folder: &'static str,
    span: u32,
}

impl RollupTable {
    /// The roll-ups in `folder`, which last `span` seconds each.
    pub fn of_store(store: SessionStore, folder: &'static str, span: u32) -> Self {
        Self { store, folder, span }
    }

    fn rows(&self, filters: &[Expr]) -> crate::Result<RecordBatch> {
        let (from, to) = end_bounds(filters);
        let mut segments = Segments::new(self.store.root(), self.folder);
        segments.refresh()?;
        let id = |start| BucketId { span: self.span, start };
        let (from, to) = (from.div_euclid(1_000_000), to.div_euclid(1_000_000).saturating_add(1));
        let current = segments.current();
        let wanted: Vec<_> = current.range(id(from)..id(to.max(from))).map(|(id, (_, mark))| (*id, *mark)).collect();
        shown(&to_batch(&read(&segments, &wanted))?)
    }
}

/// Stored rows with their start as a time.
fn shown(batch: &RecordBatch) -> crate::Result<RecordBatch> {
    let starts = batch.column(0).as_primitive::<Int64Type>();
    let times = starts.values().iter().map(|start| start.saturating_mul(1_000_000));
    let times = Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef;
    let columns = std::iter::once(times).chain(batch.columns()[1..].iter().cloned()).collect();
    Ok(RecordBatch::try_new(schema(), columns)?)
}

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let stored = rollup_schema();
        let rest = stored.fields().iter().skip(1).cloned();
        Arc::new(Schema::new(
            std::iter::once(Arc::new(Field::new("time", time, false))).chain(rest).collect::<Vec<_>>(),
        ))
    });
    Arc::clone(&SCHEMA)
}

impl TableProvider for RollupTable {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    fn scan<'life0, 'life1, 'life2, 'life3, 'async_trait>(
        &'life0 self,
        _: &'life1 dyn Session,
        projection: Option<&'life2 Vec<usize>>,
        filters: &'life3 [Expr],
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
            let batch = self.rows(filters).map_err(|error| DataFusionError::External(Box::new(error)))?;
            let source = MemorySourceConfig::try_new_exec(&[vec![batch]], schema(), projection.cloned())?;
            Ok(source as Arc<dyn ExecutionPlan>)
        })
    }
}
