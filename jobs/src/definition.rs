//! A job: what is read, what is counted and how results are kept, as Kibana exports and imports it.
//!
//! Owns the description; rendering, reading and checking are in its submodules. Must not know the eight jobs.

mod check;
#[cfg(test)]
mod damage;
mod parse;
mod render;
#[cfg(test)]
pub(crate) mod tests;

use serde_json::{Map, Value};
use tracker::Perspective;

use crate::detector::Detector;
use crate::id::JobId;
use crate::query::Query;
use crate::schema::Schema;
use crate::span::Span;

pub use check::Finding;
pub use parse::{DefinitionError, LONGEST, from_json, parse};
pub use render::render;

/// One anomaly detection job and its datafeed.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDefinition {
    /// Id.
    pub id: JobId,
    /// Description in words.
    pub description: Option<String>,
    /// Groups that the job is listed under.
    pub groups: Vec<String>,
    /// What is watched.
    pub analysis: Analysis,
    /// Memory and examples that the model may use.
    pub limits: Option<Limits>,
    /// How documents carry time.
    pub data: DataDescription,
    /// Whether the model's bounds are kept.
    pub model_plot: Option<ModelPlot>,
    /// Retention and other settings of the job as a whole.
    pub retention: Retention,
    /// Name of the results index, `None` for the shared one.
    pub results_index: Option<String>,
    /// The job may wait for a node with room.
    pub allow_lazy_open: Option<bool>,
    /// Free metadata. [`JobDefinition::schema`] and [`JobDefinition::perspective`] are kept here as `job_tags`.
    pub custom_settings: Map<String, Value>,
    /// Where documents come from; `None` for a job that is fed in another way.
    pub datafeed: Option<Datafeed>,
}

/// What a job watches.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Length of a bucket; 5 minutes when absent.
    pub bucket_span: Option<Span>,
    /// What is counted; at least one.
    pub detectors: Vec<Detector>,
    /// Fields whose values results are attributed to.
    pub influencers: Vec<String>,
    /// Models not seen for this long are dropped.
    pub model_prune_window: Option<Span>,
    /// How late documents may be within the input.
    pub latency: Option<Span>,
    /// Field that holds a count, for input that is already summed.
    pub summary_count_field: Option<String>,
    /// Unusual combinations of by-values count.
    pub multivariate_by_fields: Option<bool>,
    /// Categorisation of log messages, where the job does it.
    pub categorization: Option<Categorization>,
}

/// Categorisation of log messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Categorization {
    /// Field with the message.
    pub field: String,
    /// Regular expressions of what to leave out.
    pub filters: Vec<String>,
    /// The analyser's name or definition.
    pub analyzer: Option<Value>,
    /// One set of categories per partition, and whether it stops when they become useless.
    pub per_partition: Option<PerPartition>,
}

/// One set of categories per partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerPartition {
    /// In use.
    pub enabled: bool,
    /// A partition whose categorisation warns is left out.
    pub stop_on_warn: Option<bool>,
}

/// What the model may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Memory, such as `1024mb`.
    pub model_memory: Option<String>,
    /// Examples kept per category.
    pub categorization_examples: Option<u64>,
}

/// How documents carry time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataDescription {
    /// Field; `time` when absent.
    pub time_field: Option<String>,
    /// `epoch`, `epoch_ms` or a pattern.
    pub time_format: Option<String>,
    /// Format of the input; only `xcontent` has a meaning today.
    pub format: Option<String>,
    /// Delimiter of delimited input.
    pub field_delimiter: Option<String>,
}

/// Whether the model's bounds are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPlot {
    /// In use.
    pub enabled: bool,
    /// Changes of the model are annotated.
    pub annotations_enabled: Option<bool>,
    /// Only for these values of by- and partition-field, separated by commas.
    pub terms: Option<String>,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// Model snapshots, days.
    pub model_snapshot_days: Option<u64>,
    /// After so many days only one snapshot a day is kept.
    pub daily_model_snapshot_after_days: Option<u64>,
    /// Results, days; `None` for ever.
    pub results_days: Option<u64>,
    /// Window over which scores are normalised again, days.
    pub renormalization_window_days: Option<u64>,
    /// How often the model is written.
    pub background_persist_interval: Option<Span>,
}

/// Where a job's documents come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Datafeed {
    /// Id.
    pub id: String,
    /// Index patterns; at least one.
    pub indices: Vec<String>,
    /// Which documents.
    pub query: Query,
    /// How long after a bucket's end it is read.
    pub query_delay: Option<Span>,
    /// How often it reads.
    pub frequency: Option<Span>,
    /// Documents a page.
    pub scroll_size: Option<u64>,
    /// Stops after so many searches without a document.
    pub max_empty_searches: Option<i64>,
    /// How a long time range is cut.
    pub chunking: Option<Chunking>,
    /// Whether it looks for documents that came too late.
    pub delayed_data_check: Option<DelayedDataCheck>,
    /// Aggregations, as Elasticsearch has them.
    pub aggregations: Option<Map<String, Value>>,
    /// Runtime fields, as Elasticsearch has them.
    pub runtime_mappings: Option<Map<String, Value>>,
    /// Script fields, as Elasticsearch has them.
    pub script_fields: Option<Map<String, Value>>,
    /// Treatment of missing and closed indices, as Elasticsearch has it.
    pub indices_options: Option<Map<String, Value>>,
}

/// How a long time range is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunking {
    /// As Elasticsearch sees fit.
    Auto,
    /// Into pieces of this length.
    Manual(Span),
    /// Not at all.
    Off,
}

/// Whether the datafeed looks for documents that came too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayedDataCheck {
    /// In use.
    pub enabled: bool,
    /// How far back.
    pub check_window: Option<Span>,
}

impl JobDefinition {
    /// Name of the file that carries the job.
    pub fn file_name(&self) -> String {
        self.id.file_name()
    }

    /// The vocabulary that the job is tagged with.
    pub fn schema(&self) -> Option<Schema> {
        self.tag("schema")?.parse().ok()
    }

    /// The perspective that the job is tagged with.
    pub fn perspective(&self) -> Option<Perspective> {
        self.tag("perspective")?.parse().ok()
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.custom_settings.get("job_tags")?.get(name)?.as_str()
    }

    /// Every field that the job names: detectors, influencers, the datafeed's query.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let detectors = self.analysis.detectors.iter().flat_map(Detector::fields);
        let influencers = self.analysis.influencers.iter().map(String::as_str);
        let query = self.datafeed.iter().flat_map(|datafeed| datafeed.query.fields());
        detectors.chain(influencers).chain(query)
    }
}
