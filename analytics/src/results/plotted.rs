//! What the models of detection expected, bucket by bucket, for those who take all of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jobs::{Expectation, SeriesKey};

use crate::buckets::counts::BucketCounts;
use crate::buckets::stored;
use crate::error::Result;
use crate::results::ResultStore;
use crate::results::plots::{self, PlotPoint};
use crate::results::series::tally_of;
use crate::store::scan::scan;

/// What the model expected of one series in one bucket, and what came.
#[derive(Debug, Clone, PartialEq)]
pub struct Plotted {
    /// Series.
    pub series: SeriesKey,
    /// Bucket start, ms.
    pub timestamp: i64,
    /// Length of the bucket, s.
    pub bucket_span: u32,
    /// Failed sessions; `None`: the bucket was not observed.
    pub actual: Option<f64>,
    /// What was expected.
    pub expected: Expectation,
}

impl ResultStore {
    /// What was expected of every series that has a model, in the buckets of `from..to` (ms), file by file; what is
    /// unreadable is left out.
    ///
    /// # Errors
    /// The data sets cannot be listed.
    pub fn plotted(
        &self,
        (from, to): (i64, i64),
        each: &mut dyn FnMut(Plotted) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let (from, to) = (from.div_euclid(1000), to.saturating_add(999).div_euclid(1000));
        let (span, files, current) = self.covering(|cache| &mut cache.plots, from, to)?;
        let (_, _, counted) = self.covering(|cache| &mut cache.counts, from, to)?;
        for path in &files {
            let starts: Vec<i64> = current.iter().filter(|(_, of)| *of == path).map(|(start, _)| *start).collect();
            let (Some(first), Some(last)) = (starts.first(), starts.last()) else { continue };
            let mut counts: BTreeMap<i64, BucketCounts> = BTreeMap::new();
            let of: std::collections::BTreeSet<_> = counted.range(*first..=*last).map(|(_, path)| path).collect();
            for path in of {
                let mut found = BTreeMap::new();
                let _ = scan(path, "bucket", &[*first..=*last], &mut |batch| stored::from_batch(batch, &mut found));
                found.retain(|start, _| counted.get(start) == Some(path));
                counts.append(&mut found);
            }
            let mut points: Vec<PlotPoint> = Vec::new();
            let _ = scan(path, "bucket", &[*first..=*last], &mut |batch| {
                points.extend(plots::from_batch(batch).into_iter().filter(|p| current.get(&p.bucket) == Some(path)));
                Ok(())
            });
            points.sort_by(|a, b| a.bucket.cmp(&b.bucket).then_with(|| a.series.cmp(&b.series)));
            for PlotPoint { series, bucket, expected, .. } in points {
                let tally = counts.get(&bucket).and_then(|counts| tally_of(counts, &series));
                let actual = tally.map(|tally| tally.failed as f64);
                let plotted = Plotted { series, timestamp: bucket * 1000, bucket_span: span, actual, expected };
                if each(plotted).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
