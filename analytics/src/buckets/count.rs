//! Counting: asks session files for what buckets need, and makes series of it.
//!
//! The SQL lies in `.sql` files and uses built-in functions and file-backed tables only. It reads, selects and names; that
//! each session counts for five levels, and each party once, is cheaper told in code (`levels.rs`) than in SQL, which would
//! read the sessions again for each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, Int64Array, StringArray, UInt16Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt as _;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio::task::JoinSet;
use tracker::locality::address_of;
use tracker::{Micros, Outcome, Perspective};

use crate::buckets::counts::BucketCounts;
use crate::buckets::levels::Levels;
use crate::error::{Result, StoreError};
use crate::query::{counting_context, sessions::StoredSessions};
use crate::results::columns::Columns;
use crate::store::footer::SessionFile;

const ATTEMPTS_SQL: &str = include_str!("sql/attempts.sql");
const OBSERVERS_SQL: &str = include_str!("sql/observers.sql");
pub(crate) const FAILURES_SQL: &str = include_str!("sql/failures.sql");

/// How many series are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Per bucket, perspective and level.
    pub series: u32,
    /// Of these, series without a failure only up to this rank by attempts.
    pub quiet: u32,
}

/// Counts of the buckets in `from..to` (µs, multiples of `span` µs) from these files, by bucket start in µs.
/// Buckets without any record are absent.
pub async fn count(
    files: Vec<Arc<SessionFile>>,
    span: Micros,
    from: Micros,
    to: Micros,
    limits: Limits,
) -> Result<BTreeMap<Micros, BucketCounts>> {
    let mut buckets: BTreeMap<Micros, BucketCounts> = BTreeMap::new();
    if files.is_empty() {
        return Ok(buckets);
    }
    for batch in run(OBSERVERS_SQL, files.clone(), values(span, from, to)).await? {
        read_observers(&batch, span, &mut buckets)?;
    }
    let mut parts = JoinSet::new();
    for sessions in over(files)?
        .sql(ATTEMPTS_SQL)
        .await?
        .with_param_values(values(span, from, to))?
        .execute_stream_partitioned()
        .await?
    {
        parts.spawn(levels(sessions, span));
    }
    let mut counted: BTreeMap<(Micros, Perspective), Levels> = BTreeMap::new();
    while let Some(part) = parts.join_next().await {
        for (place, levels) in part.map_err(|error| DataFusionError::External(Box::new(error)))?? {
            match counted.entry(place) {
                Entry::Vacant(free) => drop(free.insert(levels)),
                Entry::Occupied(mut known) => known.get_mut().merge(levels),
            }
        }
    }
    let finished: Vec<_> = counted
        .into_par_iter()
        .map(|((bucket, perspective), levels)| (bucket, perspective, levels.finish(perspective, limits)))
        .collect();
    for (bucket, perspective, own) in finished {
        let counts = buckets.entry(bucket).or_default().perspectives.entry(perspective).or_default();
        (counts.series, counts.pools) = (own.series, own.pools);
    }
    Ok(buckets)
}

/// Counts some of the attempted sessions.
async fn levels(
    mut sessions: SendableRecordBatchStream,
    span: Micros,
) -> Result<BTreeMap<(Micros, Perspective), Levels>> {
    let mut buckets: BTreeMap<(Micros, Perspective), Levels> = BTreeMap::new();
    while let Some(batch) = sessions.try_next().await? {
        let rows = Attempts::new(&batch)?;
        for row in 0..batch.num_rows() {
            let levels = buckets.entry((rows.buckets.value(row) * span, rows.perspective(row)?)).or_default();
            levels.add(rows.server(row)?, rows.ports.value(row), rows.client(row)?, rows.failure(row));
        }
    }
    Ok(buckets)
}

/// What the placeholders of the bucket queries stand for, `$1` first.
fn values(span: Micros, from: Micros, to: Micros) -> Vec<ScalarValue> {
    let time = |value| ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()));
    vec![ScalarValue::Int64(Some(span)), time(from), time(to)]
}

/// Runs one bucket query over these files.
pub(crate) async fn run(sql: &str, files: Vec<Arc<SessionFile>>, values: Vec<ScalarValue>) -> Result<Vec<RecordBatch>> {
    Ok(over(files)?.sql(sql).await?.with_param_values(values)?.collect().await?)
}

fn over(files: Vec<Arc<SessionFile>>) -> Result<SessionContext> {
    let context = counting_context();
    context.register_table("sessions", Arc::new(StoredSessions::of_files(files)))?;
    Ok(context)
}

fn read_observers(batch: &RecordBatch, span: Micros, into: &mut BTreeMap<Micros, BucketCounts>) -> Result<()> {
    let rows = Rows::new(batch)?;
    for row in 0..batch.num_rows() {
        let bucket = i64::try_from(rows.number("bucket", row)?).map_err(|_| odd("bucket"))? * span;
        let observer = Columns(batch).text("observer", row).unwrap_or_default().to_owned();
        let counts = into.entry(bucket).or_default().perspectives.entry(rows.perspective(row)?).or_default();
        *counts.observers.entry(observer).or_default() += rows.number("records", row)?;
    }
    Ok(())
}

/// The columns of attempted sessions.
struct Attempts<'a> {
    buckets: &'a Int64Array,
    perspectives: &'a StringArray,
    servers: &'a BinaryArray,
    ports: &'a UInt16Array,
    clients: &'a BinaryArray,
    failures: &'a StringArray,
}

impl<'a> Attempts<'a> {
    fn new(batch: &'a RecordBatch) -> Result<Self> {
        fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T> {
            batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref()).ok_or_else(|| odd(name))
        }
        Ok(Self {
            buckets: column(batch, "bucket")?,
            perspectives: column(batch, "perspective")?,
            servers: column(batch, "server_ip")?,
            ports: column(batch, "server_port")?,
            clients: column(batch, "client_ip")?,
            failures: column(batch, "failure")?,
        })
    }

    fn perspective(&self, row: usize) -> Result<Perspective> {
        self.perspectives.value(row).parse().map_err(|_| odd("perspective"))
    }

    fn server(&self, row: usize) -> Result<u128> {
        Ok(u128::from_be_bytes(self.servers.value(row).try_into().map_err(|_| odd("server_ip"))?))
    }

    fn client(&self, row: usize) -> Result<u128> {
        Ok(u128::from_be_bytes(self.clients.value(row).try_into().map_err(|_| odd("client_ip"))?))
    }

    fn failure(&self, row: usize) -> Option<Outcome> {
        if self.failures.is_valid(row) { self.failures.value(row).parse().ok() } else { None }
    }
}

fn odd(column: &str) -> StoreError {
    arrow::error::ArrowError::SchemaError(format!("bucket query gave no usable column {column:?}")).into()
}

/// Answers of a bucket query with every number as `u64`.
pub(crate) struct Rows<'a> {
    batch: &'a RecordBatch,
    numbers: BTreeMap<String, Arc<dyn Array>>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(batch: &'a RecordBatch) -> Result<Self> {
        let mut numbers = BTreeMap::new();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            if field.data_type().is_integer() {
                numbers.insert(field.name().clone(), cast(column, &DataType::UInt64)?);
            }
        }
        Ok(Self { batch, numbers })
    }

    pub(crate) fn number(&self, name: &str, row: usize) -> Result<u64> {
        let column = self.numbers.get(name).ok_or_else(|| odd(name))?.as_primitive::<UInt64Type>();
        if column.is_valid(row) { Ok(column.value(row)) } else { Err(odd(name)) }
    }

    pub(crate) fn address(&self, name: &str, row: usize) -> Option<IpAddr> {
        let column = self.batch.column_by_name(name)?.as_binary_opt::<i32>()?;
        let bytes = column.is_valid(row).then(|| column.value(row))?;
        Some(address_of(u128::from_be_bytes(bytes.try_into().ok()?)))
    }

    pub(crate) fn perspective(&self, row: usize) -> Result<Perspective> {
        Columns(self.batch).parse("perspective", row).ok_or_else(|| odd("perspective"))
    }
}
