//! Flat columns that all results share: one row per record, bucket or influencer. Stored and shown alike.
//!
//! Owns names and types, and typed access by name; must not know what the rows mean together.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;

/// `result_type` of an anomalous bucket of one series.
pub const RECORD: &str = "record";
/// `result_type` of a bucket of one perspective.
pub const BUCKET: &str = "bucket";
/// `result_type` of an influencer of a bucket.
pub const INFLUENCER: &str = "influencer";

/// Schema of stored results and of the table `results`.
pub fn result_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(build);
    Arc::clone(&SCHEMA)
}

fn build() -> SchemaRef {
    let required = |name: &str, kind: DataType| Field::new(name, kind, false);
    let optional = |name: &str, kind: DataType| Field::new(name, kind, true);
    let fields = vec![
        required("result_type", DataType::Utf8),
        required("perspective", DataType::Utf8),
        required("timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        required("bucket_span", DataType::UInt32),
        required("score", DataType::Float64),
        required("initial_score", DataType::Float64),
        required("severity", DataType::Utf8),
        required("probability", DataType::Float64),
        required("is_interim", DataType::Boolean),
        required("revised", DataType::Boolean),
        optional("level", DataType::Utf8),
        optional("server_ip", DataType::Utf8),
        optional("server_port", DataType::UInt16),
        optional("client_ip", DataType::Utf8),
        optional("service", DataType::Utf8),
        optional("primary", DataType::Boolean),
        optional("multi_bucket_impact", DataType::Float64),
        optional("actual", DataType::Float64),
        optional("typical", DataType::Float64),
        optional("lower", DataType::Float64),
        optional("upper", DataType::Float64),
        optional("attempts", DataType::UInt64),
        optional("clients", DataType::UInt64),
        optional("spike", DataType::Boolean),
        optional("anomaly_length", DataType::UInt32),
        optional("single_bucket_log10_p", DataType::UInt32),
        optional("multi_bucket_log10_p", DataType::UInt32),
        optional("high_variance_penalty", DataType::Boolean),
        optional("incomplete_bucket_penalty", DataType::Boolean),
        optional("influencers", DataType::Utf8),
        optional("outcomes", DataType::Utf8),
        optional("cause", DataType::Utf8),
        optional("evidence", DataType::Utf8),
        optional("event_count", DataType::UInt64),
        optional("failed_count", DataType::UInt64),
        optional("series_count", DataType::UInt64),
        optional("influencer_field", DataType::Utf8),
        optional("influencer_value", DataType::Utf8),
    ];
    Arc::new(Schema::new(fields))
}

/// Typed access to the columns of a batch by name. Every answer is `None` where there is no such value.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a>(pub &'a RecordBatch);

impl<'a> Columns<'a> {
    /// A text.
    pub fn text(self, name: &str, row: usize) -> Option<&'a str> {
        let array = self.0.column_by_name(name)?.as_string_opt::<i32>()?;
        array.is_valid(row).then(|| array.value(row))
    }

    /// A text that names a value.
    pub fn parse<T: FromStr>(self, name: &str, row: usize) -> Option<T> {
        self.text(name, row)?.parse().ok()
    }

    /// A number or time.
    pub fn number<T: ArrowPrimitiveType>(self, name: &str, row: usize) -> Option<T::Native> {
        let array = self.0.column_by_name(name)?.as_primitive_opt::<T>()?;
        array.is_valid(row).then(|| array.value(row))
    }

    /// A truth value.
    pub fn flag(self, name: &str, row: usize) -> Option<bool> {
        let array = self.0.column_by_name(name)?.as_boolean_opt()?;
        array.is_valid(row).then(|| array.value(row))
    }

    /// An address kept as text.
    pub fn address(self, name: &str, row: usize) -> Option<IpAddr> {
        self.parse(name, row)
    }
}
