//! Objects as a CSV table (RFC 4180) whose columns are known only when the last object has come.
//!
//! Must not know where rows wait until then, nor what the objects mean.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, BufWriter, Cursor, Read, Seek, Write};

use serde_json::{Map, Value};

use super::Document;

/// A table that grows. Its rows wait in `spool` (a temporary file, or memory) until the header can be written; only the
/// names of the columns are held.
///
/// One column per key, nested objects flattened with dots, in order of first appearance. Several values of one field are
/// separated by `;`, and lists of objects are written as JSON.
#[derive(Debug)]
pub struct CsvTable<S: Write> {
    columns: Vec<String>,
    place: HashMap<String, usize>,
    spool: BufWriter<S>,
}

impl<S: Read + Write + Seek> CsvTable<S> {
    /// An empty table; `spool` is empty, too.
    pub fn new(spool: S) -> Self {
        Self { columns: Vec::new(), place: HashMap::new(), spool: BufWriter::new(spool) }
    }

    /// Adds a row. Fails where the spool does.
    pub fn push(&mut self, object: &Map<String, Value>) -> io::Result<()> {
        let mut cells = Vec::new();
        flatten("", object, &mut cells);
        let row: Vec<(usize, String)> = cells.into_iter().map(|(column, text)| (self.column(column), text)).collect();
        serde_json::to_writer(&mut self.spool, &row)?;
        self.spool.write_all(b"\n")
    }

    /// Adds a document as a row, its id first.
    pub fn push_document(&mut self, document: Document) -> io::Result<()> {
        let mut row = Map::new();
        row.insert("_id".to_owned(), Value::String(document.id));
        row.extend(document.body);
        self.push(&row)
    }

    fn column(&mut self, name: String) -> usize {
        let next = self.columns.len();
        let index = *self.place.entry(name.clone()).or_insert(next);
        if index == next {
            self.columns.push(name);
        }
        index
    }

    /// The header and the rows, a line each, `CR LF` included; none at all where nothing was added. A line is an error
    /// where the spool cannot be read.
    pub fn lines(self) -> io::Result<impl Iterator<Item = io::Result<String>>> {
        let width = self.columns.len();
        let header = (width > 0).then(|| csv_line(self.columns.iter().map(String::as_str)));
        let mut spool = self.spool.into_inner().map_err(io::IntoInnerError::into_error)?;
        spool.rewind()?;
        let rows = BufReader::new(spool).lines().map(move |line| {
            let cells: Vec<(usize, String)> = serde_json::from_str(&line?)?;
            let mut row = vec![String::new(); width];
            for (index, text) in cells {
                if let Some(cell) = row.get_mut(index) {
                    *cell = text;
                }
            }
            Ok(csv_line(row.iter().map(String::as_str)))
        });
        Ok(header.map(Ok).into_iter().chain(rows))
    }
}

/// The table of a few objects as one text.
pub fn csv_text(objects: impl IntoIterator<Item = Map<String, Value>>) -> io::Result<String> {
    let mut table = CsvTable::new(Cursor::new(Vec::new()));
    objects.into_iter().try_for_each(|object| table.push(&object))?;
    table.lines()?.collect()
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
