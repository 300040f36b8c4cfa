//! What the model expected of each series in each bucket, as rows (`model_plot` in Elastic's terms).
//!
//! Kept apart from the results, which are held in memory; read only for a series that someone looks at.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray, UInt16Array};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt16Type};
use arrow::record_batch::RecordBatch;
use jobs::{Expectation, SeriesKey};
use tracker::locality::address_key;

use crate::buckets::count::Rows;
use crate::buckets::stored::number;
use crate::error::Result;
use crate::key::{level_from, level_name};
use crate::results::columns::Columns;

/// What the model expected of one series in one bucket, and the score it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct PlotPoint {
    /// Series.
    pub series: SeriesKey,
    /// Bucket start, seconds.
    pub bucket: i64,
    /// Expected count and interval.
    pub expected: Expectation,
    /// 0-100.
    pub score: f64,
    /// The recent buckets together weigh more than this one.
    pub multi: bool,
}

/// Schema of the plots data set.
pub fn plot_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let decimal = |name: &str| Field::new(name, DataType::Float64, false);
        Arc::new(Schema::new(vec![
            Field::new("bucket", DataType::Int64, false),
            Field::new("series", DataType::Int64, false),
            Field::new("perspective", DataType::Utf8, false),
            Field::new("level", DataType::Utf8, false),
            Field::new("server_ip", DataType::Binary, true),
            Field::new("server_port", DataType::UInt16, true),
            Field::new("client_ip", DataType::Binary, true),
            decimal("typical"),
            decimal("lower"),
            decimal("upper"),
            decimal("score"),
            Field::new("multi", DataType::Boolean, false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// These points as rows.
pub fn to_batch(points: &[PlotPoint]) -> Result<RecordBatch> {
    let bytes = |ip: Option<std::net::IpAddr>| ip.map(|ip| address_key(ip).to_be_bytes());
    let binary = |pick: fn(&SeriesKey) -> Option<std::net::IpAddr>| {
        let values: Vec<Option<[u8; 16]>> = points.iter().map(|p| bytes(pick(&p.series))).collect();
        Arc::new(BinaryArray::from_iter(values)) as ArrayRef
    };
    let decimal =
        |pick: fn(&PlotPoint) -> f64| Arc::new(Float64Array::from_iter_values(points.iter().map(pick))) as ArrayRef;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(points.iter().map(|p| p.bucket))),
        Arc::new(Int64Array::from_iter_values(points.iter().map(|p| number(&p.series)))),
        Arc::new(StringArray::from_iter_values(points.iter().map(|p| p.series.perspective.as_str()))),
        Arc::new(StringArray::from_iter_values(points.iter().map(|p| level_name(p.series.level)))),
        binary(|key| key.server),
        Arc::new(points.iter().map(|p| p.series.port).collect::<UInt16Array>()),
        binary(|key| key.client),
        decimal(|p| p.expected.typical),
        decimal(|p| p.expected.lower),
        decimal(|p| p.expected.upper),
        decimal(|p| p.score),
        Arc::new(points.iter().map(|p| Some(p.multi)).collect::<BooleanArray>()),
    ];
    Ok(RecordBatch::try_new(plot_schema(), columns)?)
}

/// The points of rows that [`to_batch`] made; rows that are not whole are left out.
pub fn from_batch(batch: &RecordBatch) -> Vec<PlotPoint> {
    let columns = Columns(batch);
    let Ok(rows) = Rows::new(batch) else { return Vec::new() };
    let point = |row: usize| {
        Some(PlotPoint {
            series: SeriesKey {
                perspective: columns.parse("perspective", row)?,
                level: level_from(columns.text("level", row)?)?,
                server: rows.address("server_ip", row),
                port: columns.number::<UInt16Type>("server_port", row),
                client: rows.address("client_ip", row),
            },
            bucket: columns.number::<Int64Type>("bucket", row)?,
            expected: Expectation {
                typical: columns.number::<Float64Type>("typical", row)?,
                lower: columns.number::<Float64Type>("lower", row)?,
                upper: columns.number::<Float64Type>("upper", row)?,
            },
            score: columns.number::<Float64Type>("score", row)?,
            multi: columns.flag("multi", row)?,
        })
    };
    (0..batch.num_rows()).filter_map(point).collect()
}
