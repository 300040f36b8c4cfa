//! Columns with few different values: what an exporter says with every record, names, ports, flags, addresses.
//!
//! Owns which values there are and which one each row has; must not know which columns there are, or how values are written.

use std::hash::Hash;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, GenericByteArray, PrimitiveArray};
use arrow::datatypes::{
    ByteArrayType, DataType, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use foldhash::HashMap;

use crate::store::order::addresses;

/// Rows that are compared at once.
const BLOCK: usize = 1_024;
/// Longer texts are left to the library, which shortens them in statistics.
const LONGEST: usize = 64;
/// More values are not few.
const MOST: usize = 1 << 16;

/// A value. Those of one column are in the order that Parquet gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Word(u32),
    Long(u64),
    Time(i64),
    Bytes(Vec<u8>),
}

/// The rows of a column without nulls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Few {
    /// In order.
    pub(super) values: Vec<Value>,
    /// The place of each row's value among them; none where there is one value alone.
    pub(super) rows: Vec<u16>,
}

impl From<Value> for Few {
    fn from(value: Value) -> Self {
        Self { values: vec![value], rows: Vec::new() }
    }
}

impl Few {
    /// Some of the rows, with the values that they have.
    pub(super) fn part(&self, rows: impl Iterator<Item = usize>) -> Self {
        if self.values.len() == 1 {
            return self.clone();
        }
        let mut places = vec![0; self.values.len()];
        let mut numbers: Vec<u16> = rows.map(|row| self.rows[row]).collect();
        numbers.iter().for_each(|&number| places[usize::from(number)] = 1);
        let mut values = Vec::new();
        for (place, value) in places.iter_mut().zip(&self.values).filter(|(place, _)| **place > 0) {
            *place = values.len() as u16;
            values.push(value.clone());
        }
        numbers.iter_mut().for_each(|number| *number = places[usize::from(*number)]);
        Self { values, rows: numbers }
    }
}

/// A column's rows, where it has few values and no nulls, and these are of a type that we write.
pub(super) fn few(column: &ArrayRef) -> Option<Few> {
    fn numbers<T: ArrowPrimitiveType<Native: Hash + Ord>>(
        column: &ArrayRef,
        value: impl Fn(T::Native) -> Value,
    ) -> Option<Few> {
        numbered(column.as_primitive::<T>().values().iter().copied(), value)
    }
    fn bytes<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> Option<Few> {
        let row = |row| -> &[u8] { array.value(row).as_ref() };
        let short = array.offsets().lengths().all(|length| length <= LONGEST);
        short.then(|| numbered((0..array.len()).map(row), |value| Value::Bytes(value.to_vec())))?
    }
    if let Some(value) = only(column) {
        return Some(value.into());
    }
    if column.is_empty() || column.null_count() > 0 {
        return None;
    }
    match column.data_type() {
        DataType::UInt8 => numbers::<UInt8Type>(column, |value| Value::Word(value.into())),
        DataType::UInt16 => numbers::<UInt16Type>(column, |value| Value::Word(value.into())),
        DataType::UInt32 => numbers::<UInt32Type>(column, Value::Word),
        DataType::UInt64 => numbers::<UInt64Type>(column, Value::Long),
        DataType::Utf8 => bytes(column.as_string::<i32>()),
        DataType::Binary => match addresses(column) {
            Some(all) => numbered(all.iter().copied(), |address| Value::Bytes(address.to_vec())),
            None => bytes(column.as_binary::<i32>()),
        },
        _ => None,
    }
}

/// Numbers the values in their order.
fn numbered<T: Copy + Hash + Ord>(rows: impl ExactSizeIterator<Item = T>, value: impl Fn(T) -> Value) -> Option<Few> {
    let mut known: HashMap<T, u16> = HashMap::default();
    let mut numbers = Vec::with_capacity(rows.len());
    let mut last = None;
    for row in rows {
        let number = match last {
            Some((same, number)) if same == row => number,
            _ if known.len() == MOST => return None,
            _ => {
                let next = known.len() as u16;
                *known.entry(row).or_insert(next)
            }
        };
        numbers.push(number);
        last = Some((row, number));
    }
    let mut values: Vec<(T, u16)> = known.into_iter().collect();
    values.sort_unstable();
    let mut places = vec![0; values.len()];
    for (place, &(_, number)) in (0..=u16::MAX).zip(&values) {
        places[usize::from(number)] = place;
    }
    numbers.iter_mut().for_each(|number| *number = places[usize::from(*number)]);
    Some(Few { values: values.into_iter().map(|(row, _)| value(row)).collect(), rows: numbers })
}

/// The one value of a column without nulls, where it has one and this is a form that we write.
pub(super) fn only(column: &ArrayRef) -> Option<Value> {
    fn number<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> Option<T::Native> {
        let first = *array.values().first()?;
        // Without a way out in the middle of a block, so that many are compared at once.
        #[allow(clippy::needless_bitwise_bool)]
        let alike = |block: &[T::Native]| block.iter().fold(true, |alike, value| alike & (*value == first));
        array.values().chunks(BLOCK).all(alike).then_some(first)
    }
    fn bytes<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>) -> Option<Value> {
        let first: &[u8] = array.value(0).as_ref();
        let (length, offsets) = (first.len(), array.value_offsets());
        #[allow(clippy::needless_bitwise_bool)]
        let even = |(number, block): (usize, &[i32])| {
            let expected = (number * BLOCK..).map(|place| offsets[0] + (place * length) as i32);
            block.iter().zip(expected).fold(true, |even, (offset, expected)| even & (*offset == expected))
        };
        let even = length <= LONGEST && offsets.chunks(BLOCK).enumerate().all(even);
        // Values of one length that repeat themselves: the text equals itself moved on by one value.
        let text = array.value_data().get(offsets[0] as usize..offsets[offsets.len() - 1] as usize)?;
        (even && text[length..] == text[..text.len() - length]).then(|| Value::Bytes(first.to_vec()))
    }
    if column.is_empty() || column.null_count() > 0 {
        return None;
    }
    match column.data_type() {
        DataType::UInt8 => number(column.as_primitive::<UInt8Type>()).map(|value| Value::Word(value.into())),
        DataType::UInt16 => number(column.as_primitive::<UInt16Type>()).map(|value| Value::Word(value.into())),
        DataType::UInt32 => number(column.as_primitive::<UInt32Type>()).map(Value::Word),
        DataType::UInt64 => number(column.as_primitive::<UInt64Type>()).map(Value::Long),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            number(column.as_primitive::<TimestampMicrosecondType>()).map(Value::Time)
        }
        DataType::Utf8 => bytes(column.as_string::<i32>()),
        DataType::Binary => bytes(column.as_binary::<i32>()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{StringArray, UInt16Array};

    use super::*;

    #[test]
    fn one_value_that_differs_in_the_last_row_is_seen() {
        let numbers = |last| -> ArrayRef {
            std::sync::Arc::new(UInt16Array::from_iter_values((0..5_000).map(|row| u16::from(row == 4_999) * last)))
        };
        assert_eq!((only(&numbers(0)), only(&numbers(1))), (Some(Value::Word(0)), None));
        // Equal lengths, and a text that repeats itself with another period.
        let texts = |last| -> ArrayRef {
            std::sync::Arc::new(StringArray::from_iter_values(std::iter::repeat_n("ab", 2_999).chain([last])))
        };
        assert_eq!(only(&texts("ab")), Some(Value::Bytes(b"ab".to_vec())));
        assert!(only(&texts("ac")).is_none() && only(&texts("a")).is_none() && only(&texts("abab")).is_none());
    }

    #[test]
    fn values_are_numbered_in_their_order() {
        let texts: ArrayRef = std::sync::Arc::new(StringArray::from_iter_values(["b", "c", "c", "", "b"]));
        let value = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        let found = few(&texts).unwrap();
        assert_eq!(found, Few { values: ["", "b", "c"].map(value).to_vec(), rows: vec![1, 2, 2, 0, 1] });
        let part = found.part([0, 3, 4].into_iter());
        assert_eq!(part, Few { values: ["", "b"].map(value).to_vec(), rows: vec![1, 0, 1] });
        let many: ArrayRef = std::sync::Arc::new(arrow::array::UInt32Array::from_iter_values(0..=MOST as u32));
        assert_eq!(few(&many), None);
        assert_eq!(few(&many.slice(0, MOST)).map(|few| few.rows.len()), Some(MOST));
    }
}
