//! One series over time: counts, what was expected, and scores. Reads the counts and plots data sets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::ParquetReadOptions;
use jobs::{Expectation, OutcomeCount, SeriesKey};
use tracker::locality::address_key;

use crate::buckets::counts::{BucketCounts, TCP_FAILURES, Tally};
use crate::buckets::stored;
use crate::error::Result;
use crate::key::level_name;
use crate::query::context;
use crate::results::ResultStore;
use crate::results::plots::{self, PlotPoint};
use crate::store::layout::{COUNTS, PLOTS};
use crate::store::segments::{BucketId, Segments};

/// One bucket of a series. `None` counts: the bucket is missing, nothing was delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// Bucket start, ms.
    pub timestamp: i64,
    /// Failed sessions.
    pub actual: Option<f64>,
    /// Attempts.
    pub attempts: Option<u64>,
    /// What the model expected.
    pub expected: Option<Expectation>,
    /// 0-100.
    pub score: f64,
    /// The recent buckets together weigh more than this one.
    pub multi: bool,
}

/// One series over a time range.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// Which series.
    pub key: SeriesKey,
    /// Bucket span, seconds.
    pub bucket_span: u32,
    /// Its buckets, by time.
    pub points: Vec<SeriesPoint>,
    /// Failed sessions of the range by outcome, by falling count.
    pub outcomes: Vec<OutcomeCount>,
    /// What the model still waits for; `None`: it has learnt enough to score.
    pub learning: Option<String>,
}

impl ResultStore {
    /// A series in `from..to` (ms). A series that was never seen has no points.
    ///
    /// # Errors
    /// The data sets cannot be listed.
    pub async fn series(&self, key: &SeriesKey, from: i64, to: i64) -> Result<SeriesView> {
        let (from, to) = (from.div_euclid(1000), to.saturating_add(999).div_euclid(1000));
        let (span, files, covered) = self.covering(COUNTS, from, to)?;
        let mut counts: BTreeMap<i64, BucketCounts> = BTreeMap::new();
        for path in &files {
            let mut found = BTreeMap::new();
            for batch in read_rows(path, key, from, to).await.unwrap_or_default() {
                let _ = stored::from_batch(&batch, &mut found);
            }
            found.retain(|start, _| covered.get(start) == Some(path));
            counts.append(&mut found);
        }
        let mut plotted: BTreeMap<i64, PlotPoint> = BTreeMap::new();
        let (_, files, current) = self.covering(PLOTS, from, to)?;
        for path in &files {
            for batch in read_rows(path, key, from, to).await.unwrap_or_default() {
                let points = plots::from_batch(&batch).into_iter().filter(|p| current.get(&p.bucket) == Some(path));
                plotted.extend(points.filter(|p| p.series == *key).map(|p| (p.bucket, p)));
            }
        }
        let mut total = [0; TCP_FAILURES.len()];
        let mut points = Vec::new();
        for start in covered.keys() {
            let bucket = counts.get(start);
            let tally = bucket.and_then(|counts| tally_of(counts, key));
            if let Some(tally) = &tally {
                total.iter_mut().zip(tally.outcomes).for_each(|(sum, count)| *sum += count);
            }
            points.push(point(*start, tally, plotted.get(start)));
        }
        let known = points.iter().any(|p| p.actual.is_some_and(|n| n > 0.0) || p.attempts.is_some_and(|n| n > 0));
        if !known && plotted.is_empty() {
            points.clear();
        }
        let learning = (plotted.is_empty() && known)
            .then(|| "the model has not seen enough of this series to expect anything".to_owned());
        Ok(SeriesView { key: key.clone(), bucket_span: span, points, outcomes: by_count(&total), learning })
    }

    /// The newest span's segments over a range (s): span, files, and for each covered bucket the file that counts.
    fn covering(&self, folder: &str, from: i64, to: i64) -> Result<(u32, BTreeSet<PathBuf>, BTreeMap<i64, PathBuf>)> {
        let mut segments = Segments::new(self.store().root(), folder);
        segments.refresh()?;
        let current = segments.current();
        let newest = current.iter().max_by_key(|(id, (segment, _))| (segment.generation, id.start));
        let span = newest.map_or(0, |(id, _)| id.span);
        let id = |start| BucketId { span, start };
        let covered: BTreeMap<i64, PathBuf> = current
            .range(id(from)..id(to.max(from)))
            .map(|(id, (segment, _))| (id.start, segment.path.clone()))
            .collect();
        Ok((span, covered.values().cloned().collect(), covered))
    }
}

/// Rows of a data set's file that may speak of the series: its own, the observers, and its level's pool.
async fn read_rows(path: &std::path::Path, key: &SeriesKey, from: i64, to: i64) -> Result<Vec<RecordBatch>> {
    let context = context();
    let bytes =
        |ip: Option<std::net::IpAddr>| lit(ScalarValue::Binary(ip.map(|ip| address_key(ip).to_be_bytes().to_vec())));
    let is = |name: &str, value: Expr, given: bool| if given { ident(name).eq(value) } else { ident(name).is_null() };
    let own = is("server_ip", bytes(key.server), key.server.is_some())
        .and(is("client_ip", bytes(key.client), key.client.is_some()))
        .and(is("server_port", lit(key.port.unwrap_or_default()), key.port.is_some()))
        .and(ident("level").eq(lit(level_name(key.level))));
    let time = ident("bucket").gt_eq(lit(from)).and(ident("bucket").lt(lit(to)));
    let options = ParquetReadOptions::default();
    let rows = context.read_parquet(path.to_string_lossy().as_ref(), options).await?;
    let wider = if rows.schema().has_column_with_unqualified_name("observer") {
        let pooled = ident("pooled").and(ident("level").eq(lit(level_name(key.level))));
        own.or(pooled.and(ident("perspective").eq(lit(key.perspective.as_str())))).or(ident("observer").is_not_null())
    } else {
        own.and(ident("perspective").eq(lit(key.perspective.as_str())))
    };
    let batches = rows.filter(time.and(wider))?.collect().await?;
    batches.iter().map(plain).collect()
}

/// The batch with string and binary views as plain arrays.
fn plain(batch: &RecordBatch) -> Result<RecordBatch> {
    use arrow::datatypes::{DataType, Field, Schema};
    let schema = batch.schema();
    let fields: Vec<Arc<Field>> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Utf8View => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
            DataType::BinaryView => Arc::new(field.as_ref().clone().with_data_type(DataType::Binary)),
            _ => Arc::clone(field),
        })
        .collect();
    let columns =
        batch.columns().iter().zip(&fields).map(|(column, field)| arrow::compute::cast(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The series' counts: its own, zero while observers were alive, unknown where it may be in the pool.
fn tally_of(counts: &BucketCounts, key: &SeriesKey) -> Option<Tally> {
    if counts.is_missing() {
        return None;
    }
    let perspective = counts.perspectives.get(&key.perspective);
    if let Some(own) = perspective.and_then(|p| p.series.get(key)) {
        return Some(*own);
    }
    let pooled = perspective.and_then(|p| p.pools.get(&key.level)).is_some_and(|pool| pool.highest > 0);
    (!pooled).then(Tally::default)
}

fn point(start: i64, tally: Option<Tally>, plot: Option<&PlotPoint>) -> SeriesPoint {
    SeriesPoint {
        timestamp: start * 1000,
        actual: tally.map(|t| t.failed as f64),
        attempts: tally.map(|t| t.attempts),
        expected: plot.map(|p| p.expected),
        score: plot.map_or(0.0, |p| p.score),
        multi: plot.is_some_and(|p| p.multi),
    }
}

/// Outcomes with a count, by falling count.
pub fn by_count(outcomes: &[u64; TCP_FAILURES.len()]) -> Vec<OutcomeCount> {
    let mut found: Vec<OutcomeCount> = TCP_FAILURES
        .iter()
        .zip(outcomes)
        .filter(|(_, n)| **n > 0)
        .map(|(o, n)| OutcomeCount { outcome: *o, count: *n })
        .collect();
    found.sort_by_key(|o| std::cmp::Reverse(o.count));
    found
}
