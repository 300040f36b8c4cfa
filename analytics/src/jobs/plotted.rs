//! What the models of an imported job expected, kept where its definition asks for it (`model_plot_config`).

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt32Type};
use arrow::record_batch::RecordBatch;
use jobs::detector::{Detector, Family};
use jobs::{JobDefinition, JobId, JobPlot, Split};

use super::run::ScoredValue;
use super::shelf::JobShelf;
use crate::error::Result;
use crate::results::columns::Columns;
use crate::store::page::read_through;
use crate::store::segments::Segments;

/// Folder of a job's plots.
pub(crate) const PLOTS: &str = "plots";

/// The segments of a job's plots.
pub(crate) fn segments(shelf: &JobShelf, id: &JobId) -> Segments {
    Segments::new(&shelf.folder(id), PLOTS)
}

/// Schema of kept plots: one row for each series and bucket.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let decimal = |name: &str| Field::new(name, DataType::Float64, false);
        Arc::new(Schema::new(vec![
            Field::new("bucket", DataType::Int64, false),
            Field::new("detector", DataType::UInt32, false),
            text("description"),
            text("by"),
            text("partition"),
            decimal("actual"),
            decimal("typical"),
            decimal("lower"),
            decimal("upper"),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// The values of a bucket that the definition wants kept: of series against their own past, and where it names terms of
/// those alone.
pub(crate) fn wanted(definition: &JobDefinition, values: Vec<ScoredValue>) -> Vec<ScoredValue> {
    let Some(plot) = definition.model_plot.as_ref().filter(|plot| plot.enabled) else { return Vec::new() };
    let terms: Option<Vec<&str>> = plot.terms.as_ref().map(|terms| terms.split(',').map(str::trim).collect());
    let named = |value: &ScoredValue| {
        let own = [&value.key.by, &value.key.partition];
        terms.as_ref().is_none_or(|terms| own.into_iter().flatten().any(|own| terms.contains(&&**own)))
    };
    // What is rarely seen has no bounds, and members of a population share theirs.
    let bounded = |value: &ScoredValue| value.key.over.is_none() && value.function.family() != Family::Rare;
    values.into_iter().filter(|value| bounded(value) && named(value)).collect()
}

/// Values as rows.
pub(crate) fn to_batch(values: &[ScoredValue]) -> Result<RecordBatch> {
    let text =
        |of: fn(&ScoredValue) -> Option<&str>| -> ArrayRef { Arc::new(values.iter().map(of).collect::<StringArray>()) };
    let decimal =
        |of: fn(&ScoredValue) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(values.iter().map(of))) };
    let index = |value: &ScoredValue| u32::try_from(value.detector_index).unwrap_or(u32::MAX);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(values.iter().map(|value| value.timestamp.div_euclid(1000)))),
        Arc::new(UInt32Array::from_iter_values(values.iter().map(index))),
        text(|value| Some(value.function.description())),
        text(|value| value.key.by.as_deref()),
        text(|value| value.key.partition.as_deref()),
        decimal(|value| value.actual),
        decimal(|value| value.typical),
        decimal(|value| value.lower),
        decimal(|value| value.upper),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// The plots of one imported job, read when asked.
#[derive(Debug)]
pub(crate) struct JobPlots {
    segments: Segments,
    detectors: Vec<Detector>,
    span: u32,
}

impl JobPlots {
    /// The plots of this job; none where it is not there.
    pub fn open(shelf: &JobShelf, id: &JobId) -> Self {
        let definition = shelf.get(id).ok().flatten().map(|job| job.definition);
        let span = definition.as_ref().map_or(0, |definition| definition.bucket_span().as_seconds());
        let detectors = definition.map(|definition| definition.analysis.detectors).unwrap_or_default();
        Self { segments: segments(shelf, id), detectors, span: u32::try_from(span).unwrap_or(u32::MAX) }
    }

    /// The plots of buckets with `from <= start < to` (ms), file by file.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn each_between(
        &mut self,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(JobPlot) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        self.segments.refresh()?;
        let current = self.segments.current();
        let mut speaks: BTreeMap<PathBuf, HashSet<i64>> = BTreeMap::new();
        for (id, (segment, _)) in current.iter().filter(|(id, _)| (from..to).contains(&(id.start * 1000))) {
            speaks.entry(segment.path.clone()).or_default().insert(id.start * 1000);
        }
        for (path, starts) in speaks {
            // What is unreadable is not known.
            for batch in read_through(&path).unwrap_or_default() {
                let plots = (0..batch.num_rows()).filter_map(|row| self.plot(Columns(&batch), row));
                if plots.filter(|plot| starts.contains(&plot.timestamp)).try_for_each(&mut *each).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn plot(&self, columns: Columns<'_>, row: usize) -> Option<JobPlot> {
        let index = columns.number::<UInt32Type>("detector", row)? as usize;
        let detector = self.detectors.get(index)?;
        let split = |field: &Option<String>, name: &str| {
            field
                .as_ref()
                .map(|field| Split { field: field.clone(), value: columns.text(name, row).map(str::to_owned) })
        };
        let decimal = |name| columns.number::<Float64Type>(name, row);
        Some(JobPlot {
            timestamp: columns.number::<Int64Type>("bucket", row)? * 1000,
            bucket_span: self.span,
            detector_index: index,
            function_description: columns.text("description", row)?.to_owned(),
            by: split(&detector.by, "by"),
            partition: split(&detector.partition, "partition"),
            actual: decimal("actual")?,
            typical: decimal("typical")?,
            lower: decimal("lower")?,
            upper: decimal("upper")?,
        })
    }
}

/// Merges the plots of whole days before `before` (days since the epoch).
///
/// # Errors
/// A merged segment cannot be written.
pub(crate) fn compact(segments: &mut Segments, before: i64) -> Result<()> {
    for covers in segments.scattered(before) {
        let current = segments.current();
        let mut batches = Vec::new();
        let mut paths: Vec<&PathBuf> = Vec::new();
        for (id, _) in &covers {
            let path = current.get(id).map(|(segment, _)| &segment.path);
            paths.extend(path.filter(|path| !paths.contains(path)));
        }
        for path in paths {
            let starts: HashSet<i64> = covers
                .iter()
                .filter(|(id, _)| current.get(id).is_some_and(|(segment, _)| segment.path == *path))
                .map(|(id, _)| id.start)
                .collect();
            for batch in read_through(path).unwrap_or_default() {
                let bucket = batch.column_by_name("bucket").and_then(|c| c.as_primitive_opt::<Int64Type>());
                let mask: BooleanArray = bucket
                    .into_iter()
                    .flat_map(|bucket| bucket.values())
                    .map(|start| Some(starts.contains(start)))
                    .collect();
                if mask.len() == batch.num_rows() {
                    batches.push(filter_record_batch(&batch, &mask)?);
                }
            }
        }
        segments.commit(schema(), &batches, covers)?;
    }
    segments.remove_replaced();
    Ok(())
}
