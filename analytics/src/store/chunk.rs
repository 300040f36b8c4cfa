//! The form of a column chunk whose column has few values: each value once, and for every row its number.
//!
//! Most columns of a file are like this. The library's writer arrives at the form by looking up the value of every row. Must
//! not know which columns there are. Source: Apache Parquet format, encodings "dictionary" and "run length encoding /
//! bit-packing hybrid".

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use crate::store::few::{Few, Value};
use crate::store::seal::PAGE;

impl Value {
    /// As statistics have it.
    fn bare(&self) -> Vec<u8> {
        match self {
            Self::Word(value) => value.to_le_bytes().to_vec(),
            Self::Long(value) => value.to_le_bytes().to_vec(),
            Self::Time(value) => value.to_le_bytes().to_vec(),
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

    /// Statistics of rows between these values of one kind.
    fn range(least: &Self, most: &Self) -> Statistics {
        let word = |value: &Self| if let Self::Word(word) = value { Some(word.cast_signed()) } else { None };
        let long = |value: &Self| match value {
            Self::Long(long) => Some(long.cast_signed()),
            Self::Time(time) => Some(*time),
            _ => None,
        };
        match least {
            Self::Word(_) => Statistics::int32(word(least), word(most), None, Some(0), false),
            Self::Long(_) | Self::Time(_) => Statistics::int64(long(least), long(most), None, Some(0), false),
            Self::Bytes(_) => {
                let bytes = |value: &Self| Some(ByteArray::from(value.bare()));
                Statistics::byte_array(bytes(least), bytes(most), None, Some(0), false)
            }
        }
    }
}

/// The encoded chunk of so many rows.
///
/// # Errors
/// As the library's writers.
pub(super) fn chunk(few: &Few, rows: usize, description: &ColumnDescPtr) -> Result<(Bytes, ColumnCloseResult)> {
    // Of one value there is nothing to compress, and one page holds all rows.
    let several = few.values.len() > 1;
    let level = ZstdLevel::default();
    let mut codec = if several { Some(Compressor::new(level.compression_level())?) } else { None };
    let compression = if several { Compression::ZSTD(level) } else { Compression::UNCOMPRESSED };
    let parts = if several { few.rows.chunks(PAGE).collect() } else { vec![&[][..]] };

    let mut sink = TrackedWrite::new(Vec::new());
    let mut writer = SerializedPageWriter::new(&mut sink);
    let mut write = |body: Vec<u8>, page: &dyn Fn(Bytes) -> Page| {
        let length = body.len();
        let body = if let Some(codec) = &mut codec { codec.compress(&body)? } else { body };
        writer.write_page(CompressedPage::new(page(body.into()), length))
    };
    let dictionary = write(few.values.iter().flat_map(Value::plain).collect(), &|buf| Page::DictionaryPage {
        buf,
        num_values: few.values.len() as u32,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    })?;
    let mut pages = Vec::with_capacity(parts.len());
    for numbers in &parts {
        let rows = if several { numbers.len() } else { rows };
        let width = usize::BITS - (few.values.len() - 1).leading_zeros();
        let page = write(body(numbers, rows, width as usize, description.max_def_level()), &|buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })?;
        let (least, most) = (numbers.iter().min().unwrap_or(&0), numbers.iter().max().unwrap_or(&0));
        pages.push((page, rows, usize::from(*least), usize::from(*most)));
    }
    let encoded = Bytes::from(sink.into_inner()?);

    let mut column_index = ColumnIndexBuilder::new(description.physical_type());
    let mut offset_index = OffsetIndexBuilder::new();
    for &(ref page, rows, least, most) in &pages {
        column_index.append(false, few.values[least].bare(), few.values[most].bare(), 0);
        offset_index.append_row_count(rows as i64);
        offset_index.append_offset_and_size(page.offset.cast_signed(), page.compressed_size as i32);
    }
    let ascend = pages.is_sorted_by(|one, next| one.2 <= next.2 && one.3 <= next.3);
    column_index.set_boundary_order(if ascend { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED });
    let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
    let uncompressed = pages.iter().map(|(page, ..)| page.uncompressed_size).sum::<usize>();
    let metadata = ColumnChunkMetaData::builder(description.clone())
        .set_compression(compression)
        .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
        .set_page_encoding_stats(vec![
            stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
            stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, pages.len() as i32),
        ])
        .set_num_values(rows as i64)
        .set_total_compressed_size(encoded.len() as i64)
        .set_total_uncompressed_size((dictionary.uncompressed_size + uncompressed) as i64)
        .set_dictionary_page_offset(Some(dictionary.offset.cast_signed()))
        .set_data_page_offset(dictionary.bytes_written.cast_signed())
        // Every value is that of a row.
        .set_statistics(Value::range(&few.values[0], &few.values[few.values.len() - 1]))
        .build()?;
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

/// A data page (version 1): definition levels where the column may have nulls, the width of a number, and the numbers.
fn body(numbers: &[u16], rows: usize, width: usize, max_def_level: i16) -> Vec<u8> {
    let mut body = Vec::with_capacity(16 + rows.div_ceil(8) * width);
    if max_def_level > 0 {
        let mut levels = Vec::new();
        head(rows << 1, &mut levels);
        levels.push(1);
        body.extend((levels.len() as u32).to_le_bytes());
        body.extend(levels);
    }
    body.push(width as u8);
    if width == 0 {
        // A number takes no bits.
        head(rows << 1, &mut body);
    } else {
        hybrid(numbers, width, &mut body);
    }
    body
}

/// Numbers of this width: those that repeat as a run, the others in groups of eight.
fn hybrid(numbers: &[u16], width: usize, out: &mut Vec<u8>) {
    let (mut rest, mut apart) = (numbers, numbers);
    while let Some(&number) = rest.first() {
        let run = rest.iter().take_while(|&&other| other == number).count();
        if run < 8 && run < rest.len() {
            rest = &rest[rest.len().min(8)..];
            continue;
        }
        pack(&apart[..apart.len() - rest.len()], width, out);
        head(run << 1, out);
        out.extend(&number.to_le_bytes()[..width.div_ceil(8)]);
        rest = &rest[run..];
        apart = rest;
    }
    pack(apart, width, out);
}

/// Groups of eight numbers, the last one filled up with zeros.
fn pack(numbers: &[u16], width: usize, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    head(numbers.len().div_ceil(8) << 1 | 1, out);
    for group in numbers.chunks(8) {
        let bits = group.iter().rev().fold(0_u128, |bits, &number| bits << width | u128::from(number));
        out.extend(&bits.to_le_bytes()[..width]);
    }
}

/// The head of a run: its length and kind, as an unsigned LEB128 number.
fn head(mut rest: usize, out: &mut Vec<u8>) {
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests;
