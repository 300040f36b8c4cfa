//! Counting: runs the bucket SQL over session files and reads its answer.
//!
//! The SQL lies in `.sql` files and uses built-in functions and file-backed tables only.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt64Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use jobs::SeriesKey;
use tracker::locality::address_of;
use tracker::{Micros, Outcome, Perspective};

use crate::buckets::counts::{BucketCounts, Pool, TCP_FAILURES, Tally};
use crate::error::{Result, StoreError};
use crate::key::level_from;
use crate::query::{counting_context, sessions::StoredSessions};
use crate::results::columns::Columns;
use crate::store::footer::SessionFile;

const LEVELS_SQL: &str = include_str!("sql/levels.sql");
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
    let values = values(span, from, to, limits);
    for batch in run(OBSERVERS_SQL, files.clone(), values[..3].to_vec()).await? {
        read_observers(&batch, span, &mut buckets)?;
    }
    for batch in run(LEVELS_SQL, files, values.to_vec()).await? {
        read_levels(&batch, span, &mut buckets)?;
    }
    Ok(buckets)
}

/// How many rows the bucket query answers with, and the sum of each number in them, in the order of its columns.
pub(crate) async fn sums(
    files: Vec<Arc<SessionFile>>,
    span: Micros,
    from: Micros,
    to: Micros,
    limits: Limits,
) -> Result<Vec<u64>> {
    let names = ["members", "attempts", "failed", "highest", "clients", "servers", "ports"];
    let all: String =
        names.into_iter().chain(TCP_FAILURES.map(Outcome::as_str)).map(|n| format!(", sum({n}) AS {n}")).collect();
    let sql = format!("SELECT count(*) AS answered{all} FROM ({LEVELS_SQL})");
    let mut found = Vec::new();
    for batch in run(&sql, files, values(span, from, to, limits).to_vec()).await? {
        let rows = Rows::new(&batch)?;
        for field in batch.schema().fields() {
            found.push(rows.number(field.name(), 0)?);
        }
    }
    Ok(found)
}

/// What the placeholders of the bucket queries stand for, `$1` first.
fn values(span: Micros, from: Micros, to: Micros, limits: Limits) -> [ScalarValue; 5] {
    let number = |value: i64| ScalarValue::Int64(Some(value));
    let time = |value| ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()));
    let (series, quiet) = (number(i64::from(limits.series)), number(i64::from(limits.quiet)));
    [number(span), time(from), time(to), series, quiet]
}

/// Runs one bucket query over these files.
pub(crate) async fn run(sql: &str, files: Vec<Arc<SessionFile>>, values: Vec<ScalarValue>) -> Result<Vec<RecordBatch>> {
    let context = counting_context();
    context.register_table("sessions", Arc::new(StoredSessions::of_files(files)))?;
    Ok(context.sql(sql).await?.with_param_values(values)?.collect().await?)
}

fn read_observers(batch: &RecordBatch, span: Micros, into: &mut BTreeMap<Micros, BucketCounts>) -> Result<()> {
    let rows = Rows::new(batch)?;
    for row in 0..batch.num_rows() {
        let (bucket, perspective) = rows.place(row, span)?;
        let observer = Columns(batch).text("observer", row).unwrap_or_default().to_owned();
        let counts = into.entry(bucket).or_default().perspectives.entry(perspective).or_default();
        *counts.observers.entry(observer).or_default() += rows.number("records", row)?;
    }
    Ok(())
}

fn read_levels(batch: &RecordBatch, span: Micros, into: &mut BTreeMap<Micros, BucketCounts>) -> Result<()> {
    let rows = Rows::new(batch)?;
    for row in 0..batch.num_rows() {
        let (bucket, perspective) = rows.place(row, span)?;
        let mut tally = Tally {
            attempts: rows.number("attempts", row)?,
            failed: rows.number("failed", row)?,
            clients: rows.number("clients", row)?,
            servers: rows.number("servers", row)?,
            ports: rows.number("ports", row)?,
            outcomes: [0; TCP_FAILURES.len()],
        };
        for (count, outcome) in tally.outcomes.iter_mut().zip(TCP_FAILURES) {
            *count = rows.number(outcome.as_str(), row)?;
        }
        let level = Columns(batch).text("level", row).and_then(level_from).ok_or_else(|| odd("level"))?;
        let counts = into.entry(bucket).or_default().perspectives.entry(perspective).or_default();
        if Columns(batch).flag("pooled", row).unwrap_or(false) {
            let pool = Pool { members: rows.number("members", row)?, tally, highest: rows.number("highest", row)? };
            counts.pools.insert(level, pool);
            continue;
        }
        let key = SeriesKey {
            perspective,
            level,
            server: rows.address("server_ip", row),
            port: rows.number("server_port", row).ok().and_then(|port| u16::try_from(port).ok()),
            client: rows.address("client_ip", row),
        };
        counts.series.insert(key, tally);
    }
    Ok(())
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

    fn place(&self, row: usize, span: Micros) -> Result<(Micros, Perspective)> {
        let bucket = i64::try_from(self.number("bucket", row)?).map_err(|_| odd("bucket"))?;
        Ok((bucket * span, self.perspective(row)?))
    }
}
