//! Columns that have one value in all rows, such as what an exporter says with every record.
//!
//! Most columns of a file are like this. Parquet has a form in which such a column is one value and its count; the
//! library's writer arrives at it by way of every row. Owns that form of a column chunk; must not know which columns
//! there are. Source: Apache Parquet format, encodings "dictionary" and "run length encoding / bit-packing hybrid".

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, GenericByteArray, PrimitiveArray};
use arrow::datatypes::{
    ByteArrayType, DataType, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// Rows that are compared at once.
const BLOCK: usize = 1_024;
/// Longer texts are left to the library, which shortens them in statistics.
const LONGEST: usize = 64;

/// The value that all rows have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Only {
    Int(i32),
    Long(i64),
    Bytes(Vec<u8>),
}

impl Only {
    /// As statistics have it.
    fn bare(&self) -> Vec<u8> {
        match self {
            Self::Int(value) => value.to_le_bytes().to_vec(),
            Self::Long(value) => value.to_le_bytes().to_vec(),
            Self::Bytes(value) => value.clone(),
        }
    }

    /// As a dictionary page has it (encoding `PLAIN`).
    fn plain(&self) -> Vec<u8> {
        match self {
            Self::Bytes(value) => [&(value.len() as u32).to_le_bytes(), value.as_slice()].concat(),
            _ => self.bare(),
        }
    }

    fn statistics(&self) -> Statistics {
        match self {
            Self::Int(value) => Statistics::int32(Some(*value), Some(*value), None, Some(0), false),
            Self::Long(value) => Statistics::int64(Some(*value), Some(*value), None, Some(0), false),
            Self::Bytes(value) => {
                let value = || Some(ByteArray::from(value.clone()));
                Statistics::byte_array(value(), value(), None, Some(0), false)
            }
        }
    }
}

/// The one value of a column without nulls, where it has one and this is a form that we write.
pub(super) fn only(column: &ArrayRef) -> Option<Only> {
    fn number<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Option<T::Native> {
        let first = *array.values().first()?;
        // Without a way out in the middle of a block, so that many are compared at once.
        let alike = |block: &[T::Native]| block.iter().fold(true, |alike, value| alike & (*value == first));
        array.values().chunks(BLOCK).all(alike).then_some(first)
    }
    fn bytes<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> Option<Only> {
        let first: &[u8] = array.value(0).as_ref();
        let (length, offsets) = (first.len(), array.value_offsets());
        let even = |(number, block): (usize, &[i32])| {
            let expected = (number * BLOCK..).map(|place| offsets[0] + (place * length) as i32);
            block.iter().zip(expected).fold(true, |even, (offset, expected)| even & (*offset == expected))
        };
        let even = length <= LONGEST && offsets.chunks(BLOCK).enumerate().all(even);
        // Values of one length that repeat themselves: the text equals itself moved on by one value.
        let text = array.value_data().get(offsets[0] as usize..offsets[offsets.len() - 1] as usize)?;
        (even && text[length..] == text[..text.len() - length]).then(|| Only::Bytes(first.to_vec()))
    }
    if column.is_empty() || column.null_count() > 0 {
        return None;
    }
    match column.data_type() {
        DataType::UInt8 => number(column.as_primitive::<UInt8Type>()).map(|value| Only::Int(value.into())),
        DataType::UInt16 => number(column.as_primitive::<UInt16Type>()).map(|value| Only::Int(value.into())),
        DataType::UInt32 => number(column.as_primitive::<UInt32Type>()).map(|value| Only::Int(value.cast_signed())),
        DataType::UInt64 => number(column.as_primitive::<UInt64Type>()).map(|value| Only::Long(value.cast_signed())),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            number(column.as_primitive::<TimestampMicrosecondType>()).map(Only::Long)
        }
        DataType::Utf8 => bytes(column.as_string::<i32>()),
        DataType::Binary => bytes(column.as_binary::<i32>()),
        _ => None,
    }
}

/// Whether all rows are alike: of one value, or none at all.
pub(super) fn is_flat(column: &ArrayRef) -> bool {
    column.null_count() == column.len() || only(column).is_some()
}

/// The chunk of a column whose rows, so many, all have this value, encoded.
///
/// # Errors
/// As the library's writers.
pub(super) fn chunk(value: &Only, rows: usize, description: &ColumnDescPtr) -> Result<(Bytes, ColumnCloseResult)> {
    let mut sink = TrackedWrite::new(Vec::new());
    let mut pages = SerializedPageWriter::new(&mut sink);
    let plain = value.plain();
    let length = plain.len();
    let dictionary =
        Page::DictionaryPage { buf: plain.into(), num_values: 1, encoding: Encoding::PLAIN, is_sorted: false };
    let dictionary = pages.write_page(CompressedPage::new(dictionary, length))?;
    let body = body(rows, description.max_def_level());
    let length = body.len();
    let data = Page::DataPage {
        buf: body.into(),
        num_values: rows as u32,
        encoding: Encoding::RLE_DICTIONARY,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    let data = pages.write_page(CompressedPage::new(data, length))?;
    let encoded = Bytes::from(sink.into_inner()?);
    let total = encoded.len() as i64;
    let stats = |page_type, encoding| PageEncodingStats { page_type, encoding, count: 1 };
    let metadata = ColumnChunkMetaData::builder(description.clone())
        .set_compression(Compression::UNCOMPRESSED)
        .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
        .set_page_encoding_stats(vec![
            stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN),
            stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY),
        ])
        .set_num_values(rows as i64)
        .set_total_compressed_size(total)
        .set_total_uncompressed_size(total)
        .set_dictionary_page_offset(Some(dictionary.offset.cast_signed()))
        .set_data_page_offset(data.offset.cast_signed())
        .set_statistics(value.statistics())
        .build()?;
    let mut column_index = ColumnIndexBuilder::new(description.physical_type());
    column_index.append(false, value.bare(), value.bare(), 0);
    column_index.set_boundary_order(BoundaryOrder::ASCENDING);
    let mut offset_index = OffsetIndexBuilder::new();
    offset_index.append_row_count(rows as i64);
    offset_index.append_offset_and_size(data.offset.cast_signed(), data.compressed_size as i32);
    let close = ColumnCloseResult {
        bytes_written: encoded.len() as u64,
        rows_written: rows as u64,
        metadata,
        bloom_filter: None,
        column_index: Some(column_index.build()?),
        offset_index: Some(offset_index.build()),
    };
    Ok((encoded, close))
}

/// A data page (version 1): definition levels where the column may have nulls, the width of an index, and as many times
/// the index 0, which takes no bits.
fn body(rows: usize, max_def_level: i16) -> Vec<u8> {
    let run = run_of(rows);
    let mut body = Vec::new();
    if max_def_level > 0 {
        body.extend((run.len() as u32 + 1).to_le_bytes());
        body.extend(&run);
        body.push(1);
    }
    body.push(0);
    body.extend(run);
    body
}

/// The head of a run of the run length encoding: its length, and a zero bit, as an unsigned LEB128 number.
fn run_of(rows: usize) -> Vec<u8> {
    let mut rest = rows << 1;
    let mut head = Vec::new();
    while rest >= 0x80 {
        head.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    head.push(rest as u8);
    head
}

#[cfg(test)]
mod tests;
