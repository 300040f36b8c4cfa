//! What a job's functions make of the sessions: one value per bucket and series.
//!
//! Must not know models and scores.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::functions_aggregate::expr_fn::{avg, count, max, median, min, sum, var_pop};
use datafusion::logical_expr::{Expr, ExprFunctionExt, Operator, cast, ident, lit, when};
use futures::StreamExt as _;
use jobs::Function;
use tracker::Micros;

use super::columns::Kind;
use super::filter::balanced;
use super::plan::{Part, Plan, Source};
use crate::error::{Result, StoreError};
use crate::query::functions::ip_text;
use crate::query::{context, sessions::StoredSessions};
use crate::store::SessionStore;
use crate::store::footer::SessionFile;

/// Series kept of one bucket; what is beyond is counted and left out, the smallest values first.
pub(crate) const MOST_ROWS: usize = 50_000;

/// Which series a value belongs to. What a detector is not split by is `None`, as is a null series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Key {
    /// Value of the partition field.
    pub partition: Option<Arc<str>>,
    /// Value of the by-field.
    pub by: Option<Arc<str>>,
    /// Value of the over-field.
    pub over: Option<Arc<str>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub key: Key,
    pub value: f64,
    /// Documents that it was made of.
    pub documents: f64,
}

/// One bucket as counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Counted {
    /// Documents of the job.
    pub documents: f64,
    /// Values by part, by key.
    pub parts: Vec<Vec<Row>>,
    /// Series left out because there were too many.
    pub left_out: u64,
}

/// A stored time in µs.
pub(crate) fn micros(name: &str) -> Expr {
    cast(ident(name), DataType::Int64)
}

/// Counts the buckets in `from..to` (s) by bucket start. Buckets of which the store has no session at all are absent.
///
/// # Errors
/// Files cannot be read. Corrupt ones are left out and reported.
pub(crate) async fn count_buckets(
    store: &SessionStore,
    plan: &Plan,
    from: i64,
    to: i64,
) -> Result<BTreeMap<i64, Counted>> {
    let (from, to) = (from.saturating_mul(1_000_000), to.saturating_mul(1_000_000));
    loop {
        let files = store.files(from, to)?;
        match try_count(files.clone(), plan, from, to).await {
            Ok(counted) => return Ok(counted),
            Err(error) if store.weed(&files) == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

async fn try_count(
    files: Vec<Arc<SessionFile>>,
    plan: &Plan,
    from: Micros,
    to: Micros,
) -> Result<BTreeMap<i64, Counted>> {
    let mut buckets: BTreeMap<i64, Counted> = BTreeMap::new();
    if files.is_empty() {
        return Ok(buckets);
    }
    let sessions = sessions(files, from, to)?;
    let span = i64::from(plan.span);
    let bucket = (micros("end") / lit(span * 1_000_000)).alias("bucket");
    let matching = count(lit(1_i64)).filter(plan.filter.clone().and(whole())).build()?;
    let seen = sessions.clone().aggregate(vec![bucket], vec![matching.alias("matching")])?;
    for batch in seen.collect().await? {
        let (number, matching) = (integers(&batch, "bucket")?, integers(&batch, "matching")?);
        for row in 0..batch.num_rows() {
            let counted = buckets.entry(number.value(row) * span).or_default();
            counted.documents = matching.value(row) as f64;
            counted.parts = vec![Vec::new(); plan.parts.len()];
        }
    }
    let documents = documents(plan, sessions)?;
    for (place, part) in plan.parts.iter().enumerate() {
        let mut rows = values(plan, part, documents.clone())?.execute_stream().await?;
        while let Some(batch) = rows.next().await {
            read(&batch?, place, span, &mut buckets)?;
        }
    }
    for counted in buckets.values_mut() {
        counted.parts.iter_mut().for_each(|rows| rows.sort_by(|a, b| a.key.cmp(&b.key)));
    }
    Ok(buckets)
}

/// The sessions that ended in `from..to` (µs).
pub(crate) fn sessions(files: Vec<Arc<SessionFile>>, from: Micros, to: Micros) -> Result<DataFrame> {
    let time = |value| lit(ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into())));
    let frame = context()?.read_table(Arc::new(StoredSessions::of_files(files)))?;
    Ok(frame.filter(ident("end").gt_eq(time(from)).and(ident("end").lt(time(to))))?)
}

/// Interim records of a session that goes on are no documents.
fn whole() -> Expr {
    ident("end_reason").not_eq(lit("active"))
}

/// The job's documents: `bucket`, `docs`, and under `f0`, `f1`, ... what [`names`] lists.
pub(crate) fn documents(plan: &Plan, sessions: DataFrame) -> Result<DataFrame> {
    let sessions = sessions.filter(plan.filter.clone().and(whole()))?;
    let span = i64::from(plan.span) * 1_000_000;
    let (frame, time, weight) = match &plan.source {
        Source::Sessions { weight, .. } => {
            let weight =
                weight.as_ref().map_or_else(|| lit(1.0), |column| cast(column.expr.clone(), DataType::Float64));
            (sessions, micros("end"), weight)
        }
        Source::Summed(summed) => (summed.documents(sessions)?, summed.time(), summed.weight()),
    };
    let mut columns = vec![(time / lit(span)).alias("bucket"), weight.alias("docs")];
    for (place, name) in names(plan).into_iter().enumerate() {
        let expr = match &plan.source {
            Source::Sessions { columns, .. } => columns.get(name).map(|column| column.expr.clone()),
            Source::Summed(summed) => summed.column(name),
        };
        columns.push(expr.unwrap_or_else(|| lit(ScalarValue::Null)).alias(format!("f{place}")));
    }
    Ok(frame.select(columns)?)
}

/// Every name that a detector or an influencer uses, each once.
fn names(plan: &Plan) -> Vec<&str> {
    let split = plan.parts.iter().flat_map(|part| [&part.field, &part.by, &part.over, &part.partition]);
    let mut names: Vec<&str> = split.filter_map(|name| name.as_deref()).collect();
    names.extend(plan.influencers.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    names
}

/// The column of a name.
pub(crate) fn named(plan: &Plan, name: &str) -> Expr {
    let place = names(plan).iter().position(|known| *known == name).unwrap_or(0);
    ident(format!("f{place}"))
}

/// A value as the text that stands for it in results.
pub(crate) fn as_text(plan: &Plan, name: &str, expr: Expr) -> Expr {
    match plan.source.kind(name) {
        Some(Kind::Address) => ip_text().call(vec![expr]),
        Some(Kind::Text | Kind::AddressText) => expr,
        _ => cast(expr, DataType::Utf8),
    }
}

/// One row per bucket and series of a part: `bucket`, `by`, `over`, `partition`, `value`, `docs`; the largest first.
fn values(plan: &Plan, part: &Part, documents: DataFrame) -> Result<DataFrame> {
    let splits = [("by", &part.by), ("over", &part.over), ("partition", &part.partition)];
    let mut groups = vec![ident("bucket")];
    let mut present = Vec::new();
    for (alias, field) in splits {
        let Some(field) = field else { continue };
        let column = named(plan, field);
        if alias == "over" || !part.use_null {
            present.push(column.clone().is_not_null());
        }
        groups.push(column.alias(alias));
    }
    let frame = match balanced(present, Operator::And) {
        Some(present) => documents.filter(present)?,
        None => documents,
    };
    let docs = sum(ident("docs")).alias("docs");
    let (frame, groups, value) = match &part.field {
        // Each value is a row first: count(DISTINCT) sets kilobytes aside for every group.
        Some(field) if part.function.description() == "distinct_count" => {
            let each = named(plan, field).alias("each");
            let known = groups.iter().map(|group| ident(group.schema_name().to_string())).collect();
            let frame = frame.aggregate(groups.into_iter().chain([each]).collect(), vec![docs.clone()])?;
            (frame, known, count(ident("each")))
        }
        _ => (frame, groups, value_of(plan, part)),
    };
    let value = cast(value, DataType::Float64).alias("value");
    let frame = frame.aggregate(groups, vec![value, docs])?;
    let none = || lit(ScalarValue::Utf8(None));
    let mut shown = vec![ident("bucket"), ident("value"), cast(ident("docs"), DataType::Float64).alias("docs")];
    for (alias, field) in splits {
        let text = field.as_ref().map_or_else(none, |field| as_text(plan, field, ident(alias)));
        shown.push(text.alias(format!("{alias}_text")));
    }
    let order = vec![
        ident("bucket").sort(true, false),
        ident("value").sort(false, false),
        ident("partition_text").sort(true, false),
        ident("by_text").sort(true, false),
        ident("over_text").sort(true, false),
    ];
    Ok(frame.filter(ident("value").is_not_null())?.select(shown)?.sort(order)?)
}

fn value_of(plan: &Plan, part: &Part) -> Expr {
    let Some(field) = &part.field else { return sum(ident("docs")) };
    let column = named(plan, field);
    let number = || cast(column.clone(), DataType::Float64);
    let weighted = match &plan.source {
        Source::Sessions { weight, .. } => weight.is_some(),
        Source::Summed(_) => true,
    };
    match part.function.description() {
        "mean" if weighted => {
            let weight = when(column.clone().is_not_null(), ident("docs")).end();
            let weight = weight.unwrap_or_else(|_| ident("docs"));
            sum(number() * ident("docs")) / datafusion::functions::core::expr_fn::nullif(sum(weight), lit(0.0))
        }
        "mean" => avg(number()),
        "median" => median(number()),
        "min" => min(number()),
        "max" => max(number()),
        "varp" => var_pop(number()),
        _ => sum(number()),
    }
}

fn read(batch: &RecordBatch, place: usize, span: i64, buckets: &mut BTreeMap<i64, Counted>) -> Result<()> {
    let number = integers(batch, "bucket")?;
    let (values, documents) = (floats(batch, "value")?, floats(batch, "docs")?);
    let texts = |name: &str| {
        let column = batch.column_by_name(name).ok_or_else(|| odd(name))?;
        column.as_string_opt::<i32>().ok_or_else(|| odd(name))
    };
    let (by, over, partition) = (texts("by_text")?, texts("over_text")?, texts("partition_text")?);
    let text =
        |column: &arrow::array::StringArray, row: usize| column.is_valid(row).then(|| Arc::from(column.value(row)));
    for row in 0..batch.num_rows() {
        let Some(counted) = buckets.get_mut(&(number.value(row) * span)) else { continue };
        let value = values.value(row);
        if !value.is_finite() {
            continue;
        }
        let Some(rows) = counted.parts.get_mut(place) else { continue };
        if rows.len() >= MOST_ROWS {
            counted.left_out += 1;
            continue;
        }
        let key = Key { partition: text(partition, row), by: text(by, row), over: text(over, row) };
        rows.push(Row { key, value, documents: documents.value(row) });
    }
    Ok(())
}

fn odd(column: &str) -> StoreError {
    arrow::error::ArrowError::SchemaError(format!("job query gave no usable column {column:?}")).into()
}

fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a arrow::array::Int64Array> {
    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>()).ok_or_else(|| odd(name))
}

fn floats<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a arrow::array::Float64Array> {
    batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>()).ok_or_else(|| odd(name))
}

/// Whether a series without documents in a bucket has the value 0 there.
pub(crate) fn counts_nothing(function: Function) -> bool {
    matches!(function.description(), "count" | "sum" | "distinct_count")
}
