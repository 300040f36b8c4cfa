//! Marks of buckets: what their counts were made from.

use std::collections::BTreeMap;

use tracker::Micros;

use crate::error::Result;
use crate::store::SessionStore;

/// The mark of every bucket (by start, s) in `from..to` that files may hold sessions of. It changes exactly when a file
/// comes or goes that may hold some.
///
/// # Errors
/// The store cannot be listed.
pub(crate) fn marks(store: &SessionStore, span: u32, from: i64, to: i64) -> Result<BTreeMap<i64, u64>> {
    let span = i64::from(span);
    let mut marks: BTreeMap<i64, u64> = BTreeMap::new();
    let bucket = |time: Micros| time.div_euclid(1_000_000).div_euclid(span) * span;
    for hour in store.hours(from.saturating_mul(1_000_000), to.saturating_mul(1_000_000))? {
        for file in store.hour(hour)? {
            for original in &file.originals {
                let part = hash(&original.name);
                let mut start = bucket(original.first);
                while start <= bucket(original.last) {
                    if (from..to).contains(&start) {
                        let mark = marks.entry(start).or_insert(1);
                        *mark = mark.wrapping_add(part);
                    }
                    start += span;
                }
            }
        }
    }
    Ok(marks)
}

/// FNV-1a with a final mix: the same on every machine and in every version.
fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (fnv ^ (fnv >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
