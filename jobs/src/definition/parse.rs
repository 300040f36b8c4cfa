//! Reads jobs in the forms that Kibana exports, strictly: what is not understood is refused by its JSON path.

use std::collections::HashSet;
use std::str::FromStr;

use serde_json::Value;

use super::{
    Analysis, Categorization, Chunking, DataDescription, Datafeed, DelayedDataCheck, JobDefinition, Limits, ModelPlot,
    PerPartition, Retention,
};
use crate::detector::Detector;
use crate::id::{JobId, is_id};
use crate::json::{Node, Object, ReadError};
use crate::query::Query;

/// Why a file holds no jobs that can be used.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// It is no JSON.
    #[error("no valid json: {0}")]
    Json(#[from] serde_json::Error),
    /// It is too long.
    #[error("a file of {0} bytes is longer than {LONGEST}")]
    Length(usize),
    /// Something in it is missing, unknown or wrong.
    #[error(transparent)]
    Content(#[from] ReadError),
}

#[derive(Clone, Copy)]
enum Mode {
    Auto,
    Manual,
    Off,
}

const MODES: [(&str, Mode); 3] = [("auto", Mode::Auto), ("manual", Mode::Manual), ("off", Mode::Off)];

/// Longest file that is read, bytes.
pub const LONGEST: usize = 16 << 20;
/// Most conditions in a datafeed's query.
const CONDITIONS: usize = 10_000;
/// What Elasticsearch tells of a job and does not take back.
const TOLD: [&str; 10] = [
    "create_time",
    "finished_time",
    "job_version",
    "model_snapshot_id",
    "model_snapshot_min_version",
    "deleting",
    "blocked",
    "deployments",
    "create_time_string",
    "finished_time_string",
];

/// Reads the jobs of a file: one `{job, datafeed}` or an array of them as Kibana exports them, bodies of
/// `PUT _ml/anomaly_detectors` with their `datafeed_config`, or what `GET _ml/anomaly_detectors` answers.
///
/// # Errors
/// No JSON, or something that is not understood, by its JSON path.
pub fn parse(text: &str) -> Result<Vec<JobDefinition>, DefinitionError> {
    if text.len() > LONGEST {
        return Err(DefinitionError::Length(text.len()));
    }
    Ok(from_json(&Value::from_str(text)?)?)
}

/// Reads jobs from JSON, in the forms of [`parse`].
///
/// # Errors
/// Something that is not understood, by its JSON path.
pub fn from_json(json: &Value) -> Result<Vec<JobDefinition>, ReadError> {
    let root = Node::root(json);
    let listed = match json.as_object() {
        Some(object) if object.contains_key("jobs") => read_list(&root)?,
        _ => root.one_or_many()?.iter().map(JobDefinition::from_json).collect::<Result<Vec<_>, _>>()?,
    };
    let mut seen = HashSet::new();
    match listed.iter().find(|job| !seen.insert(job.id.as_str())) {
        Some(twice) => Err(root.refuse(format!("two jobs have the id {:?}", twice.id.as_str()))),
        None => Ok(listed),
    }
}

/// Reads `{count, jobs, datafeeds}`.
fn read_list(root: &Node<'_>) -> Result<Vec<JobDefinition>, ReadError> {
    let mut object = root.object()?;
    let jobs = object.require("jobs")?;
    let datafeeds = object.get("datafeeds");
    object.skip(&["count"]);
    object.finish()?;
    let mut definitions = jobs.array()?.iter().map(JobDefinition::from_json).collect::<Result<Vec<_>, _>>()?;
    for node in datafeeds.map_or_else(|| Ok(Vec::new()), |node| node.array())? {
        let id = node.object()?.require("job_id")?;
        let name = id.text()?;
        let job = definitions.iter_mut().find(|job| job.id.as_str() == name);
        let job = job.ok_or_else(|| id.refuse(format!("there is no job {name:?}")))?;
        if job.datafeed.is_some() {
            return Err(node.refuse(format!("job {name:?} has a second datafeed")));
        }
        job.datafeed = Some(read_datafeed(&node, &job.id)?);
    }
    Ok(definitions)
}

impl JobDefinition {
    /// Reads one `{job, datafeed}`, or one job with its `datafeed_config` within.
    ///
    /// # Errors
    /// Something that is not understood, by its JSON path.
    pub fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        let mut pair = node.object()?;
        if !pair.has("job") && (pair.has("analysis_config") || pair.has("job_id")) {
            return read_job(node);
        }
        let job = pair.require("job")?;
        let datafeed = pair.get("datafeed");
        pair.finish()?;
        let mut definition = read_job(&job)?;
        if let Some(node) = datafeed {
            if definition.datafeed.is_some() {
                return Err(node.refuse("the job has a datafeed_config already"));
            }
            definition.datafeed = Some(read_datafeed(&node, &definition.id)?);
        }
        Ok(definition)
    }
}

fn read_job(node: &Node<'_>) -> Result<JobDefinition, ReadError> {
    let mut job = node.object()?;
    let id = job.require("job_id")?;
    let job_type = job.get("job_type");
    if let Some(node) = job_type
        && node.text()? != "anomaly_detector"
    {
        return Err(node.refuse("expected \"anomaly_detector\""));
    }
    let datafeed = job.get("datafeed_config");
    job.skip(&TOLD);
    let mut definition = JobDefinition {
        id: JobId::new(id.text()?).map_err(|error| id.refuse(error.to_string()))?,
        description: job.text("description")?,
        groups: job.read("groups", groups)?.unwrap_or_default(),
        analysis: read_analysis(&job.require("analysis_config")?)?,
        limits: job.read("analysis_limits", read_limits)?,
        data: read_data(&job.require("data_description")?)?,
        model_plot: job.read("model_plot_config", read_model_plot)?,
        retention: read_retention(&mut job)?,
        results_index: job.text("results_index_name")?,
        allow_lazy_open: job.read("allow_lazy_open", Node::flag)?,
        custom_settings: job.read("custom_settings", Node::free_object)?.unwrap_or_default(),
        datafeed: None,
    };
    job.finish()?;
    definition.datafeed = datafeed.map(|node| read_datafeed(&node, &definition.id)).transpose()?;
    Ok(definition)
}

fn groups(node: &Node<'_>) -> Result<Vec<String>, ReadError> {
    let read = |group: &Node<'_>| {
        let name = group.text()?;
        if is_id(name) { Ok(name.to_owned()) } else { Err(group.refuse(format!("{name:?} is no group name"))) }
    };
    node.array()?.iter().map(read).collect()
}

fn read_analysis(node: &Node<'_>) -> Result<Analysis, ReadError> {
    let mut object = node.object()?;
    let detectors = object.require("detectors")?;
    let analysis = Analysis {
        bucket_span: object.read("bucket_span", Node::parsed)?,
        detectors: detectors
            .array()?
            .iter()
            .enumerate()
            .map(|(index, node)| Detector::from_json(node, index))
            .collect::<Result<_, _>>()?,
        influencers: object.read("influencers", Node::texts)?.unwrap_or_default(),
        model_prune_window: object.read("model_prune_window", Node::parsed)?,
        latency: object.read("latency", Node::parsed)?,
        summary_count_field: object.text("summary_count_field_name")?,
        multivariate_by_fields: object.read("multivariate_by_fields", Node::flag)?,
        categorization: read_categorization(&mut object)?,
    };
    if analysis.detectors.is_empty() {
        return Err(detectors.refuse("a job needs a detector"));
    }
    object.finish()?;
    Ok(analysis)
}

fn read_categorization(object: &mut Object<'_>) -> Result<Option<Categorization>, ReadError> {
    let per_partition = object.read("per_partition_categorization", |node| {
        let mut object = node.object()?;
        let enabled = object.read("enabled", Node::flag)?.unwrap_or(false);
        let stop_on_warn = object.read("stop_on_warn", Node::flag)?;
        object.finish()?;
        Ok(PerPartition { enabled, stop_on_warn })
    })?;
    let filters = object.get("categorization_filters");
    let analyzer = object.get("categorization_analyzer");
    let Some(field) = object.text("categorization_field_name")? else {
        let orphan = filters.or(analyzer).map(|node| node.refuse("needs a categorization_field_name"));
        return orphan.map_or(Ok(None), Err);
    };
    let filters = filters.map(|node| node.texts()).transpose()?.unwrap_or_default();
    Ok(Some(Categorization { field, filters, analyzer: analyzer.map(|node| node.value().clone()), per_partition }))
}

fn read_limits(node: &Node<'_>) -> Result<Limits, ReadError> {
    let mut object = node.object()?;
    let limits = Limits {
        model_memory: object.read("model_memory_limit", |node| match node.value() {
            Value::Number(number) => Ok(number.to_string()),
            _ => Ok(node.text()?.to_owned()),
        })?,
        categorization_examples: object.read("categorization_examples_limit", Node::count)?,
    };
    object.finish()?;
    Ok(limits)
}

fn read_data(node: &Node<'_>) -> Result<DataDescription, ReadError> {
    let mut object = node.object()?;
    let data = DataDescription {
        time_field: object.text("time_field")?,
        time_format: object.text("time_format")?,
        format: object.text("format")?,
        field_delimiter: object.text("field_delimiter")?,
    };
    object.finish()?;
    Ok(data)
}

fn read_model_plot(node: &Node<'_>) -> Result<ModelPlot, ReadError> {
    let mut object = node.object()?;
    let plot = ModelPlot {
        enabled: object.read("enabled", Node::flag)?.unwrap_or(false),
        annotations_enabled: object.read("annotations_enabled", Node::flag)?,
        terms: object.text("terms")?,
    };
    object.finish()?;
    Ok(plot)
}

fn read_retention(job: &mut Object<'_>) -> Result<Retention, ReadError> {
    Ok(Retention {
        model_snapshot_days: job.read("model_snapshot_retention_days", Node::count)?,
        daily_model_snapshot_after_days: job.read("daily_model_snapshot_retention_after_days", Node::count)?,
        results_days: job.read("results_retention_days", Node::count)?,
        renormalization_window_days: job.read("renormalization_window_days", Node::count)?,
        background_persist_interval: job.read("background_persist_interval", Node::parsed)?,
    })
}

fn read_datafeed(node: &Node<'_>, job: &JobId) -> Result<Datafeed, ReadError> {
    let mut object = node.object()?;
    if let Some(node) = object.get("job_id")
        && node.text()? != job.as_str()
    {
        return Err(node.refuse(format!("expected {:?}, the id of the job", job.as_str())));
    }
    let id = match object.get("datafeed_id") {
        Some(node) if is_id(node.text()?) => node.text()?.to_owned(),
        Some(node) => return Err(node.refuse(format!("{} is no id", node.value()))),
        None => job.datafeed(),
    };
    let indices = match object.get("indices") {
        Some(node) => node,
        None => object.get("indexes").map_or_else(|| object.require("indices"), Ok)?,
    };
    let names: Vec<String> =
        indices.one_or_many()?.iter().map(|node| Ok(node.text()?.to_owned())).collect::<Result<_, ReadError>>()?;
    if names.is_empty() {
        return Err(indices.refuse("a datafeed needs an index"));
    }
    let aggregations = match object.read("aggregations", Node::free_object)? {
        Some(aggregations) => Some(aggregations),
        None => object.read("aggs", Node::free_object)?,
    };
    object.skip(&["authorization"]);
    let datafeed = Datafeed {
        id,
        indices: names,
        query: object.read("query", read_query)?.unwrap_or(Query::MatchAll),
        query_delay: object.read("query_delay", Node::parsed)?,
        frequency: object.read("frequency", Node::parsed)?,
        scroll_size: object.read("scroll_size", Node::count)?,
        max_empty_searches: object.read("max_empty_searches", |node| {
            node.value().as_i64().ok_or_else(|| node.refuse("expected a whole number"))
        })?,
        chunking: object.read("chunking_config", read_chunking)?,
        delayed_data_check: object.read("delayed_data_check_config", |node| {
            let mut object = node.object()?;
            let enabled = object.require("enabled")?.flag()?;
            let check_window = object.read("check_window", Node::parsed)?;
            object.finish()?;
            Ok(DelayedDataCheck { enabled, check_window })
        })?,
        aggregations,
        runtime_mappings: object.read("runtime_mappings", Node::free_object)?,
        script_fields: object.read("script_fields", Node::free_object)?,
        indices_options: object.read("indices_options", Node::free_object)?,
    };
    object.finish()?;
    Ok(datafeed)
}

fn read_query(node: &Node<'_>) -> Result<Query, ReadError> {
    let query = Query::from_json(node)?;
    match query.size() {
        size if size > CONDITIONS => Err(node.refuse(format!("{size} conditions are more than {CONDITIONS}"))),
        _ => Ok(query),
    }
}

fn read_chunking(node: &Node<'_>) -> Result<Chunking, ReadError> {
    let mut object = node.object()?;
    let mode = object.require("mode")?.one_of(&MODES)?;
    let span = object.get("time_span");
    object.finish()?;
    match (mode, span) {
        (Mode::Manual, Some(span)) => Ok(Chunking::Manual(span.parsed()?)),
        (Mode::Manual, None) => Err(node.refuse("mode \"manual\" needs a time_span")),
        (_, Some(span)) => Err(span.refuse("only mode \"manual\" has a time_span")),
        (Mode::Auto, None) => Ok(Chunking::Auto),
        (Mode::Off, None) => Ok(Chunking::Off),
    }
}
