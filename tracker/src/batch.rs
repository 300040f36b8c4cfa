//! Session records to Arrow batches and back.
//!
//! Owns the mapping between [`SessionRecord`] and [`session_schema`]; must not know files.

mod plain;
mod runs;

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, StringBuilder};
use arrow::datatypes::{DataType, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::locality::{address_key, address_of};
use crate::outcome::UnknownName;
use crate::record::{Endpoint, HostInfo, IcmpError, SessionRecord, SideTotals};
use crate::schema::session_schema;
use crate::service::service_name;
use plain::{Addresses, Numbers};
use runs::{NameRuns, NumberRuns, TextRuns};

/// Why a batch could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Arrow refused the columns.
    #[error("failed to assemble a session batch: {0}")]
    Arrow(#[from] ArrowError),
    /// A column that every session file has is absent or of another type.
    #[error("column {0:?} is missing or has another type")]
    Column(&'static str),
    /// A name column holds a value that no version of the product writes.
    #[error(transparent)]
    Name(#[from] UnknownName),
}

/// The columns in the order of the schema: name, builder, and what a record has for it.
macro_rules! columns {
    ($record:ident: $($field:ident: $builder:ty = $value:expr,)+) => {
        /// Collects session records into one Arrow batch of [`session_schema`].
        #[derive(Debug, Default)]
        pub struct SessionBatchBuilder { rows: usize, $($field: $builder,)+ }

        impl SessionBatchBuilder {
            /// Appends records, column by column.
            pub fn extend(&mut self, records: &[SessionRecord]) {
                self.rows += records.len();
                $(self.$field.extend(records.iter().map(|$record| $value));)+
            }

            /// The rows so far as one batch; the builder is empty afterwards.
            pub fn finish(&mut self) -> Result<RecordBatch, BatchError> {
                self.rows = 0;
                let schema = session_schema();
                let arrays: Vec<ArrayRef> = vec![$(Arc::new(self.$field.finish()) as ArrayRef,)+];
                let arrays = arrays
                    .into_iter()
                    .zip(schema.fields())
                    .map(|(array, field)| match field.data_type() {
                        DataType::Timestamp(_, Some(zone)) => in_zone(&array, zone),
                        _ => array,
                    })
                    .collect();
                Ok(RecordBatch::try_new(schema, arrays)?)
            }
        }
    };
}

columns! { record:
    session_id: Numbers<UInt64Type> = record.session_id,
    start: Numbers<TimestampMicrosecondType> = record.start,
    end: Numbers<TimestampMicrosecondType> = record.end,
    proto: NumberRuns<UInt8Type> = Some(record.proto),
    client_ip: Addresses = address_key(record.client.ip),
    server_ip: Addresses = address_key(record.server.ip),
    client_port: Numbers<UInt16Type> = record.client.port,
    server_port: Numbers<UInt16Type> = record.server.port,
    service: NameRuns = service_name(record.proto, record.server.port),
    perspective: NameRuns = Some(record.perspective.as_str()),
    outcome_class: NameRuns = Some(record.outcome.class().as_str()),
    outcome: NameRuns = Some(record.outcome.as_str()),
    confidence: NameRuns = Some(record.confidence.as_str()),
    inferred: BooleanBuilder = Some(record.inferred),
    end_reason: NameRuns = Some(record.end_reason.as_str()),
    client_packets: Numbers<UInt64Type> = record.sent.packets,
    server_packets: Numbers<UInt64Type> = record.received.packets,
    client_bytes: Numbers<UInt64Type> = record.sent.bytes,
    server_bytes: Numbers<UInt64Type> = record.received.bytes,
    client_tcp_flags: NumberRuns<UInt16Type> = record.sent.tcp_flags,
    server_tcp_flags: NumberRuns<UInt16Type> = record.received.tcp_flags,
    syn_count: NumberRuns<UInt32Type> = Some(record.syn_count),
    conn_state: NameRuns = record.conn_state,
    history: StringBuilder = record.history.as_deref(),
    icmp: TextRuns = record.icmp.map(|icmp| format!("{}/{}", icmp.kind, icmp.code)),
    origin: NameRuns = Some(record.origin.as_str()),
    export_type: NameRuns = Some(record.export_type.as_str()),
    observer: TextRuns = Some(&record.observer),
    observers: TextRuns = (!record.observers.is_empty()).then(|| record.observers.join(",")),
    domain: NumberRuns<UInt32Type> = Some(record.domain),
    sampling: NumberRuns<UInt32Type> = Some(record.sampling),
    vlan: NumberRuns<UInt16Type> = record.vlan,
    tunnel: NumberRuns<UInt32Type> = record.tunnel,
    input_interface: NumberRuns<UInt32Type> = record.input_interface,
    output_interface: NumberRuns<UInt32Type> = record.output_interface,
    client_asn: NumberRuns<UInt32Type> = record.client_info.asn,
    client_as_org: TextRuns = record.client_info.as_org.as_deref(),
    client_country: TextRuns = record.client_info.country.as_deref(),
    client_host: TextRuns = record.client_info.host.as_deref(),
    server_asn: NumberRuns<UInt32Type> = record.server_info.asn,
    server_as_org: TextRuns = record.server_info.as_org.as_deref(),
    server_country: TextRuns = record.server_info.country.as_deref(),
    server_host: TextRuns = record.server_info.host.as_deref(),
    client_payload_bytes: NumberRuns<UInt64Type> = record.client_payload,
    server_payload_bytes: NumberRuns<UInt64Type> = record.server_payload,
    client_city: TextRuns = record.client_info.city.as_deref(),
    server_city: TextRuns = record.server_info.city.as_deref(),
    observer_name: TextRuns = record.observer_name.as_deref(),
    input_interface_name: TextRuns = record.input_interface_name.as_deref(),
    output_interface_name: TextRuns = record.output_interface_name.as_deref(),
}

impl SessionBatchBuilder {
    /// Number of rows collected since the last [`finish`](Self::finish).
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether nothing has been collected.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends one record.
    pub fn push(&mut self, record: &SessionRecord) {
        self.extend(std::slice::from_ref(record));
    }
}

/// The builders of times know no zone; the schema does.
fn in_zone(array: &ArrayRef, zone: &Arc<str>) -> ArrayRef {
    match array.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) => Arc::new(times.clone().with_timezone(Arc::clone(zone))),
        None => Arc::clone(array),
    }
}

/// A typed view of one batch's columns, found by name.
struct Columns<'a>(&'a RecordBatch);

impl<'a> Columns<'a> {
    fn array(&self, name: &'static str) -> Result<&'a ArrayRef, BatchError> {
        self.0.column_by_name(name).ok_or(BatchError::Column(name))
    }

    fn text(&self, name: &'static str, row: usize) -> Result<Option<&'a str>, BatchError> {
        let array = self.array(name)?.as_string_opt::<i32>().ok_or(BatchError::Column(name))?;
        Ok(array.is_valid(row).then(|| array.value(row)))
    }

    fn name<T: std::str::FromStr<Err = UnknownName>>(&self, name: &'static str, row: usize) -> Result<T, BatchError> {
        Ok(self.text(name, row)?.ok_or(BatchError::Column(name))?.parse()?)
    }

    fn shared(&self, name: &'static str, row: usize) -> Result<Option<Arc<str>>, BatchError> {
        Ok(self.text(name, row)?.map(Arc::from))
    }

    fn number<T: arrow::datatypes::ArrowPrimitiveType>(
        &self,
        name: &'static str,
        row: usize,
    ) -> Result<Option<T::Native>, BatchError> {
        let array = self.array(name)?.as_primitive_opt::<T>().ok_or(BatchError::Column(name))?;
        Ok(array.is_valid(row).then(|| array.value(row)))
    }

    /// A text column that older files lack.
    fn added_text(&self, name: &'static str, row: usize) -> Result<Option<Arc<str>>, BatchError> {
        if self.0.column_by_name(name).is_none() { Ok(None) } else { self.shared(name, row) }
    }

    /// A column that older files lack.
    fn added<T: arrow::datatypes::ArrowPrimitiveType>(
        &self,
        name: &'static str,
        row: usize,
    ) -> Result<Option<T::Native>, BatchError> {
        if self.0.column_by_name(name).is_none() { Ok(None) } else { self.number::<T>(name, row) }
    }

    fn required<T: arrow::datatypes::ArrowPrimitiveType>(
        &self,
        name: &'static str,
        row: usize,
    ) -> Result<T::Native, BatchError> {
        self.number::<T>(name, row)?.ok_or(BatchError::Column(name))
    }

    fn address(&self, name: &'static str, row: usize) -> Result<IpAddr, BatchError> {
        let array = self.array(name)?.as_binary_opt::<i32>().ok_or(BatchError::Column(name))?;
        let bytes = array.value(row).try_into().map_err(|_| BatchError::Column(name))?;
        Ok(address_of(u128::from_be_bytes(bytes)))
    }
}

/// The records of a batch that has (at least) the columns of [`session_schema`], in order.
///
/// # Errors
/// A missing or differently typed column, or a name that is none of ours.
pub fn read_batch(batch: &RecordBatch) -> Result<Vec<SessionRecord>, BatchError> {
    let columns = Columns(batch);
    (0..batch.num_rows()).map(|row| read_row(&columns, row)).collect()
}

fn read_row(columns: &Columns<'_>, row: usize) -> Result<SessionRecord, BatchError> {
    let endpoint = |ip, port| -> Result<Endpoint, BatchError> {
        Ok(Endpoint { ip: columns.address(ip, row)?, port: columns.required::<UInt16Type>(port, row)? })
    };
    let side = |packets, bytes, flags| -> Result<SideTotals, BatchError> {
        Ok(SideTotals {
            packets: columns.required::<UInt64Type>(packets, row)?,
            bytes: columns.required::<UInt64Type>(bytes, row)?,
            tcp_flags: columns.number::<UInt16Type>(flags, row)?,
        })
    };
    let info = |asn, as_org, country, city, host| -> Result<HostInfo, BatchError> {
        Ok(HostInfo {
            asn: columns.number::<UInt32Type>(asn, row)?,
            as_org: columns.shared(as_org, row)?,
            country: columns.shared(country, row)?,
            city: columns.added_text(city, row)?,
            host: columns.shared(host, row)?,
        })
    };
    Ok(SessionRecord {
        session_id: columns.required::<UInt64Type>("session_id", row)?,
        start: columns.required::<TimestampMicrosecondType>("start", row)?,
        end: columns.required::<TimestampMicrosecondType>("end", row)?,
        proto: columns.required::<UInt8Type>("proto", row)?,
        client: endpoint("client_ip", "client_port")?,
        server: endpoint("server_ip", "server_port")?,
        perspective: columns.name("perspective", row)?,
        outcome: columns.name("outcome", row)?,
        confidence: columns.name("confidence", row)?,
        inferred: columns.array("inferred")?.as_boolean_opt().ok_or(BatchError::Column("inferred"))?.value(row),
        end_reason: columns.name("end_reason", row)?,
        sent: side("client_packets", "client_bytes", "client_tcp_flags")?,
        received: side("server_packets", "server_bytes", "server_tcp_flags")?,
        client_payload: columns.added::<UInt64Type>("client_payload_bytes", row)?,
        server_payload: columns.added::<UInt64Type>("server_payload_bytes", row)?,
        syn_count: columns.required::<UInt32Type>("syn_count", row)?,
        conn_state: columns.text("conn_state", row)?.and_then(known_conn_state),
        history: columns.text("history", row)?.map(str::to_owned),
        icmp: columns.text("icmp", row)?.and_then(parse_icmp),
        origin: columns.name("origin", row)?,
        export_type: columns.name("export_type", row)?,
        observer: columns.shared("observer", row)?.ok_or(BatchError::Column("observer"))?,
        observers: columns
            .text("observers", row)?
            .map(|all| all.split(',').map(Arc::from).collect())
            .unwrap_or_default(),
        domain: columns.required::<UInt32Type>("domain", row)?,
        sampling: columns.required::<UInt32Type>("sampling", row)?,
        vlan: columns.number::<UInt16Type>("vlan", row)?,
        tunnel: columns.number::<UInt32Type>("tunnel", row)?,
        input_interface: columns.number::<UInt32Type>("input_interface", row)?,
        output_interface: columns.number::<UInt32Type>("output_interface", row)?,
        observer_name: columns.added_text("observer_name", row)?,
        input_interface_name: columns.added_text("input_interface_name", row)?,
        output_interface_name: columns.added_text("output_interface_name", row)?,
        client_info: info("client_asn", "client_as_org", "client_country", "client_city", "client_host")?,
        server_info: info("server_asn", "server_as_org", "server_country", "server_city", "server_host")?,
    })
}

/// Zeek's connection states (Zeek manual, conn.log).
pub const CONN_STATES: [&str; 13] =
    ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];

fn known_conn_state(text: &str) -> Option<&'static str> {
    CONN_STATES.into_iter().find(|known| *known == text)
}

fn parse_icmp(text: &str) -> Option<IcmpError> {
    let (kind, code) = text.split_once('/')?;
    Some(IcmpError { kind: kind.parse().ok()?, code: code.parse().ok()? })
}

#[cfg(test)]
mod tests;
