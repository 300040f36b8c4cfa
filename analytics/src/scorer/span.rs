//! The bucket span that a table's own times suggest.

use std::collections::{BTreeMap, HashMap};

use super::TableRow;

/// Rows in order of time that decide, so that later rows change nothing.
const DECIDING: usize = 2_000;

/// The commonest distance between neighbouring times of the same series among the earliest rows, in whole seconds up to a
/// day; `None` where no series has two times a second apart.
pub fn infer_span(rows: &[TableRow]) -> Option<u32> {
    let mut early: Vec<(i64, u32)> = rows.iter().map(|row| (row.time, row.series)).collect();
    if early.len() > DECIDING {
        early.select_nth_unstable(DECIDING);
        early.truncate(DECIDING);
    }
    early.sort_unstable();
    let mut last: HashMap<u32, i64> = HashMap::new();
    let mut gaps: BTreeMap<i64, usize> = BTreeMap::new();
    for (time, series) in early {
        if let Some(before) = last.insert(series, time)
            && time - before >= 1000
        {
            *gaps.entry((time - before + 500) / 1000).or_default() += 1;
        }
    }
    // Of equally common distances the shortest.
    let (gap, _) = gaps.into_iter().rev().max_by_key(|(_, times)| *times)?;
    u32::try_from(gap.min(86_400)).ok()
}
