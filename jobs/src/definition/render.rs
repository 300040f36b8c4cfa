//! Writes jobs in the form that Kibana imports: an array of `{job, datafeed}`.

use serde_json::{Map, Value, json};

use super::{Analysis, Categorization, Chunking, Datafeed, JobDefinition};
use crate::detector::Detector;
use crate::span::Span;

/// The jobs as an array of `{job, datafeed}`.
pub fn render<'a>(jobs: impl IntoIterator<Item = &'a JobDefinition>) -> Value {
    jobs.into_iter().map(JobDefinition::to_json).collect()
}

impl JobDefinition {
    /// The file that carries this job alone: pretty-printed JSON with a final line feed.
    pub fn file(&self) -> String {
        format!("{:#}\n", render([self]))
    }

    /// The job as one `{job, datafeed}`.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("job".to_owned(), self.job_json());
        if let Some(datafeed) = &self.datafeed {
            map.insert("datafeed".to_owned(), datafeed.to_json(self.id.as_str()));
        }
        Value::Object(map)
    }

    fn job_json(&self) -> Value {
        let mut out = Writer::default();
        out.put("job_id", self.id.as_str());
        out.optional("description", self.description.as_deref());
        out.list("groups", &self.groups);
        out.put("analysis_config", self.analysis.to_json());
        out.optional(
            "analysis_limits",
            self.limits.as_ref().map(|limits| {
                let mut out = Writer::default();
                out.optional("model_memory_limit", limits.model_memory.as_deref());
                out.optional("categorization_examples_limit", limits.categorization_examples);
                out.0
            }),
        );
        let mut data = Writer::default();
        data.optional("format", self.data.format.as_deref());
        data.optional("time_field", self.data.time_field.as_deref());
        data.optional("time_format", self.data.time_format.as_deref());
        data.optional("field_delimiter", self.data.field_delimiter.as_deref());
        out.put("data_description", data.0);
        out.optional(
            "model_plot_config",
            self.model_plot.as_ref().map(|plot| {
                let mut out = Writer::default();
                out.put("enabled", plot.enabled);
                out.optional("annotations_enabled", plot.annotations_enabled);
                out.optional("terms", plot.terms.as_deref());
                out.0
            }),
        );
        let keep = &self.retention;
        out.optional("model_snapshot_retention_days", keep.model_snapshot_days);
        out.optional("daily_model_snapshot_retention_after_days", keep.daily_model_snapshot_after_days);
        out.optional("results_retention_days", keep.results_days);
        out.optional("renormalization_window_days", keep.renormalization_window_days);
        out.span("background_persist_interval", keep.background_persist_interval);
        out.optional("results_index_name", self.results_index.as_deref());
        out.optional("allow_lazy_open", self.allow_lazy_open);
        if !self.custom_settings.is_empty() {
            out.put("custom_settings", self.custom_settings.clone());
        }
        Value::Object(out.0)
    }
}

impl Analysis {
    fn to_json(&self) -> Value {
        let mut out = Writer::default();
        out.span("bucket_span", self.bucket_span);
        let detectors: Vec<Value> =
            self.detectors.iter().enumerate().map(|(index, detector)| Detector::to_json(detector, index)).collect();
        out.put("detectors", detectors);
        out.list("influencers", &self.influencers);
        out.span("model_prune_window", self.model_prune_window);
        out.span("latency", self.latency);
        out.optional("summary_count_field_name", self.summary_count_field.as_deref());
        out.optional("multivariate_by_fields", self.multivariate_by_fields);
        if let Some(categorization) = &self.categorization {
            categorization.write(&mut out);
        }
        Value::Object(out.0)
    }
}

impl Categorization {
    fn write(&self, out: &mut Writer) {
        out.put("categorization_field_name", self.field.as_str());
        out.list("categorization_filters", &self.filters);
        out.optional("categorization_analyzer", self.analyzer.clone());
        out.optional(
            "per_partition_categorization",
            self.per_partition.map(|per_partition| {
                let mut out = Writer::default();
                out.put("enabled", per_partition.enabled);
                out.optional("stop_on_warn", per_partition.stop_on_warn);
                out.0
            }),
        );
    }
}

impl Datafeed {
    fn to_json(&self, job_id: &str) -> Value {
        let mut out = Writer::default();
        out.put("datafeed_id", self.id.as_str());
        out.put("job_id", job_id);
        out.put("indices", self.indices.clone());
        out.put("query", self.query.to_json());
        out.span("query_delay", self.query_delay);
        out.span("frequency", self.frequency);
        out.optional("scroll_size", self.scroll_size);
        out.optional("max_empty_searches", self.max_empty_searches);
        out.optional(
            "chunking_config",
            self.chunking.map(|chunking| match chunking {
                Chunking::Auto => json!({"mode": "auto"}),
                Chunking::Manual(span) => json!({"mode": "manual", "time_span": span.to_string()}),
                Chunking::Off => json!({"mode": "off"}),
            }),
        );
        out.optional(
            "delayed_data_check_config",
            self.delayed_data_check.map(|check| {
                let mut out = Writer::default();
                out.put("enabled", check.enabled);
                out.span("check_window", check.check_window);
                out.0
            }),
        );
        out.optional("aggregations", self.aggregations.clone());
        out.optional("runtime_mappings", self.runtime_mappings.clone());
        out.optional("script_fields", self.script_fields.clone());
        out.optional("indices_options", self.indices_options.clone());
        Value::Object(out.0)
    }
}

/// An object under construction, into which absent values and empty lists are not written.
#[derive(Default)]
struct Writer(Map<String, Value>);

impl Writer {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn span(&mut self, key: &str, span: Option<Span>) {
        self.optional(key, span.map(|span| span.to_string()));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.put(key, values.to_vec());
        }
    }
}
