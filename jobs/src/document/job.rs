//! The documents of any job's results, in the field names of its definition or those of a vocabulary.

use serde_json::{Map, Value, json};

use super::{Body, Document, stable_hash};
use crate::id::JobId;
use crate::record::{FieldValues, JobBucket, JobInfluencer, JobPlot, JobRecord, Split};
use crate::schema::{Concept, Schema};
use crate::score::Score;

/// Writes the results of one job.
#[derive(Debug, Clone)]
pub struct JobDocuments {
    /// The job.
    pub job: JobId,
    /// Vocabulary; `None` keeps the field names of the definition.
    pub schema: Option<Schema>,
}

impl JobDocuments {
    /// A field in the vocabulary asked for; one that the vocabularies do not have stays.
    fn field<'a>(&self, field: &'a str) -> &'a str {
        let concept = self.schema.zip(Schema::concept_of(field));
        concept.map_or(field, |(schema, concept)| concept.field(schema))
    }

    /// A value in the vocabulary asked for: names of protocols are written in another case.
    fn value(&self, field: &str, value: &str) -> String {
        match (self.schema, Schema::concept_of(field)) {
            (Some(Schema::Codex), Some(Concept::Transport)) => value.to_uppercase(),
            (Some(Schema::Ecs), Some(Concept::Transport)) => value.to_lowercase(),
            _ => value.to_owned(),
        }
    }

    /// An anomaly as a `record` document.
    pub fn record(&self, record: &JobRecord) -> Document {
        let mut body = Body::new(&self.job, "record");
        body.put("timestamp", record.timestamp);
        body.put("bucket_span", record.bucket_span);
        body.put("detector_index", record.detector_index);
        body.put("is_interim", false);
        body.put("probability", record.probability);
        body.put("record_score", record.record_score);
        body.put("initial_record_score", record.initial_record_score);
        body.put("multi_bucket_impact", record.balance());
        body.put("function", record.function.as_str());
        body.put("function_description", record.function_description.as_str());
        if let Some(field) = &record.field_name {
            body.put("field_name", self.field(field));
        }
        for (kind, split) in splits(record) {
            body.put(&format!("{kind}_field_name"), self.field(&split.field));
            if let Some(value) = &split.value {
                body.put(&format!("{kind}_field_value"), self.value(&split.field, value));
            }
        }
        body.put("actual", vec![record.actual]);
        body.put("typical", vec![record.typical]);
        let influencers: Vec<Value> = record.influencers.iter().map(|found| self.named(found)).collect();
        body.put("influencers", influencers);
        if !record.causes.is_empty() {
            body.put("causes", self.causes(record));
        }
        body.put(
            "anomaly_score_explanation",
            json!({
                "anomaly_type": if record.actual >= record.typical { "spike" } else { "dip" },
                "anomaly_length": record.length,
                "single_bucket_impact": record.single_bucket_impact,
                "multi_bucket_impact": record.multi_bucket_impact,
                "lower_confidence_bound": record.lower,
                "typical_value": record.typical,
                "upper_confidence_bound": record.upper,
            }),
        );
        body.put("severity", Score::new(record.record_score).severity().as_str());
        body.put("revised", record.revised);
        for (_, split) in splits(record) {
            if let Some(value) = &split.value {
                body.flat(self.field(&split.field), &self.value(&split.field, value));
            }
        }
        for found in &record.influencers {
            for value in &found.values {
                body.flat(self.field(&found.field), &self.value(&found.field, value));
            }
        }
        Document { id: self.record_id(record), body: body.0 }
    }

    /// The id of a record's document: the same for the same series and bucket, in every vocabulary.
    pub fn record_id(&self, record: &JobRecord) -> String {
        let values = splits(record).into_iter().flat_map(|(kind, split)| [kind, split.value.as_deref().unwrap_or("")]);
        let hash = stable_hash(std::iter::once(record.function_description.as_str()).chain(values));
        let length: usize = splits(record).iter().map(|(_, split)| split.value.as_deref().map_or(0, str::len)).sum();
        let JobRecord { timestamp, bucket_span, detector_index, .. } = record;
        format!("{}_record_{timestamp}_{bucket_span}_{detector_index}_{hash}_{length}", self.job)
    }

    /// A bucket as a `bucket` document.
    pub fn bucket(&self, bucket: &JobBucket) -> Document {
        let mut body = Body::new(&self.job, "bucket");
        body.put("timestamp", bucket.timestamp);
        body.put("bucket_span", bucket.bucket_span);
        body.put("is_interim", false);
        body.put("anomaly_score", bucket.anomaly_score);
        body.put("initial_anomaly_score", bucket.initial_anomaly_score);
        body.put("event_count", bucket.event_count);
        body.put("series_count", bucket.series_count);
        body.put("severity", Score::new(bucket.anomaly_score).severity().as_str());
        if !bucket.scheduled_events.is_empty() {
            body.put("scheduled_events", bucket.scheduled_events.clone());
        }
        let time = json!({
            "influencer_field_name": "bucket_time",
            "anomaly_score": bucket.anomaly_score,
            "initial_anomaly_score": bucket.initial_anomaly_score,
            "raw_anomaly_score": bucket.anomaly_score,
            "probability": bucket.probability,
            "job_id": self.job.as_str(),
            "timestamp": bucket.timestamp,
            "bucket_span": bucket.bucket_span,
            "is_interim": false,
            "result_type": "bucket_influencer",
        });
        body.put("bucket_influencers", vec![time]);
        let id = format!("{}_bucket_{}_{}", self.job, bucket.timestamp, bucket.bucket_span);
        Document { id, body: body.0 }
    }

    /// An influencer as an `influencer` document.
    pub fn influencer(&self, result: &JobInfluencer) -> Document {
        let (field, value) = (self.field(&result.field), self.value(&result.field, &result.value));
        let mut body = Body::new(&self.job, "influencer");
        body.put("timestamp", result.timestamp);
        body.put("bucket_span", result.bucket_span);
        body.put("is_interim", false);
        body.put("probability", result.probability);
        body.put("influencer_score", result.influencer_score);
        body.put("initial_influencer_score", result.initial_influencer_score);
        body.put("influencer_field_name", field);
        body.put("influencer_field_value", value.as_str());
        body.flat(field, &value);
        let concept = Schema::concept_of(&result.field).map_or(result.field.as_str(), |c| c.field(Schema::Ecs));
        let hash = stable_hash([concept, result.value.to_lowercase().as_str()]);
        let (timestamp, span) = (result.timestamp, result.bucket_span);
        Document { id: format!("{}_influencer_{timestamp}_{span}_{hash}_{}", self.job, value.len()), body: body.0 }
    }

    /// One point of a series with the model's bounds as a `model_plot` document.
    pub fn model_plot(&self, plot: &JobPlot) -> Document {
        let mut body = Body::new(&self.job, "model_plot");
        body.put("timestamp", plot.timestamp);
        body.put("bucket_span", plot.bucket_span);
        body.put("detector_index", plot.detector_index);
        let splits = [("by", &plot.by), ("partition", &plot.partition)];
        let splits = splits.into_iter().filter_map(|(kind, split)| Some((kind, split.as_ref()?)));
        let mut values: Vec<&str> = vec![&plot.function_description];
        for (kind, split) in splits.clone() {
            body.put(&format!("{kind}_field_name"), self.field(&split.field));
            values.extend([kind, split.value.as_deref().unwrap_or("")]);
            if let Some(value) = &split.value {
                body.put(&format!("{kind}_field_value"), self.value(&split.field, value));
            }
        }
        body.put("model_feature", feature(&plot.function_description));
        body.put("model_lower", plot.lower);
        body.put("model_median", plot.typical);
        body.put("model_upper", plot.upper);
        body.put("actual", plot.actual);
        for (_, split) in splits {
            if let Some(value) = &split.value {
                body.flat(self.field(&split.field), &self.value(&split.field, value));
            }
        }
        let length: usize = values[1..].chunks(2).map(|pair| pair[1].len()).sum();
        let hash = stable_hash(values);
        let JobPlot { timestamp, bucket_span, detector_index, .. } = plot;
        let id = format!("{}_model_plot_{timestamp}_{bucket_span}_{detector_index}_{hash}_{length}", self.job);
        Document { id, body: body.0 }
    }

    fn named(&self, found: &FieldValues) -> Value {
        let values: Vec<String> = found.values.iter().map(|value| self.value(&found.field, value)).collect();
        json!({"influencer_field_name": self.field(&found.field), "influencer_field_values": values})
    }

    fn causes(&self, record: &JobRecord) -> Vec<Value> {
        let cause = |cause: &crate::record::JobCause| {
            let mut map = Map::new();
            let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
            put("probability", cause.probability.into());
            put("function", record.function.as_str().into());
            put("function_description", record.function_description.as_str().into());
            if let Some(field) = &record.field_name {
                put("field_name", self.field(field).into());
            }
            for (kind, split) in splits(record).into_iter().filter(|(kind, _)| *kind != "over") {
                put(&format!("{kind}_field_name"), self.field(&split.field).into());
                put(&format!("{kind}_field_value"), split.value.clone().into());
            }
            put("over_field_name", self.field(&cause.over.field).into());
            put("over_field_value", cause.over.value.clone().into());
            put("actual", vec![cause.actual].into());
            put("typical", vec![cause.typical].into());
            Value::Object(map)
        };
        record.causes.iter().map(cause).collect()
    }
}

/// What is modelled, in Elastic's words.
fn feature(function: &str) -> &'static str {
    match function {
        "non_zero_count" => "'non-zero count per bucket by person'",
        "distinct_count" => "'unique count per bucket by person'",
        "mean" | "metric" => "'mean value by person'",
        "median" => "'median value by person'",
        "min" => "'minimum value by person'",
        "max" => "'maximum value by person'",
        "sum" => "'bucket sum by person'",
        "non_null_sum" => "'bucket non-null sum by person'",
        "varp" => "'variance of values by person'",
        _ => "'count per bucket by person'",
    }
}

fn splits(record: &JobRecord) -> Vec<(&'static str, &Split)> {
    let all = [("by", &record.by), ("over", &record.over), ("partition", &record.partition)];
    all.into_iter().filter_map(|(kind, split)| Some((kind, split.as_ref()?))).collect()
}
