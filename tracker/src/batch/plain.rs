//! Builders of columns whose values hardly repeat and are never absent: what is appended lies in memory as the column has
//! it.

use arrow::array::{BinaryArray, PrimitiveArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::ArrowPrimitiveType;

/// Numbers.
#[derive(Debug)]
pub(super) struct Numbers<T: ArrowPrimitiveType>(Vec<T::Native>);

impl<T: ArrowPrimitiveType> Default for Numbers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub(super) fn extend(&mut self, values: impl Iterator<Item = T::Native>) {
        self.0.extend(values);
    }

    pub(super) fn finish(&mut self) -> PrimitiveArray<T> {
        let room = self.0.len();
        PrimitiveArray::new(std::mem::replace(&mut self.0, Vec::with_capacity(room)).into(), None)
    }
}

/// Addresses, 16 bytes each.
#[derive(Debug, Default)]
pub(super) struct Addresses(Vec<u128>);

impl Addresses {
    pub(super) fn extend(&mut self, keys: impl Iterator<Item = u128>) {
        self.0.extend(keys.map(u128::to_be));
    }

    pub(super) fn finish(&mut self) -> BinaryArray {
        let room = self.0.len();
        let keys = std::mem::replace(&mut self.0, Vec::with_capacity(room));
        BinaryArray::new(
            OffsetBuffer::from_repeated_length(size_of::<u128>(), keys.len()),
            Buffer::from_vec(keys),
            None,
        )
    }
}
