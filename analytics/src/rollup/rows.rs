//! Roll-up rows: sums by who and how, to Arrow and back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Array, StringArray, UInt8Array, UInt16Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt8Type, UInt16Type, UInt64Type};
use arrow::record_batch::RecordBatch;

use crate::buckets::count::Rows;
use crate::error::Result;
use crate::results::columns::Columns;

/// Who had sessions with whom, and how they ended. Addresses and ports of pooled rows are `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    pub perspective: String,
    pub proto: u8,
    pub server: Option<IpAddr>,
    pub port: Option<u16>,
    pub client: Option<IpAddr>,
    pub class: String,
    pub outcome: String,
}

/// Sums of these sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    pub sessions: u64,
    pub client_bytes: u64,
    pub server_bytes: u64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.client_bytes += other.client_bytes;
        self.server_bytes += other.server_bytes;
    }
}

/// The rows of one hour or day.
pub type Part = BTreeMap<Who, Sums>;

/// Adds rows of another part.
pub fn add(part: &mut Part, rows: impl IntoIterator<Item = (Who, Sums)>) {
    for (who, sums) in rows {
        part.entry(who).or_default().add(sums);
    }
}

/// Keeps the `most` rows with the most sessions of each class of outcome, and sums the others.
pub fn pool(part: Part, most: usize) -> Part {
    let mut rows: Vec<(Who, Sums)> = part.into_iter().collect();
    rows.sort_by(|a, b| b.1.sessions.cmp(&a.1.sessions).then_with(|| a.0.cmp(&b.0)));
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    let mut part = Part::new();
    for (who, sums) in rows {
        let count = kept.entry(who.class.clone()).or_default();
        *count += 1;
        let who = if *count > most { Who { server: None, port: None, client: None, ..who } } else { who };
        part.entry(who).or_default().add(sums);
    }
    part
}

/// Schema of the data sets. `bucket` is the start in seconds; addresses are text.
pub fn rollup_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let required = |name: &str, kind| Field::new(name, kind, false);
        Arc::new(Schema::new(vec![
            required("bucket", DataType::Int64),
            required("perspective", DataType::Utf8),
            required("proto", DataType::UInt8),
            Field::new("server_ip", DataType::Utf8, true),
            Field::new("server_port", DataType::UInt16, true),
            Field::new("client_ip", DataType::Utf8, true),
            required("outcome_class", DataType::Utf8),
            required("outcome", DataType::Utf8),
            required("sessions", DataType::UInt64),
            required("client_bytes", DataType::UInt64),
            required("server_bytes", DataType::UInt64),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// The rows of these parts by their starts (s).
pub fn to_batch(parts: &BTreeMap<i64, Part>) -> Result<RecordBatch> {
    let rows: Vec<(i64, &Who, &Sums)> =
        parts.iter().flat_map(|(start, part)| part.iter().map(|(who, sums)| (*start, who, sums))).collect();
    let text = |pick: &dyn Fn(&Who) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, who, _)| pick(who)).collect::<StringArray>())
    };
    let number = |pick: fn(&Sums) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(_, _, sums)| pick(sums))))
    };
    let columns = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|(start, ..)| *start))) as ArrayRef,
        text(&|who| Some(who.perspective.clone())),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|(_, who, _)| who.proto))),
        text(&|who| who.server.map(|ip| ip.to_string())),
        Arc::new(rows.iter().map(|(_, who, _)| who.port).collect::<UInt16Array>()),
        text(&|who| who.client.map(|ip| ip.to_string())),
        text(&|who| Some(who.class.clone())),
        text(&|who| Some(who.outcome.clone())),
        number(|sums| sums.sessions),
        number(|sums| sums.client_bytes),
        number(|sums| sums.server_bytes),
    ];
    Ok(RecordBatch::try_new(rollup_schema(), columns)?)
}

/// Adds the rows that [`to_batch`] made to parts by their starts (s); rows that are not whole are left out.
pub fn from_batch(batch: &RecordBatch, into: &mut BTreeMap<i64, Part>) {
    let columns = Columns(batch);
    for row in 0..batch.num_rows() {
        let read = || {
            let who = Who {
                perspective: columns.text("perspective", row)?.to_owned(),
                proto: columns.number::<UInt8Type>("proto", row)?,
                server: columns.address("server_ip", row),
                port: columns.number::<UInt16Type>("server_port", row),
                client: columns.address("client_ip", row),
                class: columns.text("outcome_class", row)?.to_owned(),
                outcome: columns.text("outcome", row)?.to_owned(),
            };
            let number = |name| columns.number::<UInt64Type>(name, row);
            let sums = Sums {
                sessions: number("sessions")?,
                client_bytes: number("client_bytes")?,
                server_bytes: number("server_bytes")?,
            };
            Some((columns.number::<Int64Type>("bucket", row)?, who, sums))
        };
        if let Some((start, who, sums)) = read() {
            add(into.entry(start).or_default(), [(who, sums)]);
        }
    }
}

/// The rows of the hour query's answer.
pub fn of_query(batch: &RecordBatch) -> Result<Vec<(Who, Sums)>> {
    let (rows, columns) = (Rows::new(batch)?, Columns(batch));
    let one = |row: usize| {
        let who = Who {
            perspective: columns.text("perspective", row).unwrap_or_default().to_owned(),
            proto: rows.number("proto", row)? as u8,
            server: rows.address("server_ip", row),
            port: rows.number("server_port", row).ok().map(|port| port as u16),
            client: rows.address("client_ip", row),
            class: columns.text("outcome_class", row).unwrap_or_default().to_owned(),
            outcome: columns.text("outcome", row).unwrap_or_default().to_owned(),
        };
        let sums = Sums {
            sessions: rows.number("sessions", row)?,
            client_bytes: rows.number("client_bytes", row)?,
            server_bytes: rows.number("server_bytes", row)?,
        };
        Ok((who, sums))
    };
    (0..batch.num_rows()).map(one).collect()
}
