//! Reading part of a Parquet file: only the pages whose range of one whole-number column is asked for, batch by batch.

use std::fs::File;
use std::ops::RangeInclusive;
use std::path::Path;

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection, RowSelector,
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;

/// Rows handed over at once.
const BATCH: usize = 8_192;

/// Hands over the rows of the pages that may hold a value of one of the ranges in a column, in the file's order. Other
/// rows of those pages come along.
///
/// # Errors
/// What is wrong with the file, or what `each` says.
pub fn scan(
    path: &Path,
    column: &str,
    ranges: &[RangeInclusive<i64>],
    each: &mut dyn FnMut(&RecordBatch) -> Result<(), String>,
) -> Result<(), String> {
    let (builder, _) = open(path, column, ranges)?;
    hand_over(builder, each)
}

/// Hands over the rows that have one of these values in a column, in the file's order. Of the other columns no more is decoded
/// than those rows.
///
/// # Errors
/// What is wrong with the file, or what `each` says.
pub fn pick(
    path: &Path,
    column: &str,
    values: &[i64],
    each: &mut dyn FnMut(&RecordBatch) -> Result<(), String>,
) -> Result<(), String> {
    let ranges: Vec<_> = values.iter().map(|value| *value..=*value).collect();
    let (builder, index) = open(path, column, &ranges)?;
    let mask = ProjectionMask::leaves(builder.parquet_schema(), [index]);
    let values = values.to_vec();
    let wanted = ArrowPredicateFn::new(mask, move |batch: RecordBatch| {
        let column = batch.column(0).as_primitive_opt::<Int64Type>();
        let column = column.ok_or_else(|| ArrowError::SchemaError("not a column of whole numbers".to_owned()))?;
        Ok(column.values().iter().map(|value| Some(values.contains(value))).collect())
    });
    hand_over(builder.with_row_filter(RowFilter::new(vec![Box::new(wanted)])), each)
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// A reader of the pages that may hold a value of one of the ranges in a column, and the number of that column.
fn open(path: &Path, column: &str, ranges: &[RangeInclusive<i64>]) -> Result<(Builder, usize), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(|e| e.to_string())?;
    let columns = builder.metadata().file_metadata().schema_descr();
    let index = columns.columns().iter().position(|known| known.name() == column).ok_or("a column is missing")?;
    let (mut groups, mut rows) = (Vec::new(), Vec::new());
    for group in 0..builder.metadata().num_row_groups() {
        if let Some(mut selected) = select(builder.metadata(), group, index, ranges) {
            groups.push(group);
            rows.append(&mut selected);
        }
    }
    let builder = builder.with_row_groups(groups).with_row_selection(RowSelection::from(rows));
    Ok((builder.with_batch_size(BATCH), index))
}

fn hand_over(builder: Builder, each: &mut dyn FnMut(&RecordBatch) -> Result<(), String>) -> Result<(), String> {
    for batch in builder.build().map_err(|e| e.to_string())? {
        each(&batch.map_err(|e| e.to_string())?)?;
    }
    Ok(())
}

/// The rows of a batch with `from <= column < to`.
///
/// # Errors
/// There is no such column of whole numbers.
pub fn between(batch: &RecordBatch, column: &str, from: i64, to: i64) -> Result<RecordBatch, String> {
    let values = batch.column_by_name(column).and_then(|values| values.as_primitive_opt::<Int64Type>());
    let values = values.ok_or("a column is missing")?;
    let mask: BooleanArray = values.values().iter().map(|value| Some((from..to).contains(value))).collect();
    filter_record_batch(batch, &mask).map_err(|e| e.to_string())
}

/// The rows of a row group that may hold a value of one of the ranges; `None`: none of them.
fn select(
    metadata: &ParquetMetaData,
    group: usize,
    column: usize,
    ranges: &[RangeInclusive<i64>],
) -> Option<Vec<RowSelector>> {
    let may_hold = |low: Option<i64>, high: Option<i64>| {
        ranges
            .iter()
            .any(|range| low.is_none_or(|low| low <= *range.end()) && high.is_none_or(|high| high >= *range.start()))
    };
    let chunk = metadata.row_group(group);
    if let Some(Statistics::Int64(all)) = chunk.column(column).statistics()
        && !may_hold(all.min_opt().copied(), all.max_opt().copied())
    {
        return None;
    }
    let all = usize::try_from(chunk.num_rows()).ok()?;
    let index = metadata.column_index().and_then(|index| index.get(group)?.get(column));
    let places = metadata.offset_index().and_then(|index| index.get(group)?.get(column));
    let (Some(ColumnIndexMetaData::INT64(index)), Some(places)) = (index, places) else {
        return Some(vec![RowSelector::select(all)]);
    };
    let begins: Vec<usize> =
        places.page_locations().iter().map(|page| usize::try_from(page.first_row_index).unwrap_or(0)).collect();
    let mut selected = Vec::new();
    for (page, begin) in begins.iter().enumerate() {
        let rows = begins.get(page + 1).copied().unwrap_or(all).saturating_sub(*begin);
        let wanted = may_hold(index.min_value(page).copied(), index.max_value(page).copied());
        selected.push(if wanted { RowSelector::select(rows) } else { RowSelector::skip(rows) });
    }
    Some(selected)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::store::seal::write_parquet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn what_is_asked_for_comes_and_far_pages_stay(step in 1i64..4, from in 0i64..400_000, length in 0i64..20_000) {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("tmp")).unwrap();
            let path = folder.path().join("numbers.parquet");
            let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
            let numbers = Int64Array::from_iter_values((0..150_000).map(|n| n * step));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(numbers)]).unwrap();
            write_parquet(folder.path(), &path, schema, &[batch], &[]).unwrap();
            let mut found = Vec::new();
            let range = from..=from + length;
            scan(&path, "n", &[range.clone(), -7..=-1], &mut |batch| {
                found.extend(batch.column(0).as_primitive::<Int64Type>().values());
                Ok(())
            })
            .unwrap();
            let expected: Vec<i64> = (0..150_000).map(|n| n * step).filter(|n| range.contains(n)).collect();
            let kept: Vec<i64> = found.iter().copied().filter(|n| range.contains(n)).collect();
            prop_assert_eq!(&kept, &expected);
            prop_assert!(found.len() <= expected.len() + 3 * 8_192, "{} for {}", found.len(), expected.len());
            let mut picked: Vec<i64> = Vec::new();
            pick(&path, "n", &[from * step, 149_999 * step, -1], &mut |batch| {
                picked.extend(batch.column(0).as_primitive::<Int64Type>().values());
                Ok(())
            })
            .unwrap();
            let ends = [from * step, 149_999 * step];
            prop_assert_eq!(picked, (0..150_000).map(|n| n * step).filter(|n| ends.contains(n)).collect::<Vec<_>>());
        }
    }
}
