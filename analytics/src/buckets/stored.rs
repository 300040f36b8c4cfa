//! Bucket counts to rows of their data set and back.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, FixedSizeListArray, Int64Builder, StringBuilder, UInt16Builder,
    UInt64Array, UInt64Builder,
};
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt16Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use jobs::{Level, SeriesKey};
use tracker::Perspective;
use tracker::locality::address_key;

use crate::buckets::count::Rows;
use crate::buckets::counts::{BucketCounts, Pool, TCP_FAILURES, Tally};
use crate::error::Result;
use crate::key::{fingerprint, level_from, level_name};
use crate::results::columns::Columns;

const OUTCOMES: i32 = TCP_FAILURES.len() as i32;
/// Stands in the level column of rows that are no series.
const OBSERVER: &str = "observer";

/// Schema of the counts data set. `bucket` is the start in seconds.
pub fn counts_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let number = |name: &str| Field::new(name, DataType::UInt64, false);
        let outcome = Arc::new(Field::new("item", DataType::UInt64, false));
        Arc::new(Schema::new(vec![
            Field::new("bucket", DataType::Int64, false),
            Field::new("series", DataType::Int64, false),
            Field::new("perspective", DataType::Utf8, false),
            Field::new("level", DataType::Utf8, false),
            Field::new("server_ip", DataType::Binary, true),
            Field::new("server_port", DataType::UInt16, true),
            Field::new("client_ip", DataType::Binary, true),
            Field::new("observer", DataType::Utf8, true),
            Field::new("pooled", DataType::Boolean, false),
            number("members"),
            number("highest"),
            number("attempts"),
            number("failed"),
            number("clients"),
            number("servers"),
            number("ports"),
            Field::new("outcomes", DataType::FixedSizeList(outcome, OUTCOMES), false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// `series` of rows that tell of observers.
pub const OBSERVERS: i64 = 0;

/// `series` of the rows of one series: those of others may have the same, once in a great many.
pub fn number(key: &SeriesKey) -> i64 {
    fingerprint(key) as i64
}

/// `series` of the rows of a level's pool.
pub fn pool(perspective: Perspective, level: Level) -> i64 {
    number(&SeriesKey { perspective, level, server: None, port: None, client: None }) ^ 1
}

/// The rows in the order of their series, so that those of one lie together.
pub fn by_series(batch: &RecordBatch) -> Result<RecordBatch> {
    let sort =
        |name: &str| batch.column_by_name(name).map(|values| SortColumn { values: Arc::clone(values), options: None });
    let order = lexsort_to_indices(&[sort("series"), sort("bucket")].into_iter().flatten().collect::<Vec<_>>(), None)?;
    Ok(take_record_batch(batch, &order)?)
}

#[derive(Default)]
struct Builders {
    bucket: Int64Builder,
    series: Int64Builder,
    perspective: StringBuilder,
    level: StringBuilder,
    server_ip: BinaryBuilder,
    server_port: UInt16Builder,
    client_ip: BinaryBuilder,
    observer: StringBuilder,
    pooled: BooleanBuilder,
    numbers: [UInt64Builder; 7],
    outcomes: UInt64Builder,
}

impl Builders {
    fn push(&mut self, bucket: i64, perspective: Perspective, level: &str, members: u64, highest: u64, tally: &Tally) {
        self.bucket.append_value(bucket);
        self.perspective.append_value(perspective.as_str());
        self.level.append_value(level);
        let values = [members, highest, tally.attempts, tally.failed, tally.clients, tally.servers, tally.ports];
        for (builder, value) in self.numbers.iter_mut().zip(values) {
            builder.append_value(value);
        }
        self.outcomes.append_slice(&tally.outcomes);
    }

    fn key(&mut self, series: i64, key: Option<&SeriesKey>, observer: Option<&str>, pooled: bool) {
        self.series.append_value(series);
        let bytes = |ip: Option<std::net::IpAddr>| ip.map(|ip| address_key(ip).to_be_bytes());
        self.server_ip.append_option(bytes(key.and_then(|k| k.server)));
        self.server_port.append_option(key.and_then(|k| k.port));
        self.client_ip.append_option(bytes(key.and_then(|k| k.client)));
        self.observer.append_option(observer);
        self.pooled.append_value(pooled);
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.bucket.finish()),
            Arc::new(self.series.finish()),
            Arc::new(self.perspective.finish()),
            Arc::new(self.level.finish()),
            Arc::new(self.server_ip.finish()),
            Arc::new(self.server_port.finish()),
            Arc::new(self.client_ip.finish()),
            Arc::new(self.observer.finish()),
            Arc::new(self.pooled.finish()),
        ];
        columns.extend(self.numbers.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        let item = Arc::new(Field::new("item", DataType::UInt64, false));
        columns.push(Arc::new(FixedSizeListArray::try_new(item, OUTCOMES, Arc::new(self.outcomes.finish()), None)?));
        Ok(RecordBatch::try_new(counts_schema(), columns)?)
    }
}

/// Rows of these buckets (start in seconds), in their order.
pub fn to_batch<'a>(buckets: impl IntoIterator<Item = (i64, &'a BucketCounts)>) -> Result<RecordBatch> {
    let mut rows = Builders::default();
    for (bucket, counts) in buckets {
        for (&perspective, counts) in &counts.perspectives {
            for (observer, &records) in &counts.observers {
                rows.push(bucket, perspective, OBSERVER, records, 0, &Tally::default());
                rows.key(OBSERVERS, None, Some(observer), false);
            }
            for (key, tally) in &counts.series {
                rows.push(bucket, perspective, level_name(key.level), 1, tally.failed, tally);
                rows.key(number(key), Some(key), None, false);
            }
            for (&level, rest) in &counts.pools {
                rows.push(bucket, perspective, level_name(level), rest.members, rest.highest, &rest.tally);
                rows.key(pool(perspective, level), None, None, true);
            }
        }
    }
    rows.finish()
}

/// The buckets of rows that [`to_batch`] made, by start in seconds.
///
/// # Errors
/// What is wrong with a row.
pub fn from_batch(batch: &RecordBatch, into: &mut BTreeMap<i64, BucketCounts>) -> Result<(), String> {
    let columns = Columns(batch);
    let rows = Rows::new(batch).map_err(|e| e.to_string())?;
    let outcomes = batch.column_by_name("outcomes").and_then(|c| c.as_fixed_size_list_opt()).ok_or("no outcomes")?;
    for row in 0..batch.num_rows() {
        let odd = || format!("row {row} is incomplete");
        let bucket = columns.number::<Int64Type>("bucket", row).ok_or_else(odd)?;
        let perspective: Perspective = columns.parse("perspective", row).ok_or_else(odd)?;
        let level = columns.text("level", row).ok_or_else(odd)?;
        let number = |name| columns.number::<UInt64Type>(name, row).ok_or_else(odd);
        let counts = into.entry(bucket).or_default().perspectives.entry(perspective).or_default();
        if level == OBSERVER {
            counts.observers.insert(columns.text("observer", row).ok_or_else(odd)?.to_owned(), number("members")?);
            continue;
        }
        let level = level_from(level).ok_or_else(odd)?;
        let tally = Tally {
            attempts: number("attempts")?,
            failed: number("failed")?,
            clients: number("clients")?,
            servers: number("servers")?,
            ports: number("ports")?,
            outcomes: read_outcomes(outcomes.value(row).as_primitive_opt()).ok_or_else(odd)?,
        };
        if columns.flag("pooled", row).ok_or_else(odd)? {
            counts.pools.insert(level, Pool { members: number("members")?, tally, highest: number("highest")? });
        } else {
            let key = SeriesKey {
                perspective,
                level,
                server: rows.address("server_ip", row),
                port: columns.number::<UInt16Type>("server_port", row),
                client: rows.address("client_ip", row),
            };
            counts.series.insert(key, tally);
        }
    }
    Ok(())
}

fn read_outcomes(values: Option<&UInt64Array>) -> Option<[u64; TCP_FAILURES.len()]> {
    values?.values().as_ref().try_into().ok()
}
