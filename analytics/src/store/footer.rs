//! What a session file's footer says: rows, time range, and which older files it replaces.
//!
//! A file whose footer cannot be read is corrupt; it is skipped and reported, never an error of the whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;
use tracker::Micros;

/// Footer key under which a merged file lists the files whose rows it took over, as `name:first:last` by commas.
pub const REPLACES: &str = "halfopen.replaces";

/// A file as it was first written: what buckets are marked with, also after its rows moved into a merged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// File name.
    pub name: String,
    /// Earliest `end` in it.
    pub first: Micros,
    /// Latest `end` in it.
    pub last: Micros,
}

impl Original {
    /// The files of a [`REPLACES`] note.
    fn parse_all(note: &str) -> Option<Vec<Self>> {
        let one = |entry: &str| {
            let mut parts = entry.rsplitn(3, ':');
            let last = parts.next()?.parse().ok()?;
            let first = parts.next()?.parse().ok()?;
            Some(Self { name: parts.next()?.to_owned(), first, last })
        };
        note.split(',').map(one).collect()
    }

    /// The [`REPLACES`] note for these files.
    pub fn note(all: &[Self]) -> String {
        let entries: Vec<String> = all.iter().map(|o| format!("{}:{}:{}", o.name, o.first, o.last)).collect();
        entries.join(",")
    }
}

/// One whole session file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFile {
    /// Where it is.
    pub path: PathBuf,
    /// File name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// Earliest `end` in it.
    pub first: Micros,
    /// Latest `end` in it.
    pub last: Micros,
    /// The files whose rows it holds: itself, or those that it was merged from.
    pub originals: Vec<Original>,
}

/// Reads the footer of the file at `path`.
///
/// # Errors
/// What is wrong with the file, as text for the report.
pub fn read_footer(path: &Path) -> Result<SessionFile, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let size = file.metadata().map_err(|e| e.to_string())?.len();
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|e| e.to_string())?;
    let (first, last) = end_range(&metadata)?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("its name is not UTF-8")?.to_owned();
    let replaced = match note(&metadata, REPLACES) {
        Some(note) => Original::parse_all(&note).ok_or("its list of replaced files is garbled")?,
        None => vec![Original { name: name.clone(), first, last }],
    };
    let rows = u64::try_from(metadata.file_metadata().num_rows()).map_err(|e| e.to_string())?;
    Ok(SessionFile { path: path.to_owned(), size, rows, first, last, originals: replaced, name })
}

/// The value of a footer note.
pub fn note(metadata: &ParquetMetaData, key: &str) -> Option<String> {
    metadata.file_metadata().key_value_metadata()?.iter().find(|entry| entry.key == key)?.value.clone()
}

fn end_range(metadata: &ParquetMetaData) -> Result<(Micros, Micros), String> {
    let columns = metadata.file_metadata().schema_descr();
    let index = columns.columns().iter().position(|column| column.name() == "end").ok_or("no column \"end\"")?;
    let mut range: Option<(Micros, Micros)> = None;
    for group in metadata.row_groups() {
        let Some(Statistics::Int64(stats)) = group.column(index).statistics() else {
            return Err("no statistics of column \"end\"".to_owned());
        };
        let (Some(&low), Some(&high)) = (stats.min_opt(), stats.max_opt()) else {
            return Err("no range of column \"end\"".to_owned());
        };
        let (first, last) = range.unwrap_or((low, high));
        range = Some((first.min(low), last.max(high)));
    }
    range.ok_or_else(|| "no rows".to_owned())
}
