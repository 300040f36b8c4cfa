//! Write-once files: written under a temporary name, synced, and renamed once.
//!
//! Owns the crash guarantee: a file under its final name is whole. Must not know what rows mean.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tracker::session_schema;

use crate::error::{Result, StoreError};
use crate::store::chunk::chunk;
use crate::store::few::{Few, few, only};
use crate::store::layout::TEMPORARY;
use crate::store::order::{file_order, reordered};

/// A column of hashes: neither a dictionary nor compression would gain anything.
const HASH_COLUMN: &str = "session_id";

/// Columns of numbers that hardly repeat and lie close together: their differences are stored, in as many bits as needed.
const MEASURE_COLUMNS: [&str; 7] =
    ["start", "end", "client_port", "client_packets", "server_packets", "client_bytes", "server_bytes"];

/// Rows of a page at most.
pub(super) const PAGE: usize = 8_192;

/// Rows of a row group at most.
const ROW_GROUP: usize = 131_072;

/// How a Parquet file is laid out: zstd, dictionaries, page statistics, and `notes` in its footer.
pub fn properties(notes: &[(&str, String)]) -> WriterProperties {
    let notes = notes.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_data_page_row_count_limit(PAGE)
        .set_key_value_metadata(Some(notes));
    let hash = ColumnPath::from(HASH_COLUMN);
    builder = builder
        .set_column_dictionary_enabled(hash.clone(), false)
        .set_column_compression(hash, Compression::UNCOMPRESSED);
    for name in MEASURE_COLUMNS {
        let column = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

/// Writes the rows of `batches` as the Parquet file `target`, whole or not at all.
///
/// # Errors
/// The temporary file cannot be written, synced or renamed; it is removed then where possible.
pub fn write_parquet(
    root: &Path,
    target: &Path,
    schema: SchemaRef,
    batches: &[RecordBatch],
    notes: &[(&str, String)],
) -> Result<()> {
    let rows = together(&schema, batches)?;
    write_ordered(root, target, schema, &rows, None, notes)
}

/// Writes sessions, in the order that session files have; how many.
///
/// # Errors
/// As [`write_parquet`]; the columns are not those of sessions.
pub fn write_sessions(root: &Path, target: &Path, batches: &[RecordBatch], notes: &[(&str, String)]) -> Result<usize> {
    let rows = together(&session_schema(), batches)?;
    write_ordered(root, target, rows.schema(), &rows, file_order(&rows)?.as_ref(), notes)?;
    Ok(rows.num_rows())
}

fn together(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    match batches {
        [one] => Ok(one.clone()),
        _ => Ok(concat_batches(schema, batches)?),
    }
}

fn write_ordered(
    root: &Path,
    target: &Path,
    schema: SchemaRef,
    rows: &RecordBatch,
    order: Option<&UInt32Array>,
    notes: &[(&str, String)],
) -> Result<()> {
    write_sealed(root, target, |file| {
        let fail = |source| StoreError::Parquet { action: "write", path: target.to_owned(), source };
        let inner = write_rows(BufWriter::new(file), schema, rows, order, notes).map_err(fail)?;
        inner.into_inner().map_err(|e| StoreError::io("write", target)(e.into_error()))?;
        Ok(())
    })
}

/// Writes row groups column by column, those with few values [in a way of our own](chunk). A column is put in order when it is
/// written, so that no second copy of all of them is made.
fn write_rows<W: Write + Send>(
    out: W,
    schema: SchemaRef,
    rows: &RecordBatch,
    order: Option<&UInt32Array>,
    notes: &[(&str, String)],
) -> parquet::errors::Result<W> {
    let mut properties = properties(notes);
    let mut columns = Vec::with_capacity(rows.num_columns());
    for (field, column) in schema.fields().iter().zip(rows.columns()) {
        let path = ColumnPath::from(field.name().as_str());
        let with_dictionary = properties.dictionary_enabled(&path);
        let few = if with_dictionary { few(column) } else { only(column).map(Few::from) };
        if few.is_some() {
            // The library has nothing to do, so it need not set up a compressor.
            properties = properties.into_builder().set_column_compression(path, Compression::UNCOMPRESSED).build();
        }
        columns.push((few, column));
    }
    let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties))?;
    let (mut file, writers) = writer.into_serialized_writer()?;
    let descriptions = file.schema_descr().columns().to_vec();
    for (number, start) in (0..rows.num_rows()).step_by(ROW_GROUP).enumerate() {
        let length = ROW_GROUP.min(rows.num_rows() - start);
        let order = order.map(|order| order.slice(start, length));
        let mut group = file.next_row_group()?;
        // Every column is a leaf: nothing in the store is nested.
        for (index, mut writer) in writers.create_column_writers(number)?.into_iter().enumerate() {
            let (few, column) = &columns[index];
            if let Some(few) = few {
                let part = match &order {
                    Some(order) => few.part(order.values().iter().map(|&row| row as usize)),
                    None => few.part(start..start + length),
                };
                let (chunk, close) = chunk(&part, length, &descriptions[index])?;
                group.append_column(&chunk, close)?;
                continue;
            }
            let part = match &order {
                Some(order) if column.null_count() < column.len() => reordered(column, order)?,
                _ => column.slice(start, length),
            };
            for leaf in compute_leaves(schema.field(index), &part)? {
                writer.write(&leaf)?;
            }
            writer.close()?.append_to_row_group(&mut group)?;
        }
        group.close()?;
    }
    file.into_inner()
}

/// Writes what `fill` writes as the file `target`, whole or not at all.
///
/// # Errors
/// As [`write_parquet`].
pub fn write_stream(
    root: &Path,
    target: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    write_sealed(root, target, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        fill(&mut out).and_then(|()| out.flush()).map_err(StoreError::io("write", target))
    })
}

fn write_sealed(root: &Path, target: &Path, fill: impl FnOnce(&File) -> Result<()>) -> Result<()> {
    let folder = target.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
    let name = target.file_name().unwrap_or_default();
    let temporary = root.join(TEMPORARY).join(name);
    let written = (|| {
        let file = File::create(&temporary).map_err(StoreError::io("create", &temporary))?;
        fill(&file)?;
        file.sync_all().map_err(StoreError::io("sync", &temporary))?;
        #[cfg(test)]
        fault::strike().map_err(StoreError::io("rename", target))?;
        fs::rename(&temporary, target).map_err(StoreError::io("rename", target))
    })();
    #[cfg(test)]
    fault::strike().map_err(StoreError::io("go on after", target))?;
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    sync_folder(folder)
}

/// Removes a file or folder that no longer counts.
///
/// # Errors
/// It cannot be removed; one that is gone already is no error.
pub fn remove(path: &Path) -> Result<()> {
    #[cfg(test)]
    fault::strike().map_err(StoreError::io("remove", path))?;
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a rename in `folder` durable.
fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(StoreError::io("sync", folder))
}

/// Removes what a crash left under `tmp/` of files whose names begin with `prefix`.
pub fn remove_leftovers(root: &Path, prefix: &str) -> usize {
    // What follows the prefix is a 26-letter ULID and the ending: another collector's prefix may begin with ours.
    let ours = |name: &str| {
        name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).map(str::len) == Some(26 + ".parquet".len())
    };
    remove_unfinished(root, ours)
}

/// Removes unfinished files under `tmp/` by their names. Returns how many there were.
pub fn remove_unfinished(root: &Path, ours: impl Fn(&str) -> bool) -> usize {
    let Ok(entries) = fs::read_dir(root.join(TEMPORARY)) else { return 0 };
    entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(&ours))
        .filter(|entry| fs::remove_file(entry.path()).is_ok())
        .count()
}

/// Death at a chosen moment, for tests: from the n-th step on, nothing more happens to any file.
#[cfg(test)]
pub mod fault {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// This thread dies after so many steps; `None`: it lives.
    pub fn after(steps: Option<usize>) {
        LEFT.set(steps);
    }

    /// One step.
    pub fn strike() -> io::Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other("killed")),
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
