//! A job definition made ready to run: what is read, filtered, summed and compared, or why it cannot be.
//!
//! Owns every refusal. Must not touch files.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::logical_expr::Expr;
use jobs::aggregation::Aggregations;
use jobs::definition::Datafeed;
use jobs::detector::Family;
use jobs::json::{Node, ReadError};
use jobs::{Detector, Function, JobDefinition};
use serde_json::Value;

use super::columns::{Column, Kind, column};
use super::filter::Compiler;
use super::runtime::runtime_column;
use super::summed::{Summed, summed};

/// Why a job cannot be run: one refusal for each thing that cannot, by JSON path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Refused(pub Vec<ReadError>);

/// A job that can be run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The definition.
    pub definition: JobDefinition,
    /// Length of a bucket, seconds.
    pub span: u32,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Which sessions are read.
    pub(crate) filter: Expr,
    /// How they become documents.
    pub(crate) source: Source,
    /// What is computed, one for each function that is modelled.
    pub(crate) parts: Vec<Part>,
    /// Influencers that documents carry and that no detector is split by.
    pub(crate) influencers: Vec<String>,
}

/// How sessions become documents.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Each is one; `weight` says how many it stands for.
    Sessions { columns: BTreeMap<String, Column>, weight: Option<Column> },
    /// They are summed up first.
    Summed(Box<Summed>),
}

/// One function of one detector.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Place of the detector in the job.
    pub detector: usize,
    /// What is computed. `metric` is three parts: mean, min and max.
    pub function: Function,
    pub field: Option<String>,
    pub by: Option<String>,
    pub over: Option<String>,
    pub partition: Option<String>,
    /// Documents without a by- or partition-value form a series of their own.
    pub use_null: bool,
}

impl Source {
    /// What a document carries under this name.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        match self {
            Self::Sessions { columns, .. } => columns.get(name).map(|column| column.kind),
            Self::Summed(summed) => summed.kind(name),
        }
    }
}

/// Longest bucket, seconds.
const LONGEST_SPAN: u64 = 86_400;

impl Plan {
    /// Makes a job ready.
    ///
    /// # Errors
    /// Everything about it that cannot be run.
    pub fn new(definition: &JobDefinition) -> Result<Self, Refused> {
        let mut check = Check { compiler: Compiler::default(), refusals: Vec::new(), runtime: BTreeMap::new() };
        check.findings(definition);
        let Some(datafeed) = &definition.datafeed else {
            check.refuse("$", "the job has no datafeed, so nothing tells which sessions it reads");
            return Err(Refused(check.refusals));
        };
        check.datafeed(datafeed);
        let filter = check.filter(datafeed);
        let time = definition.data.time_field.as_deref().unwrap_or("time");
        let source = if let Some(aggregations) = &datafeed.aggregations {
            check.aggregated(definition, &Value::Object(aggregations.clone()), time)
        } else {
            Some(check.sessions(definition, time))
        };
        let parts = source.as_ref().map(|source| check.parts(definition, source)).unwrap_or_default();
        let influencers = source.as_ref().map(|source| check.influencers(definition, source)).unwrap_or_default();
        match (source, filter) {
            (Some(source), Some(filter)) if check.refusals.is_empty() => {
                let span = u32::try_from(definition.bucket_span().as_seconds()).unwrap_or(u32::MAX);
                let notes = check.compiler.notes;
                Ok(Self { definition: definition.clone(), span, notes, filter, source, parts, influencers })
            }
            _ => Err(Refused(check.refusals)),
        }
    }
}

impl Plan {
    /// The stored columns that decide what is counted.
    pub(crate) fn columns(&self) -> BTreeSet<String> {
        let mut exprs = vec![self.filter.clone()];
        match &self.source {
            Source::Sessions { columns, weight } => {
                let used = self.parts.iter().flat_map(|part| [&part.field, &part.by, &part.over, &part.partition]);
                let used = used.filter_map(|name| columns.get(name.as_deref()?));
                exprs.extend(used.chain(weight).map(|column| column.expr.clone()));
            }
            Source::Summed(summed) => exprs.extend(summed.exprs()),
        }
        exprs.iter().flat_map(Expr::column_refs).map(|column| column.name.clone()).collect()
    }
}

struct Check {
    compiler: Compiler,
    refusals: Vec<ReadError>,
    /// Fields that the datafeed computes by scripts.
    runtime: BTreeMap<String, Value>,
}

impl Check {
    fn refuse(&mut self, path: &str, problem: impl Into<String>) {
        let refusal = Node::at(&Value::Null, path).refuse(problem);
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    fn findings(&mut self, definition: &JobDefinition) {
        for finding in definition.findings(None) {
            if finding.is_fatal() {
                self.refuse(finding.path(), finding.to_string());
            } else {
                self.compiler.note(finding.to_string());
            }
        }
        let span = definition.bucket_span();
        if span.as_seconds() == 0 || span.as_seconds() > LONGEST_SPAN || !span.as_nanos().is_multiple_of(1_000_000_000)
        {
            let problem = format!("bucket span {span} is no whole number of seconds from 1s to 1d");
            self.refuse("$.job.analysis_config.bucket_span", problem);
        }
        if definition.analysis.categorization.is_some() {
            let path = "$.job.analysis_config.categorization_field_name";
            self.refuse(path, "sessions carry no messages to put into categories");
        }
        if definition.analysis.multivariate_by_fields == Some(true) {
            self.refuse("$.job.analysis_config.multivariate_by_fields", "correlations of by-fields are not modelled");
        }
    }

    fn datafeed(&mut self, datafeed: &Datafeed) {
        if let Some(scripts) = &datafeed.script_fields
            && let Some(name) = scripts.keys().next()
        {
            self.refuse(&format!("$.datafeed.script_fields[{}]", Value::from(name.as_str())), "scripts are not run");
        }
        let mappings = datafeed.runtime_mappings.iter().flatten();
        self.runtime = mappings.map(|(name, mapping)| (name.clone(), mapping.clone())).collect();
    }

    fn filter(&mut self, datafeed: &Datafeed) -> Option<Expr> {
        let used = datafeed.query.fields().into_iter().find(|field| self.runtime.contains_key(*field));
        if let Some(field) = used {
            self.refuse(
                "$.datafeed.runtime_mappings",
                format!("field {field:?} is computed by a script, which is not run"),
            );
        }
        match self.compiler.query(&datafeed.query, "$.datafeed.query") {
            Ok(filter) => Some(filter),
            Err(refusal) => {
                self.refusals.push(refusal);
                None
            }
        }
    }

    /// The column of a field that stands at `path`.
    fn column(&mut self, field: &str, path: &str) -> Option<Column> {
        if let Some(mapping) = self.runtime.get(field) {
            return match runtime_column(mapping) {
                Ok(column) => Some(column),
                Err(problem) => {
                    let at = format!("$.datafeed.runtime_mappings[{}]", Value::from(field));
                    self.refuse(&at, format!("field {field:?}: {problem}"));
                    None
                }
            };
        }
        match column(field) {
            Ok(found) => Some(found),
            Err(missing) => {
                self.refuse(path, missing.refusal(field));
                None
            }
        }
    }

    fn time(&mut self, time: &str) {
        if column(time).map(|column| column.kind) != Ok(Kind::Time) {
            self.refuse(
                "$.job.data_description.time_field",
                format!("{time:?} is not the time of a session, \"@timestamp\" is"),
            );
        }
    }

    fn sessions(&mut self, definition: &JobDefinition, time: &str) -> Source {
        self.time(time);
        let mut columns = BTreeMap::new();
        for (index, detector) in definition.analysis.detectors.iter().enumerate() {
            for (key, field) in named_fields(detector) {
                let path = format!("$.job.analysis_config.detectors[{index}].{key}");
                if let Some(column) = self.column(field, &path) {
                    columns.insert(field.to_owned(), column);
                }
            }
        }
        for field in &definition.analysis.influencers {
            match column(field) {
                Ok(column) => {
                    columns.insert(field.clone(), column);
                }
                // Results are right without it; that it will name nobody has to be said.
                Err(missing) => self.compiler.note(format!("influencer {}", missing.refusal(field))),
            }
        }
        let path = "$.job.analysis_config.summary_count_field_name";
        let weight = definition.analysis.summary_count_field.as_deref().and_then(|field| {
            let column = self.column(field, path)?;
            if column.kind != Kind::Number {
                self.refuse(path, format!("field {field:?} is {}, not a number", column.kind.name()));
            }
            Some(column)
        });
        Source::Sessions { columns, weight }
    }

    fn aggregated(&mut self, definition: &JobDefinition, json: &Value, time: &str) -> Option<Source> {
        let path = "$.datafeed.aggregations";
        let aggregations = match Aggregations::from_json(&Node::at(json, path)) {
            Ok(aggregations) => aggregations,
            Err(refusal) => {
                self.refusals.push(refusal);
                return None;
            }
        };
        self.time(&aggregations.time_field);
        if aggregations.time_field != time {
            self.refuse(
                "$.job.data_description.time_field",
                format!("expected {:?}, which the histogram is over", aggregations.time_field),
            );
        }
        let (span, interval) = (definition.bucket_span().as_nanos(), aggregations.interval.as_nanos());
        if interval == 0 || !span.is_multiple_of(interval) {
            self.refuse(path, format!("the histogram's {} does not divide the bucket span", aggregations.interval));
        }
        let weight = definition.analysis.summary_count_field.as_deref();
        let weight_path = "$.job.analysis_config.summary_count_field_name";
        match weight {
            None => self.refuse(weight_path, "a job over aggregations needs one, such as \"doc_count\""),
            Some("doc_count") => {}
            Some(name) => {
                let measures = aggregations.measures.iter().any(|measure| measure.name.as_deref() == Some(name));
                if !measures {
                    self.refuse(
                        weight_path,
                        format!("{name:?} is neither \"doc_count\" nor computed by the aggregations"),
                    );
                }
            }
        }
        for field in aggregations.fields() {
            let _ = self.column(field, path);
        }
        if !self.refusals.is_empty() {
            return None;
        }
        match summed(&aggregations, weight, &mut self.compiler, path) {
            Ok(summed) => Some(Source::Summed(Box::new(summed))),
            Err(refusal) => {
                self.refusals.push(refusal);
                None
            }
        }
    }

    fn parts(&mut self, definition: &JobDefinition, source: &Source) -> Vec<Part> {
        let mut parts = Vec::new();
        for (index, detector) in definition.analysis.detectors.iter().enumerate() {
            let path = format!("$.job.analysis_config.detectors[{index}]");
            let functions: &[Function] = match detector.function {
                Function::Metric => &[Function::Mean, Function::Min, Function::Max],
                Function::FreqRare
                | Function::TimeOfDay
                | Function::TimeOfWeek
                | Function::InfoContent
                | Function::HighInfoContent
                | Function::LowInfoContent
                | Function::LatLong => {
                    let name = detector.function.as_str();
                    self.refuse(&format!("{path}.function"), format!("function {name:?} is known and cannot be run"));
                    continue;
                }
                ref other => std::slice::from_ref(other),
            };
            for (key, field) in named_fields(detector) {
                match source.kind(field) {
                    None if matches!(source, Source::Summed(_)) => {
                        self.refuse(&format!("{path}.{key}"), format!("the aggregations compute no {field:?}"));
                    }
                    Some(kind) if key == "field_name" && kind != Kind::Number && needs_number(detector.function) => {
                        let name = detector.function.as_str();
                        let problem =
                            format!("function {name:?} needs a number, and field {field:?} is {}", kind.name());
                        self.refuse(&format!("{path}.{key}"), problem);
                    }
                    _ => {}
                }
            }
            if matches!(source, Source::Summed(_)) && detector.function.description() == "distinct_count" {
                self.refuse(&format!("{path}.function"), "distinct values are lost when documents are summed up first");
            }
            parts.extend(functions.iter().map(|function| Part {
                detector: index,
                function: *function,
                field: detector.field.clone(),
                by: detector.by.clone(),
                over: detector.over.clone(),
                partition: detector.partition.clone(),
                use_null: detector.use_null == Some(true),
            }));
        }
        parts
    }

    fn influencers(&mut self, definition: &JobDefinition, source: &Source) -> Vec<String> {
        let split = |field: &String| {
            let fields = |d: &Detector| [d.by.clone(), d.over.clone(), d.partition.clone()];
            definition.analysis.detectors.iter().all(|detector| fields(detector).contains(&Some(field.clone())))
        };
        let mut found = Vec::new();
        for field in &definition.analysis.influencers {
            match source.kind(field) {
                Some(_) if split(field) => {}
                Some(_) => found.push(field.clone()),
                None if matches!(source, Source::Summed(_)) => {
                    self.compiler.note(format!("influencer {field:?} is not computed by the aggregations"));
                }
                None => {}
            }
        }
        found
    }
}

/// The fields of a detector with the keys that name them.
fn named_fields(detector: &Detector) -> impl Iterator<Item = (&'static str, &str)> {
    let keys = ["field_name", "by_field_name", "over_field_name", "partition_field_name"];
    let fields = [&detector.field, &detector.by, &detector.over, &detector.partition];
    keys.into_iter().zip(fields).filter_map(|(key, field)| Some((key, field.as_deref()?)))
}

fn needs_number(function: Function) -> bool {
    function.family() == Family::Field && function.description() != "distinct_count"
}
