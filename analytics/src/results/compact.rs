//! Merging the results and plots of whole days, and removing what is too old.

use std::collections::BTreeSet;

use crate::buckets::stored::by_series;
use crate::error::Result;
use crate::results::ResultStore;
use crate::results::columns::result_schema;
use crate::results::plots::{self, PlotPoint};
use crate::results::rows::to_batch;
use crate::store::scan::scan;
use crate::store::segments::Segments;

/// Merges the results of whole days before `before` (days since the epoch).
///
/// # Errors
/// A merged segment cannot be written.
pub fn results(segments: &mut Segments, known: &ResultStore, before: i64) -> Result<()> {
    for covers in segments.scattered(before) {
        let known = known.buckets_now()?;
        let wanted: BTreeSet<(i64, u32)> = covers.iter().map(|(id, _)| (id.start * 1000, id.span)).collect();
        let outcomes = known.iter().filter(|(key, _)| wanted.contains(&(key.0, key.1))).map(|(_, o)| o.as_ref());
        segments.commit(result_schema(), &[to_batch(outcomes)?], covers)?;
    }
    segments.remove_replaced();
    Ok(())
}

/// Merges the plots of whole days before `before` (days since the epoch).
///
/// # Errors
/// A merged segment cannot be written.
pub fn plots(segments: &mut Segments, before: i64) -> Result<()> {
    for covers in segments.scattered(before) {
        let current = segments.current();
        let mut points: Vec<PlotPoint> = Vec::new();
        let paths: BTreeSet<_> =
            covers.iter().filter_map(|(id, _)| current.get(id)).map(|(segment, _)| segment.path.clone()).collect();
        for path in &paths {
            let speaks: BTreeSet<i64> = covers
                .iter()
                .filter(|(id, _)| current.get(id).is_some_and(|(segment, _)| segment.path == *path))
                .map(|(id, _)| id.start)
                .collect();
            let mut read = Vec::new();
            let all = scan(path, "bucket", &[i64::MIN..=i64::MAX], &mut |batch| {
                read.extend(plots::from_batch(batch).into_iter().filter(|point| speaks.contains(&point.bucket)));
                Ok(())
            });
            if all.is_ok() {
                points.append(&mut read);
            }
        }
        segments.commit(plots::plot_schema(), &[by_series(&plots::to_batch(&points)?)?], covers)?;
    }
    segments.remove_replaced();
    Ok(())
}
