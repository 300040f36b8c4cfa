//! The order of rows within a session file: by server, client and end, so that address filters skip pages.
//!
//! Owns the sort key and its packed form; must not know files.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{TimestampMicrosecondType, UInt16Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use tracker::BatchError;

/// An address as it is stored.
type Address = [u8; 16];

/// An IPv4 address as it is stored: v4-mapped.
const MAPPED: u128 = 0xffff << 32;

/// Where the parts of a packed key begin, and their bits: server, port, client, end.
const PARTS: [(u32, u32); 4] = [(96, 32), (80, 16), (48, 32), (0, 48)];

/// The columns that rows are sorted by.
struct Keys<'a> {
    server: &'a [Address],
    port: &'a [u16],
    client: &'a [Address],
    end: &'a [i64],
}

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, BatchError> {
        let column = |name| batch.column_by_name(name).ok_or(BatchError::Column(name));
        let address = |name| column(name).and_then(|column| addresses(column).ok_or(BatchError::Column(name)));
        Ok(Self {
            server: address("server_ip")?,
            client: address("client_ip")?,
            port: column("server_port")?
                .as_primitive_opt::<UInt16Type>()
                .ok_or(BatchError::Column("server_port"))?
                .values(),
            end: column("end")?
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or(BatchError::Column("end"))?
                .values(),
        })
    }

    fn wide(&self, row: usize) -> (u128, u16, u128, i64) {
        let [server, client] = [self.server, self.client].map(|addresses| u128::from_be_bytes(addresses[row]));
        (server, self.port[row], client, self.end[row])
    }

    /// The same key in 128 bits, where both addresses are IPv4 and `end` is no more than 48 bits after `first`.
    fn packed(&self, row: usize, first: i64) -> Option<u128> {
        let (server, port, client, end) = self.wide(row);
        let after = u128::from(end.abs_diff(first));
        let fits = server >> 32 == MAPPED >> 32 && client >> 32 == MAPPED >> 32 && after >> 48 == 0;
        fits.then_some((server ^ MAPPED) << 96 | u128::from(port) << 80 | (client ^ MAPPED) << 48 | after)
    }

    /// Row numbers in order. Equal keys keep the order in which they came.
    fn order(&self) -> Vec<u32> {
        let first = self.end.iter().copied().min().unwrap_or(0);
        self.packed_order(first).unwrap_or_else(|| {
            let mut keys: Vec<_> = (0..self.server.len()).map(|row| (self.wide(row), row as u32)).collect();
            keys.sort_unstable();
            keys.into_iter().map(|(_, row)| row).collect()
        })
    }

    /// The same by packed keys, where all rows have one: by numbers of 64 bits, of which the upper ones are as much of the key
    /// as there is room for, and the lower ones the row.
    fn packed_order(&self, first: i64) -> Option<Vec<u32>> {
        let rows = self.server.len();
        let start = self.packed(0, first)?;
        let differ = (0..rows).try_fold(0, |differ, row| Some(differ | (self.packed(row, first)? ^ start)))?;
        // Bits at the upper end of a part of the key that are the same in all rows decide nothing.
        let ones = |bits: u32| (1_u128 << bits) - 1;
        let parts = PARTS.map(|(at, bits)| (at, 128 - (differ >> at & ones(bits)).leading_zeros()));
        let dense = |key: u128| parts.iter().fold(0, |dense, &(at, bits)| dense << bits | key >> at & ones(bits));
        let unused = 128 - parts.iter().map(|&(_, bits)| bits).sum::<u32>();
        let row_bits = usize::BITS - (rows - 1).leading_zeros();
        let key = |row: usize| {
            let dense = self.packed(row, first).map_or(0, dense).unbounded_shl(unused);
            ((dense >> 64) as u64) >> row_bits << row_bits | row as u64
        };
        let mut keys: Vec<u64> = (0..rows).map(key).collect();
        keys.sort_unstable();
        let row = |key: u64| (key & ones(row_bits) as u64) as u32;
        for alike in keys.chunk_by_mut(|a, b| a >> row_bits == b >> row_bits).filter(|alike| alike.len() > 1) {
            alike.sort_by_key(|&key| self.wide(row(key) as usize));
        }
        Some(keys.into_iter().map(row).collect())
    }
}

/// The values of a column of addresses, `None` for another column.
pub(super) fn addresses(column: &ArrayRef) -> Option<&[Address]> {
    let values = column.as_binary_opt::<i32>().filter(|values| values.null_count() == 0)?;
    let even = values.offsets().lengths().all(|length| length == size_of::<Address>());
    let bytes = &values.value_data()[values.offsets()[0] as usize..];
    even.then_some(bytes.as_chunks().0)
}

/// The rows of session batches in file order; `None` where they are in it already.
pub(super) fn file_order(rows: &RecordBatch) -> Result<Option<UInt32Array>, BatchError> {
    let order = if rows.num_rows() > 0 { Keys::of(rows)?.order() } else { Vec::new() };
    Ok((!order.is_sorted()).then(|| order.into()))
}

/// The rows of a column in this order.
pub(super) fn reordered(column: &ArrayRef, order: &UInt32Array) -> Result<ArrayRef, ArrowError> {
    let Some(addresses) = addresses(column) else { return take(column, order, None) };
    let taken: Vec<u128> = order.values().iter().map(|&row| u128::from_ne_bytes(addresses[row as usize])).collect();
    let offsets = OffsetBuffer::from_repeated_length(size_of::<Address>(), taken.len());
    Ok(Arc::new(BinaryArray::new(offsets, taken.into(), None)))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use arrow::compute::concat_batches;
    use proptest::prelude::*;
    use tracker::record::{Endpoint, SessionRecord};
    use tracker::{SessionBatchBuilder, session_schema};

    use super::*;

    fn batch(rows: &[(IpAddr, u16, IpAddr, i64)]) -> RecordBatch {
        let mut builder = SessionBatchBuilder::default();
        for (id, &(server, port, client, end)) in (0..).zip(rows) {
            let client = Endpoint { ip: client, port: 40_000 };
            let mut record = SessionRecord::new(id, 0, 6, client, Endpoint { ip: server, port });
            record.end = end;
            builder.push(&record);
        }
        builder.finish().unwrap()
    }

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0_u32..4).prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
            (0_u128..4).prop_map(|bits| IpAddr::from((bits | 0xfd << 120).to_be_bytes())),
        ]
    }

    fn v4() -> impl Strategy<Value = IpAddr> {
        any::<u32>().prop_map(|bits| IpAddr::from((bits % 5).to_be_bytes()))
    }

    fn check(rows: &[(IpAddr, u16, IpAddr, i64)]) {
        let (left, right) = rows.split_at(rows.len() / 2);
        let given = concat_batches(&session_schema(), &[batch(left), batch(right)]).unwrap();
        let sorted = match file_order(&given).unwrap() {
            Some(order) => {
                let columns = given.columns().iter().map(|column| reordered(column, &order).unwrap()).collect();
                RecordBatch::try_new(session_schema(), columns).unwrap()
            }
            None => given,
        };
        let keys = Keys::of(&sorted).unwrap();
        let found: Vec<_> = (0..rows.len()).map(|row| keys.wide(row)).collect();
        let all = batch(rows);
        let given = Keys::of(&all).unwrap();
        let mut expected: Vec<_> = (0..rows.len()).map(|row| given.wide(row)).collect();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn both_families(rows in proptest::collection::vec((address(), 0_u16..3, address(), 0_i64..9), 0..40)) {
            check(&rows);
        }

        #[test]
        fn packed_keys_order_alike(rows in proptest::collection::vec((v4(), 0_u16..3, v4(), any::<i64>()), 0..40)) {
            let near: Vec<_> = rows.iter().map(|&(s, p, c, end)| (s, p, c, end.rem_euclid(1 << 40))).collect();
            check(&near);
            check(&rows);
        }
    }
}
