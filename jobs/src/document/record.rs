//! The `record` and `model_plot` documents.

use serde_json::{Map, Value, json};

use super::{Body, DETECTOR_INDEX, Document, Documents, FUNCTION, FUNCTION_DESCRIPTION, port_name, stable_hash};
use crate::result::{AnomalyRecord, Expectation, Explanation, Influencer, Level, SeriesKey};
use crate::schema::Concept;

/// At most so many causes are written, as in Elastic's results.
const MAX_CAUSES: usize = 10;

impl Documents {
    /// An anomaly as a `record` document.
    pub fn record(&self, record: &AnomalyRecord) -> Document {
        let job = self.job(record.series.perspective);
        let mut body = Body::new(&job, "record");
        body.put("timestamp", record.timestamp);
        body.put("bucket_span", record.bucket_span);
        body.put("detector_index", DETECTOR_INDEX);
        body.put("is_interim", record.is_interim);
        body.put("probability", record.probability);
        body.put("record_score", record.record_score.value());
        body.put("initial_record_score", record.initial_record_score.value());
        body.put("multi_bucket_impact", record.multi_bucket_impact);
        body.put("function", FUNCTION);
        body.put("function_description", FUNCTION_DESCRIPTION);
        let split = self.split(&record.series, record.service.as_deref());
        for part in &split {
            body.put(&format!("{}_field_name", part.kind), part.field);
            body.put(&format!("{}_field_value", part.kind), part.value.as_str());
        }
        body.put("actual", vec![record.actual]);
        body.put("typical", vec![record.expected.typical]);
        body.put("influencers", self.influencers(&record.influencers, &split));
        let causes = self.causes(record, &split);
        if !causes.is_empty() {
            body.put("causes", causes);
        }
        body.put("anomaly_score_explanation", explanation(record.explanation, record.expected));
        body.put("severity", record.record_score.severity().as_str());
        body.put("level", level_name(record.series.level));
        body.put("attempts", record.attempts);
        body.put("clients", record.clients);
        body.put("revised", record.revised);
        let outcomes: Vec<Value> =
            record.outcomes.iter().map(|part| json!({"outcome": part.outcome.as_str(), "count": part.count})).collect();
        body.put("outcomes", outcomes);
        if let Some(cause) = &record.cause {
            body.put("likely_cause", json!({"group": cause.group, "evidence": cause.evidence}));
        }
        self.flatten(&mut body, &record.series, &split, &record.influencers);
        Document { id: self.record_id(record), body: body.0 }
    }

    /// The id of an anomaly's `record` document.
    pub fn record_id(&self, record: &AnomalyRecord) -> String {
        let split = self.split(&record.series, record.service.as_deref());
        format!(
            "{}_record_{}_{}_{DETECTOR_INDEX}_{}",
            self.job(record.series.perspective),
            record.timestamp,
            record.bucket_span,
            series_suffix(record.series.level, &split)
        )
    }

    /// One point of a series with the model's bounds as a `model_plot` document.
    ///
    /// `timestamp` is the bucket's start in ms since the epoch, `bucket_span` is in seconds; `actual` is absent for
    /// a bucket that was not observed.
    pub fn model_plot(
        &self,
        series: &SeriesKey,
        timestamp: i64,
        bucket_span: u32,
        actual: Option<f64>,
        expected: Expectation,
    ) -> Document {
        let job = self.job(series.perspective);
        let split = self.split(series, None);
        let mut body = Body::new(&job, "model_plot");
        body.put("timestamp", timestamp);
        body.put("bucket_span", bucket_span);
        body.put("detector_index", DETECTOR_INDEX);
        for part in &split {
            body.put(&format!("{}_field_name", part.kind), part.field);
            body.put(&format!("{}_field_value", part.kind), part.value.as_str());
        }
        body.put("model_feature", "'count per bucket by person'");
        body.put("model_lower", expected.lower);
        body.put("model_median", expected.typical);
        body.put("model_upper", expected.upper);
        if let Some(actual) = actual {
            body.put("actual", actual);
        }
        self.flatten(&mut body, series, &split, &[]);
        let id = format!(
            "{job}_model_plot_{timestamp}_{bucket_span}_{DETECTOR_INDEX}_{}",
            series_suffix(series.level, &split)
        );
        Document { id, body: body.0 }
    }

    /// How the series is set apart from the others: by port name, over a client, partition of a server.
    fn split(&self, series: &SeriesKey, service: Option<&str>) -> Vec<Part> {
        let part = |kind, concept: Concept, value| Part { kind, field: concept.field(self.schema), value };
        let mut parts = Vec::new();
        if let Some(port) = series.port {
            parts.push(part("by", Concept::ServerPortName, port_name(port, service)));
        }
        if let Some(client) = series.client {
            parts.push(part("over", Concept::ClientAddress, client.to_string()));
        }
        if let Some(server) = series.server {
            parts.push(part("partition", Concept::ServerAddress, server.to_string()));
        }
        parts
    }

    /// Influencers by field, the values that set the series apart first.
    fn influencers(&self, influencers: &[Influencer], split: &[Part]) -> Vec<Value> {
        let mut fields: Vec<(String, Vec<String>)> = Vec::new();
        let own = split.iter().map(|part| (part.field.to_owned(), part.value.clone()));
        let named = influencers.iter().map(|influencer| self.influencer(&influencer.field, &influencer.value));
        for (field, value) in own.chain(named) {
            match fields.iter_mut().find(|(known, _)| *known == field) {
                Some((_, values)) if values.contains(&value) => {}
                Some((_, values)) => values.push(value),
                None => fields.push((field, vec![value])),
            }
        }
        fields
            .into_iter()
            .map(|(field, values)| json!({"influencer_field_name": field, "influencer_field_values": values}))
            .collect()
    }

    /// The clients that the anomaly is due to, each with its own counts.
    fn causes(&self, record: &AnomalyRecord, split: &[Part]) -> Vec<Value> {
        if record.series.level == Level::Client {
            return Vec::new();
        }
        let over = Concept::ClientAddress.field(self.schema);
        let clients = record.influencers.iter().filter(|influencer| influencer.field == "client_ip");
        let cause = |client: &Influencer| {
            let mut map = Map::new();
            let mut put = |key: String, value: Value| map.insert(key, value);
            put("probability".to_owned(), record.probability.into());
            put("function".to_owned(), FUNCTION.into());
            put("function_description".to_owned(), FUNCTION_DESCRIPTION.into());
            for part in split {
                put(format!("{}_field_name", part.kind), part.field.into());
                put(format!("{}_field_value", part.kind), part.value.as_str().into());
            }
            put("over_field_name".to_owned(), over.into());
            put("over_field_value".to_owned(), client.value.as_str().into());
            put("actual".to_owned(), vec![(client.share * record.actual).round()].into());
            put("typical".to_owned(), vec![client.usual_share * record.expected.typical].into());
            Value::Object(map)
        };
        clients.take(MAX_CAUSES).map(cause).collect()
    }

    fn flatten(&self, body: &mut Body, series: &SeriesKey, split: &[Part], influencers: &[Influencer]) {
        for part in split {
            body.flat(part.field, &part.value);
        }
        if let Some(port) = series.port {
            body.flat(Concept::ServerPort.field(self.schema), &port.to_string());
        }
        for influencer in influencers {
            let (field, value) = self.influencer(&influencer.field, &influencer.value);
            body.flat(&field, &value);
        }
    }
}

/// One field that sets a series apart.
struct Part {
    kind: &'static str,
    field: &'static str,
    value: String,
}

/// Hash and length of what sets the series apart: the end of its documents' ids.
///
/// The vocabulary has no part in it, so that both forms of one result end alike.
fn series_suffix(level: Level, split: &[Part]) -> String {
    let values = split.iter().flat_map(|part| [part.kind, part.value.as_str()]);
    let hash = stable_hash(std::iter::once(level_name(level)).chain(values));
    let length: usize = split.iter().map(|part| part.value.len()).sum();
    format!("{hash}_{length}")
}

pub(super) const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ServerPort => "server_port",
        Level::Server => "server",
        Level::Port => "port",
        Level::Client => "client",
        Level::Perspective => "perspective",
    }
}

fn explanation(explanation: Explanation, expected: Expectation) -> Value {
    json!({
        "anomaly_type": if explanation.spike { "spike" } else { "dip" },
        "anomaly_length": explanation.length,
        "single_bucket_impact": explanation.single_bucket_impact,
        "multi_bucket_impact": explanation.multi_bucket_impact,
        "lower_confidence_bound": expected.lower,
        "typical_value": expected.typical,
        "upper_confidence_bound": expected.upper,
        "high_variance_penalty": explanation.high_variance_penalty,
        "incomplete_bucket_penalty": explanation.incomplete_bucket_penalty,
    })
}
