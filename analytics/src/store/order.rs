//! The order of rows within a session file: by server, client and end, so that address filters skip pages.
//!
//! Owns the sort key and its packed form; must not know files.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{TimestampMicrosecondType, UInt16Type};
use arrow::record_batch::RecordBatch;
use tracker::{BatchError, session_schema};

use crate::error::Result;
use crate::store::flat::is_flat;

/// An IPv4 address as it is stored: v4-mapped.
const MAPPED: u128 = 0xffff << 32;

/// The columns that rows are sorted by.
struct Keys<'a> {
    server: &'a BinaryArray,
    port: &'a [u16],
    client: &'a BinaryArray,
    end: &'a [i64],
}

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch) -> std::result::Result<Self, BatchError> {
        let column = |name| batch.column_by_name(name).ok_or(BatchError::Column(name));
        let address = |name| column(name)?.as_binary_opt::<i32>().ok_or(BatchError::Column(name));
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
        (number(self.server.value(row)), self.port[row], number(self.client.value(row)), self.end[row])
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

    /// The same by packed keys, where all rows have one.
    fn packed_order(&self, first: i64) -> Option<Vec<u32>> {
        let mut packed = Vec::with_capacity(self.server.len());
        for row in 0..self.server.len() {
            packed.push(self.packed(row, first)?);
        }
        // Bits in front that are the same in all rows decide nothing. Of the others the first 64 nearly always do.
        let differ = packed.iter().fold(0, |differ, key| differ | (key ^ packed[0]));
        let same = differ.leading_zeros().min(64);
        let mut keys: Vec<(u64, u32)> =
            packed.iter().zip(0..).map(|(key, row)| (((key << same) >> 64) as u64, row)).collect();
        keys.sort_unstable();
        for alike in keys.chunk_by_mut(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
            alike.sort_by_key(|&(_, row)| packed[row as usize]);
        }
        Some(keys.into_iter().map(|(_, row)| row).collect())
    }
}

fn number(address: &[u8]) -> u128 {
    address.try_into().map_or(0, u128::from_be_bytes)
}

/// The rows of these batches as one batch in file order.
pub(crate) fn sorted(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let batch = match batches {
        [one] => one.clone(),
        _ => concat_batches(&batches.first().map_or_else(session_schema, RecordBatch::schema), batches)?,
    };
    let order = Keys::of(&batch)?.order();
    if order.is_sorted() {
        return Ok(batch);
    }
    reordered(&batch, &UInt32Array::from(order))
}

/// The rows in this order. Columns whose rows are all alike stay as they are.
fn reordered(batch: &RecordBatch, order: &UInt32Array) -> Result<RecordBatch> {
    let column = |column: &ArrayRef| match is_flat(column) {
        true => Ok(Arc::clone(column)),
        false => take(column, order, None),
    };
    let columns = batch.columns().iter().map(column).collect::<std::result::Result<_, _>>()?;
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;
    use tracker::SessionBatchBuilder;
    use tracker::record::{Endpoint, SessionRecord};

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
        let sorted = sorted(&[batch(left), batch(right)]).unwrap();
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
