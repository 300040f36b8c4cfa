//! Reads tables of values: CSV and Parquet become rows of time, series and value.
//!
//! What cannot be understood is left out and counted. Must not know what the rows are for.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use analytics::TableRow;
use anyhow::{Context as _, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMillisecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::cli::time;

/// Which columns matter.
#[derive(Debug, Clone)]
pub struct Columns {
    pub time: String,
    pub value: Option<String>,
    pub by: Vec<String>,
    /// Values are told apart, not measured.
    pub distinct: bool,
    /// Values are counts: whole or not, they are no less than nothing.
    pub counts: bool,
}

/// A table as read.
#[derive(Debug, Default)]
pub struct Table {
    pub rows: Vec<TableRow>,
    /// Values of the by-columns of each series.
    pub series: Vec<Vec<String>>,
    /// Rows whose time or value was not understood, with the first of them in words.
    pub odd: u64,
    pub first_odd: Option<String>,
    /// Rows without a value.
    pub empty: u64,
    known: HashMap<Vec<String>, u32>,
    texts: HashMap<String, u32>,
}

impl Table {
    fn push(&mut self, columns: &Columns, line: u64, time: Result<i64, String>, value: Cell<'_>, by: Vec<String>) {
        let time = match time {
            Ok(time) => time,
            Err(text) => return self.leave_out(line, &columns.time, &text),
        };
        let value = match value {
            Cell::None => f64::NAN,
            Cell::Text(text) if is_empty(text) => {
                self.empty += 1;
                return;
            }
            Cell::Text(text) if columns.distinct => {
                let next = self.texts.len() as u32;
                f64::from(*self.texts.entry(text.to_owned()).or_insert(next))
            }
            Cell::Text(text) => match text.trim().parse::<f64>() {
                Ok(value) if value.is_finite() && !(columns.counts && value < 0.0) => value,
                _ => return self.leave_out(line, columns.value.as_deref().unwrap_or_default(), text),
            },
        };
        let next = self.series.len() as u32;
        let series = *self.known.entry(by).or_insert_with_key(|by| {
            self.series.push(by.clone());
            next
        });
        self.rows.push(TableRow { time, series, value });
    }

    fn leave_out(&mut self, line: u64, column: &str, text: &str) {
        self.odd += 1;
        self.first_odd.get_or_insert_with(|| format!("row {line}: {column} is {text:?}"));
    }
}

/// A cell of the value column.
#[derive(Debug, Clone, Copy)]
enum Cell<'a> {
    /// There is no such column.
    None,
    Text(&'a str),
}

fn is_empty(text: &str) -> bool {
    ["", "nan", "null", "none", "na", "n/a", "-"].contains(&text.trim().to_ascii_lowercase().as_str())
}

/// Reads a table by the form that its name says.
pub fn read(path: &Path, columns: &Columns) -> anyhow::Result<Table> {
    let name = path.display();
    if path.as_os_str() == "-" {
        return read_csv(std::io::stdin().lock(), columns).context("failed to read standard input");
    }
    let file = File::open(path).with_context(|| format!("failed to open {name}"))?;
    let parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    let read = if parquet { read_parquet(file, columns) } else { read_csv(file, columns) };
    read.with_context(|| format!("failed to read {name}"))
}

/// The place of each column; the error names those that are missing and those there are.
fn places(names: &[String], columns: &Columns) -> anyhow::Result<(usize, Option<usize>, Vec<usize>)> {
    let wanted = [&columns.time].into_iter().chain(&columns.value).chain(&columns.by);
    let missing: Vec<&str> = wanted.filter(|name| !names.contains(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        bail!("there is no column {}; the columns are {}", missing.join(", "), names.join(", "));
    }
    let at = |name: &String| names.iter().position(|known| known == name).unwrap_or(0);
    Ok((at(&columns.time), columns.value.as_ref().map(at), columns.by.iter().map(at).collect()))
}

fn read_csv(mut input: impl Read, columns: &Columns) -> anyhow::Result<Table> {
    // The separator is the one that the header has most of.
    let mut front = Vec::new();
    input.by_ref().take(64 * 1024).read_to_end(&mut front)?;
    let header = front.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let times = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    let separator = [b',', b';', b'\t'].into_iter().rev().max_by_key(|s| times(*s)).unwrap_or(b',');
    let whole = front.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&front).chain(input);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(whole);
    let names: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
    let (time, value, by) = places(&names, columns)?;
    let mut table = Table::default();
    let mut record = csv::ByteRecord::new();
    let mut line = 1;
    while reader.read_byte_record(&mut record)? {
        line += 1;
        let texts: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        let text = |place: usize| texts.get(place).map_or("", |text| text.trim());
        let at = time::of_table(text(time)).ok_or_else(|| text(time).to_owned());
        let cell = value.map_or(Cell::None, |place| Cell::Text(text(place)));
        table.push(columns, line, at, cell, by.iter().map(|place| text(*place).to_owned()).collect());
    }
    Ok(table)
}

fn read_parquet(file: File, columns: &Columns) -> anyhow::Result<Table> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let names: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let (time, value, by) = places(&names, columns)?;
    let mut table = Table::default();
    let mut line = 0;
    for batch in reader.build()? {
        let batch = batch?;
        let texts = |place: usize| -> anyhow::Result<_> { Ok(cast(batch.column(place), &DataType::Utf8)?) };
        let times = times_of(&batch, time)?;
        let values = value.map(texts).transpose()?;
        let by = by.iter().map(|place| texts(*place)).collect::<anyhow::Result<Vec<_>>>()?;
        for (row, time) in times.iter().enumerate() {
            line += 1;
            let text = |array: &dyn Array| {
                if array.is_null(row) { String::new() } else { array.as_string::<i32>().value(row).to_owned() }
            };
            let value = values.as_ref().map(|array| text(array));
            let cell = value.as_deref().map_or(Cell::None, Cell::Text);
            let series = by.iter().map(|array| text(array)).collect();
            table.push(columns, line, time.clone(), cell, series);
        }
    }
    Ok(table)
}

/// The times of a batch, ms since the epoch, or their text where they are none.
fn times_of(batch: &RecordBatch, place: usize) -> anyhow::Result<Vec<Result<i64, String>>> {
    let column = batch.column(place);
    let nothing = || Err(String::new());
    Ok(match column.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let millis = cast(column, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
            let millis = millis.as_primitive::<TimestampMillisecondType>();
            millis.iter().map(|time| time.map_or_else(nothing, Ok)).collect()
        }
        kind if kind.is_integer() => {
            let numbers = cast(column, &DataType::Int64)?;
            let of = |number: i64| time::of_number(number as f64).ok_or_else(|| number.to_string());
            numbers.as_primitive::<Int64Type>().iter().map(|number| number.map_or_else(nothing, of)).collect()
        }
        kind if kind.is_floating() => {
            let numbers = cast(column, &DataType::Float64)?;
            let of = |number: f64| time::of_number(number).ok_or_else(|| number.to_string());
            numbers.as_primitive::<Float64Type>().iter().map(|number| number.map_or_else(nothing, of)).collect()
        }
        _ => {
            let texts = cast(column, &DataType::Utf8)?;
            let of = |text: &str| time::of_table(text).ok_or_else(|| text.to_owned());
            texts.as_string::<i32>().iter().map(|text| text.map_or_else(nothing, of)).collect()
        }
    })
}
