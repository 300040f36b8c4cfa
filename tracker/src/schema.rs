//! The Arrow schema of stored sessions.
//!
//! Owns column names, order and types; must not know how rows are made.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Version of the layout, kept in the schema's metadata under `halfopen.schema`.
///
/// Columns are only ever added, at the end and nullable, so that older files stay readable.
pub const SCHEMA_VERSION: &str = "1";

/// Schema of the `sessions` table as it is stored.
///
/// Addresses are 16 bytes in network order, IPv4 as v4-mapped IPv6, so that every prefix is one range of values and
/// prefix filters use Parquet statistics. Times are UTC microseconds.
pub fn session_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(build);
    Arc::clone(&SCHEMA)
}

fn build() -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let required = |name: &str, kind: DataType| Field::new(name, kind, false);
    let optional = |name: &str, kind: DataType| Field::new(name, kind, true);
    let fields = vec![
        required("session_id", DataType::UInt64),
        required("start", time()),
        required("end", time()),
        required("proto", DataType::UInt8),
        required("client_ip", DataType::Binary),
        required("server_ip", DataType::Binary),
        required("client_port", DataType::UInt16),
        required("server_port", DataType::UInt16),
        optional("service", DataType::Utf8),
        required("perspective", DataType::Utf8),
        required("outcome_class", DataType::Utf8),
        required("outcome", DataType::Utf8),
        required("confidence", DataType::Utf8),
        required("inferred", DataType::Boolean),
        required("end_reason", DataType::Utf8),
        required("client_packets", DataType::UInt64),
        required("server_packets", DataType::UInt64),
        required("client_bytes", DataType::UInt64),
        required("server_bytes", DataType::UInt64),
        optional("client_tcp_flags", DataType::UInt16),
        optional("server_tcp_flags", DataType::UInt16),
        required("syn_count", DataType::UInt32),
        optional("conn_state", DataType::Utf8),
        optional("history", DataType::Utf8),
        optional("icmp", DataType::Utf8),
        required("origin", DataType::Utf8),
        required("export_type", DataType::Utf8),
        required("observer", DataType::Utf8),
        optional("observers", DataType::Utf8),
        required("domain", DataType::UInt32),
        required("sampling", DataType::UInt32),
        optional("vlan", DataType::UInt16),
        optional("tunnel", DataType::UInt32),
        optional("input_interface", DataType::UInt32),
        optional("output_interface", DataType::UInt32),
        optional("client_asn", DataType::UInt32),
        optional("client_as_org", DataType::Utf8),
        optional("client_country", DataType::Utf8),
        optional("client_host", DataType::Utf8),
        optional("server_asn", DataType::UInt32),
        optional("server_as_org", DataType::Utf8),
        optional("server_country", DataType::Utf8),
        optional("server_host", DataType::Utf8),
        optional("client_payload_bytes", DataType::UInt64),
        optional("server_payload_bytes", DataType::UInt64),
        optional("client_city", DataType::Utf8),
        optional("server_city", DataType::Utf8),
        optional("observer_name", DataType::Utf8),
        optional("input_interface_name", DataType::Utf8),
        optional("output_interface_name", DataType::Utf8),
    ];
    let metadata = [("halfopen.schema".to_owned(), SCHEMA_VERSION.to_owned())].into();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}
