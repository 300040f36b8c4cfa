//! What is written in the short form reads as what the library's writer would have written.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;

use super::*;
use crate::store::seal::{properties, write_parquet};

/// Columns of every type that sessions have, of the values of `choices`: alike where there is one choice. Every other column
/// may have nulls.
fn batch(rows: usize, choices: u64, texts: usize) -> RecordBatch {
    let value = |row: usize| 40 + row as u64 % choices;
    let text = |row: usize| "é".repeat(texts) + &"x".repeat((row as u64 % choices) as usize);
    let all = || 0..rows;
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("u8", Arc::new(UInt8Array::from_iter_values(all().map(|row| value(row) as u8))), false),
        ("u16", Arc::new(UInt16Array::from_iter(all().map(|row| Some(value(row) as u16)))), true),
        ("u32", Arc::new(UInt32Array::from_iter_values(all().map(|row| u32::MAX - value(row) as u32))), false),
        ("u64", Arc::new(UInt64Array::from_iter(all().map(|row| Some(u64::MAX - value(row))))), true),
        ("time", Arc::new(TimestampMicrosecondArray::from_iter_values(all().map(|row| -5 - value(row) as i64))), false),
        ("text", Arc::new(StringArray::from_iter(all().map(|row| Some(text(row))))), true),
        ("bytes", Arc::new(BinaryArray::from_iter_values(all().map(|row| [0xff_u8, value(row) as u8]))), false),
        ("flag", Arc::new(BooleanArray::from_iter(all().map(|row| Some(value(row) == 40)))), false),
        ("absent", Arc::new(UInt64Array::new_null(rows)), true),
        ("sparse", Arc::new(UInt64Array::from_iter(all().map(|row| (row % 3 > 0).then_some(7)))), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn metadata(file: &File) -> ArrowReaderMetadata {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    ArrowReaderMetadata::load(file, options).unwrap()
}

fn check(rows: usize, choices: u64, texts: usize) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tmp")).unwrap();
    let batch = batch(rows, choices, texts);
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    write_parquet(
        folder.path(),
        &ours,
        batch.schema(),
        &[batch.slice(0, rows / 2), batch.slice(rows / 2, rows - rows / 2)],
        &[],
    )
    .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(&theirs).unwrap(), batch.schema(), Some(properties(&[]))).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let ours = File::open(ours).unwrap();
    let read = ParquetRecordBatchReaderBuilder::try_new(ours.try_clone().unwrap()).unwrap().with_batch_size(rows);
    let read: Vec<RecordBatch> = read.build().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(arrow::compute::concat_batches(&batch.schema(), &read).unwrap(), batch);

    let (ours, theirs) = (metadata(&ours), metadata(&File::open(theirs).unwrap()));
    assert_eq!(ours.metadata().num_row_groups(), theirs.metadata().num_row_groups());
    for (group, (mine, library)) in ours.metadata().row_groups().iter().zip(theirs.metadata().row_groups()).enumerate()
    {
        for (column, (mine, library)) in mine.columns().iter().zip(library.columns()).enumerate() {
            assert_eq!(mine.statistics(), library.statistics(), "{}", mine.column_path());
            assert_eq!(mine.num_values(), library.num_values());
            let pages = ours.metadata().offset_index().unwrap()[group][column].page_locations();
            let ends = pages.iter().map(|page| page.offset + i64::from(page.compressed_page_size));
            assert!(ends.max().unwrap() <= ours.metadata().row_group(group).column(column).byte_range().into_end());
            assert_eq!(pages[0].first_row_index, 0);
        }
    }
}

/// Where a chunk ends.
trait End {
    fn into_end(self) -> i64;
}

impl End for (u64, u64) {
    fn into_end(self) -> i64 {
        (self.0 + self.1).cast_signed()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn files_read_alike(rows in 1_usize..3_000, choices in 1_u64..20, texts in 0_usize..40) {
        check(rows, choices, texts);
    }
}

#[test]
fn several_row_groups() {
    check(140_000, 1, 3);
    check(140_000, 300, 3);
}
