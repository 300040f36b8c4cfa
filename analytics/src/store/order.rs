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

    /// Row numbers in order.
    fn order(&self) -> Vec<u32> {
        let rows = 0..self.server.len();
        let first = self.end.iter().copied().min().unwrap_or(0);
        let packed: Option<Vec<(u128, u32)>> =
            rows.clone().map(|row| Some((self.packed(row, first)?, row as u32))).collect();
        match packed {
            Some(keys) => in_order(keys),
            None => in_order(rows.map(|row| (self.wide(row), row as u32)).collect()),
        }
    }
}

fn number(address: &[u8]) -> u128 {
    address.try_into().map_or(0, u128::from_be_bytes)
}

/// Equal keys keep the order in which they came.
fn in_order<K: Ord>(mut keys: Vec<(K, u32)>) -> Vec<u32> {
    if !keys.is_sorted() {
        keys.sort_unstable();
    }
    keys.into_iter().map(|(_, row)| row).collect()
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

/// The rows in this order. Columns without values stay as they are.
fn reordered(batch: &RecordBatch, order: &UInt32Array) -> Result<RecordBatch> {
    let column = |column: &ArrayRef| match column.null_count() == column.len() {
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
