//! From scores to records: which values are told of, and to whom each is due.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, cast, ident, lit};
use jobs::{FieldValues, JobCause, JobRecord, Score, Split};

use super::count::{Counted, Key, as_text, documents, named, sessions};
use super::plan::{Part, Plan};
use super::state::Scored;
use crate::error::{Result, StoreError};
use crate::store::SessionStore;

/// Scores below this are not told.
const TOLD: f64 = 3.0;
/// Records of one bucket, at most; the highest scores stay.
const MOST_RECORDS: usize = 500;
/// Causes and influencer values of one record, at most.
const MOST_NAMED: usize = 10;
/// Values of one field of one record that are weighed, at most.
const MOST_VALUES: usize = 2_000;
/// Share of a record's documents from which a value is named.
const SHARE: f64 = 0.2;

/// Values of influencer fields with their documents, by bucket start, part and series.
#[derive(Debug, Default)]
pub(crate) struct Found(HashMap<(i64, usize, Key), BTreeMap<String, Vec<(String, f64)>>>);

fn told(one: &Scored) -> bool {
    one.judged.score >= TOLD
}

/// Reads whom the unusual buckets of `from..to` (s) are due to.
///
/// # Errors
/// Files cannot be read.
pub(crate) async fn explain(
    store: &SessionStore,
    plan: &Plan,
    judged: &[(i64, Vec<Scored>, Counted, Vec<String>)],
    from: i64,
    to: i64,
) -> Result<Found> {
    let mut found = Found::default();
    if plan.influencers.is_empty() {
        return Ok(found);
    }
    let span = i64::from(plan.span);
    for (place, part) in plan.parts.iter().enumerate() {
        let wanted: BTreeSet<i64> = judged
            .iter()
            .filter(|(_, scored, ..)| scored.iter().any(|one| one.part == place && told(one)))
            .map(|(start, ..)| *start)
            .collect();
        if wanted.is_empty() {
            continue;
        }
        for field in plan.influencers.iter().filter(|field| !splits(part).iter().any(|(_, name)| name == field)) {
            let files = store.files(from * 1_000_000, to * 1_000_000)?;
            if files.is_empty() {
                continue;
            }
            let frame = documents(plan, sessions(files, from * 1_000_000, to * 1_000_000)?)?;
            let buckets: Vec<Expr> = wanted.iter().map(|start| lit(start / span)).collect();
            let value = named(plan, field);
            let frame = frame.filter(ident("bucket").in_list(buckets, false).and(value.clone().is_not_null()))?;
            let mut groups = vec![ident("bucket"), value.alias("value")];
            groups.extend(splits(part).iter().map(|(alias, name)| named(plan, name).alias(*alias)));
            let frame = frame.aggregate(groups, vec![sum(ident("docs")).alias("docs")])?;
            let mut shown = vec![
                ident("bucket"),
                as_text(plan, field, ident("value")).alias("value_text"),
                cast(ident("docs"), DataType::Float64).alias("docs"),
            ];
            for (alias, name) in splits(part) {
                shown.push(as_text(plan, name, ident(alias)).alias(format!("{alias}_text")));
            }
            for batch in frame.select(shown)?.collect().await? {
                found.read(&batch, place, field, span, part.over.is_some())?;
            }
        }
    }
    Ok(found)
}

fn splits(part: &Part) -> Vec<(&'static str, &String)> {
    let all = [("by", &part.by), ("over", &part.over), ("partition", &part.partition)];
    all.into_iter().filter_map(|(alias, name)| Some((alias, name.as_ref()?))).collect()
}

impl Found {
    fn read(
        &mut self,
        batch: &arrow::record_batch::RecordBatch,
        place: usize,
        field: &str,
        span: i64,
        over: bool,
    ) -> Result<()> {
        let odd = || StoreError::from(arrow::error::ArrowError::SchemaError("influencer query".to_owned()));
        let column = |name: &str| batch.column_by_name(name);
        let bucket = column("bucket").and_then(|c| c.as_primitive_opt::<Int64Type>()).ok_or_else(odd)?;
        let documents = column("docs").and_then(|c| c.as_primitive_opt::<Float64Type>()).ok_or_else(odd)?;
        let values = column("value_text").and_then(|c| c.as_string_opt::<i32>()).ok_or_else(odd)?;
        let text = |name: &str, row: usize| {
            let column = column(name)?.as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row).into())
        };
        for row in (0..batch.num_rows()).filter(|row| values.is_valid(*row)) {
            let key =
                Key { partition: text("partition_text", row), by: text("by_text", row), over: text("over_text", row) };
            let start = bucket.value(row) * span;
            let whole = over.then(|| Key { over: None, ..key.clone() });
            for key in std::iter::once(key).chain(whole) {
                let named = self.0.entry((start, place, key)).or_default().entry(field.to_owned()).or_default();
                let value = values.value(row);
                if let Some((_, count)) = named.iter_mut().find(|(known, _)| known == value) {
                    *count += documents.value(row);
                } else if named.len() < MOST_VALUES {
                    named.push((value.to_owned(), documents.value(row)));
                }
            }
        }
        Ok(())
    }

    /// Values that make up a good share of a record, the largest first.
    fn of(&self, start: i64, part: usize, key: &Key) -> Vec<FieldValues> {
        let Some(fields) = self.0.get(&(start, part, key.clone())) else { return Vec::new() };
        let one = |(field, values): (&String, &Vec<(String, f64)>)| {
            let total: f64 = values.iter().map(|(_, count)| count).sum();
            let mut values: Vec<&(String, f64)> = values.iter().filter(|(_, count)| *count >= SHARE * total).collect();
            values.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let values: Vec<String> = values.into_iter().take(MOST_NAMED).map(|(value, _)| value.clone()).collect();
            (!values.is_empty()).then(|| FieldValues { field: field.clone(), values })
        };
        fields.iter().filter_map(one).collect()
    }
}

/// The records of a bucket, by falling score.
pub(crate) fn records(plan: &Plan, start: i64, scored: &[Scored], found: &Found) -> Vec<JobRecord> {
    let mut records: Vec<JobRecord> =
        scored.iter().filter(|one| told(one)).map(|one| record(plan, start, one, scored, found)).collect();
    records.sort_by(|a, b| b.record_score.total_cmp(&a.record_score).then_with(|| a.series().cmp(&b.series())));
    records.truncate(MOST_RECORDS);
    records
}

fn record(plan: &Plan, start: i64, one: &Scored, scored: &[Scored], found: &Found) -> JobRecord {
    let part = &plan.parts[one.part];
    let judged = &one.judged;
    let split = |name: &Option<String>, value: &Option<std::sync::Arc<str>>| {
        name.as_ref().map(|field| Split { field: field.clone(), value: value.as_deref().map(str::to_owned) })
    };
    let over = if one.whole { None } else { split(&part.over, &one.key.over) };
    let causes = if one.whole { causes(part, one, scored) } else { Vec::new() };
    let (by, partition) = (split(&part.by, &one.key.by), split(&part.partition, &one.key.partition));
    let asked = &plan.definition.analysis.influencers;
    let own = [&by, &over, &partition].into_iter().flatten().filter(|split| asked.contains(&split.field));
    let mut influencers: Vec<FieldValues> = own
        .filter_map(|split| Some(FieldValues { field: split.field.clone(), values: vec![split.value.clone()?] }))
        .collect();
    if let Some(first) = causes.first().filter(|first| asked.contains(&first.over.field)) {
        let values: Vec<String> = causes.iter().filter_map(|cause| cause.over.value.clone()).collect();
        influencers.push(FieldValues { field: first.over.field.clone(), values });
    }
    influencers.extend(found.of(start, one.part, &one.key));
    let impact = |surprise: f64| {
        let digits = surprise / std::f64::consts::LN_10;
        if digits > 1.3 { digits.round() as u32 } else { 0 }
    };
    let detector = plan.definition.analysis.detectors.get(part.detector);
    let score = Score::new(judged.score).value();
    JobRecord {
        timestamp: start * 1000,
        bucket_span: plan.span,
        detector_index: part.detector,
        function: detector.map_or(part.function, |detector| detector.function).as_str().to_owned(),
        function_description: part.function.description().to_owned(),
        field_name: part.field.clone(),
        by,
        over,
        partition,
        actual: one.actual,
        typical: judged.expected.typical,
        lower: judged.expected.lower,
        upper: judged.expected.upper,
        probability: (-judged.surprise).exp(),
        record_score: score,
        initial_record_score: score,
        length: judged.length,
        single_bucket_impact: impact(judged.parts.0),
        multi_bucket_impact: impact(judged.parts.1),
        influencers,
        causes,
        revised: false,
    }
}

/// The members that make up most of a population's value.
fn causes(part: &Part, whole: &Scored, scored: &[Scored]) -> Vec<JobCause> {
    let Some(field) = &part.over else { return Vec::new() };
    let member = |one: &&Scored| {
        one.part == whole.part && !one.whole && one.key.by == whole.key.by && one.key.partition == whole.key.partition
    };
    let mut members: Vec<&Scored> = scored.iter().filter(member).collect();
    members.sort_by(|a, b| b.actual.total_cmp(&a.actual).then_with(|| a.key.cmp(&b.key)));
    let cause = |one: &Scored| JobCause {
        over: Split { field: field.clone(), value: one.key.over.as_deref().map(str::to_owned) },
        actual: one.actual,
        typical: one.judged.expected.typical,
        probability: (-one.judged.surprise).exp(),
    };
    members.into_iter().take(MOST_NAMED).map(cause).collect()
}
