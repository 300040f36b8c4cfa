//! The session files as tables: as stored, and as people read them (addresses as text).
//!
//! Time bounds of a query choose the hour folders and files; filters on addresses reach the Parquet reader as ranges
//! of bytes, and only rows that pass are turned into text.

use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType, ident};
use datafusion::object_store::{ObjectMeta, path::Path as ObjectPath};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use tracker::session_schema;

use crate::query::address::{ADDRESS_COLUMNS, stored_form};
use crate::query::bounds::end_bounds;
use crate::query::community::{COMMUNITY_ID, PARTS, community_id};
use crate::query::filter::Filter;
use crate::query::functions::ip_text;
use crate::query::whole::Scanned;
use crate::store::SessionStore;
use crate::store::footer::SessionFile;

/// Future of a scan, in the form that the `TableProvider` trait desugars to.
type Scan<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'a>>;

/// Where the files of a table come from.
#[derive(Debug, Clone)]
enum Source {
    Store(SessionStore, Scanned),
    Files(Vec<Arc<SessionFile>>),
}

impl Source {
    fn files(&self, filters: &[Expr]) -> Result<Vec<Arc<SessionFile>>> {
        match self {
            Self::Files(files) => Ok(files.clone()),
            Self::Store(store, scanned) => {
                let (from, to) = end_bounds(filters);
                let files = store.files(from, to).map_err(|error| DataFusionError::External(Box::new(error)))?;
                scanned.add(&files);
                Ok(files)
            }
        }
    }
}

/// Sessions with the columns of [`session_schema`].
#[derive(Debug, Clone)]
pub struct StoredSessions(Source);

impl StoredSessions {
    /// The sessions of exactly these files.
    pub fn of_files(files: Vec<Arc<SessionFile>>) -> Self {
        Self(Source::Files(files))
    }
}

/// Sessions with addresses as text.
#[derive(Debug)]
pub struct TextSessions {
    source: Source,
    /// Over the stored columns: only sessions that pass are in the table.
    only: Option<Expr>,
    schema: SchemaRef,
}

impl TextSessions {
    /// The sessions of a whole store, or those of it that pass; what a query reads of it is noted in `scanned`.
    pub fn of_store(store: SessionStore, scanned: Scanned, only: Option<&Filter>) -> Self {
        let stored = session_schema();
        // Functions make these texts, and what functions make may be null as far as plans know.
        let made = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
        let shown = stored.fields().iter().map(|field| {
            if ADDRESS_COLUMNS.contains(&field.name().as_str()) { made(field.name()) } else { Arc::clone(field) }
        });
        let shown = shown.chain([made(COMMUNITY_ID)]);
        Self {
            source: Source::Store(store, scanned),
            only: only.map(Filter::expr),
            schema: Arc::new(Schema::new_with_metadata(shown.collect::<Vec<_>>(), stored.metadata().clone())),
        }
    }
}

impl TableProvider for StoredSessions {
    fn schema(&self) -> SchemaRef {
        session_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }

    fn scan<'life0, 'life1, 'life2, 'life3, 'async_trait>(
        &'life0 self,
        state: &'life1 dyn Session,
        projection: Option<&'life2 Vec<usize>>,
        filters: &'life3 [Expr],
        limit: Option<usize>,
    ) -> Scan<'async_trait>
    where
        Self: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        'life3: 'async_trait,
    {
        Box::pin(async move {
            let shown = wanted(&session_schema(), projection)?;
            let plan = scan_files(state, &self.0.files(filters)?, &shown, filters, limit)?;
            project(state, plan, &shown)
        })
    }
}

impl TableProvider for TextSessions {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let kind = |filter: &&Expr| match before_reading(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(kind).collect())
    }

    fn scan<'life0, 'life1, 'life2, 'life3, 'async_trait>(
        &'life0 self,
        state: &'life1 dyn Session,
        projection: Option<&'life2 Vec<usize>>,
        filters: &'life3 [Expr],
        limit: Option<usize>,
    ) -> Scan<'async_trait>
    where
        Self: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        'life2: 'async_trait,
        'life3: 'async_trait,
    {
        Box::pin(async move {
            let asked = filters.iter().filter_map(before_reading);
            let stored: Vec<Expr> = asked.chain(self.only.clone()).collect();
            let shown = wanted(&self.schema, projection)?;
            let plan = scan_files(state, &self.source.files(&stored)?, &shown, &stored, limit)?;
            project(state, plan, &shown)
        })
    }
}

/// The condition over stored columns, where it asks of nothing that is made after reading.
fn before_reading(filter: &Expr) -> Option<Expr> {
    let of_made = filter.column_refs().iter().any(|column| column.name == COMMUNITY_ID);
    if of_made { None } else { stored_form(filter) }
}

/// These columns of the sessions in these files that meet a condition.
///
/// The plan is made by hand: it is what the planner would come to, and planning takes longer than reading a small file.
///
/// # Errors
/// A column is none of theirs, or the condition is no condition.
pub fn passing(
    state: &SessionState,
    files: &[Arc<SessionFile>],
    columns: &[&str],
    condition: Expr,
) -> Result<SendableRecordBatchStream> {
    let stored = session_schema();
    let indexes = columns.iter().map(|name| Ok(stored.index_of(name)?)).collect::<Result<Vec<usize>>>()?;
    let shown = wanted(&stored, Some(&indexes))?;
    let plan = scan_files(state, files, &shown, &[condition], None)?;
    let plan = FilterPushdown::new().optimize(plan, state.config_options())?;
    execute_stream(project(state, plan, &shown)?, state.task_ctx())
}

/// The columns that are asked for.
fn wanted(all: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<SchemaRef> {
    Ok(match projection {
        Some(indexes) => Arc::new(all.project(indexes)?),
        None => Arc::clone(all),
    })
}

/// Reads the columns that are shown or filtered on, and keeps only rows that pass. The condition stands above the scan:
/// the optimizer hands it to the reader, and would add it to one that the reader already has.
fn scan_files(
    state: &dyn Session,
    files: &[Arc<SessionFile>],
    shown: &SchemaRef,
    filters: &[Expr],
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let stored = session_schema();
    let filter = conjunction(filters.iter().cloned());
    let mut needs = Vec::new();
    for field in shown.fields() {
        match field.name().as_str() {
            COMMUNITY_ID => needs.extend(PARTS),
            name => needs.push(name),
        }
    }
    needs.extend(filter.iter().flat_map(Expr::column_refs).map(|column| column.name.as_str()));
    let mut columns = needs.into_iter().map(|name| Ok(stored.index_of(name)?)).collect::<Result<Vec<usize>>>()?;
    columns.sort_unstable();
    columns.dedup();
    let needed = Arc::new(stored.project(&columns)?);
    if files.is_empty() {
        return Ok(Arc::new(EmptyExec::new(needed)));
    }
    let source = Arc::new(ParquetSource::new(Arc::clone(&stored)));
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
        .with_file_groups(groups(files, state.config().target_partitions())?)
        .with_projection_indices(Some(columns))?
        .with_limit(limit.filter(|_| filter.is_none()))
        .build();
    let scan = DataSourceExec::from_data_source(config);
    match filter {
        None => Ok(scan),
        Some(filter) => {
            let predicate = state.create_physical_expr(filter, &DFSchema::try_from(needed)?)?;
            Ok(Arc::new(FilterExec::try_new(predicate, scan)?))
        }
    }
}

/// Shares the files out over at most `partitions` groups, neighbours together.
fn groups(files: &[Arc<SessionFile>], partitions: usize) -> Result<Vec<FileGroup>> {
    let partitioned = files.iter().map(|file| {
        let location =
            ObjectPath::from_absolute_path(&file.path).map_err(|error| DataFusionError::External(Box::new(error)))?;
        // Files never change, so the time of modification tells nothing.
        let meta = ObjectMeta {
            location,
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: file.size,
            e_tag: None,
            version: None,
        };
        Ok(PartitionedFile::new_from_meta(meta))
    });
    let partitioned = partitioned.collect::<Result<Vec<_>>>()?;
    let share = partitioned.len().div_ceil(partitions.max(1));
    Ok(partitioned.chunks(share).map(|chunk| FileGroup::new(chunk.to_vec())).collect())
}

/// The columns that are shown, in their order and types, made of those of `plan`.
fn project(state: &dyn Session, plan: Arc<dyn ExecutionPlan>, shown: &SchemaRef) -> Result<Arc<dyn ExecutionPlan>> {
    let input = plan.schema();
    let input_schema = DFSchema::try_from(Arc::clone(&input))?;
    let columns = shown.fields().iter().map(|field| {
        let stored = || ident(field.name().clone());
        let expr = match input.field_with_name(field.name()) {
            _ if field.name() == COMMUNITY_ID => community_id(),
            Ok(kept) if kept.data_type() != field.data_type() => ip_text().call(vec![stored()]),
            _ => stored(),
        };
        Ok((state.create_physical_expr(expr, &input_schema)?, field.name().clone()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
}
