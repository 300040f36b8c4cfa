//! Documents as text: NDJSON, the bulk form of Elasticsearch, and CSV.
//!
//! Pure functions from documents to lines. Must not know files, sockets or results.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Document;

/// One JSON object a line, with its id under `_id` first.
pub fn ndjson(documents: impl IntoIterator<Item = Document>) -> impl Iterator<Item = String> {
    documents.into_iter().map(|document| {
        let mut line = Map::new();
        line.insert("_id".to_owned(), Value::String(document.id));
        line.extend(document.body);
        format!("{}\n", Value::Object(line))
    })
}

/// Two lines a document, as Elasticsearch's `_bulk` takes them: what to do, and the document.
pub fn bulk(documents: impl IntoIterator<Item = Document>, index: &str) -> impl Iterator<Item = String> {
    documents.into_iter().map(move |document| {
        let action = json!({"index": {"_index": index, "_id": document.id}});
        format!("{action}\n{}\n", Value::Object(document.body))
    })
}

/// CSV (RFC 4180) with a header line: [`csv_objects`] of documents, each with its id first.
pub fn csv(documents: impl IntoIterator<Item = Document>) -> impl Iterator<Item = String> {
    csv_objects(documents.into_iter().map(|document| {
        let mut row = Map::new();
        row.insert("_id".to_owned(), Value::String(document.id));
        row.extend(document.body);
        row
    }))
}

/// CSV (RFC 4180) with a header line; one column per key, nested objects flattened with dots.
///
/// The columns are those of all objects, in order of first appearance; several values of one field are separated
/// by `;`, and lists of objects are written as JSON.
pub fn csv_objects(objects: impl IntoIterator<Item = Map<String, Value>>) -> impl Iterator<Item = String> {
    let mut columns: Vec<String> = Vec::new();
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut rows: Vec<Vec<(usize, String)>> = Vec::new();
    for object in objects {
        let mut cells = Vec::new();
        flatten("", &object, &mut cells);
        let row = cells.into_iter().map(|(column, text)| {
            let next = columns.len();
            let index = *place.entry(column.clone()).or_insert(next);
            if index == next {
                columns.push(column);
            }
            (index, text)
        });
        rows.push(row.collect());
    }
    let header = (!columns.is_empty()).then(|| csv_line(columns.iter().map(String::as_str)));
    let width = columns.len();
    header.into_iter().chain(rows.into_iter().map(move |cells| {
        let mut row = vec![String::new(); width];
        for (index, text) in cells {
            row[index] = text;
        }
        csv_line(row.iter().map(String::as_str))
    }))
}

/// One line of CSV (RFC 4180), `CR LF` included.
pub fn csv_line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        line.push_str(&csv_cell(cell));
    }
    line.push_str("\r\n");
    line
}

/// A cell, quoted where RFC 4180 needs it. Text that a spreadsheet would run as a formula is preceded by `'`.
fn csv_cell(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let quoted = cell.contains([',', '"', '\n', '\r']);
    if !formula && !quoted {
        return Cow::Borrowed(cell);
    }
    let guard = if formula { "'" } else { "" };
    if quoted { format!("\"{guard}{}\"", cell.replace('"', "\"\"")).into() } else { format!("{guard}{cell}").into() }
}

/// The cells of an object: nested objects by dotted key.
fn flatten(prefix: &str, map: &Map<String, Value>, cells: &mut Vec<(String, String)>) {
    for (key, value) in map {
        let column = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => flatten(&column, inner, cells),
            _ => cells.push((column, cell_text(value))),
        }
    }
}

/// A value as the text of one cell.
fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => value.to_string(),
        Value::Array(items) => {
            let mut text = String::new();
            for (index, item) in items.iter().enumerate() {
                let _ = write!(text, "{}{}", if index > 0 { ";" } else { "" }, cell_text(item));
            }
            text
        }
        other => other.to_string(),
    }
}
