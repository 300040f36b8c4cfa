//! Influencers of a time range, summed up by field and value.

use std::collections::HashMap;

use jobs::{AnomalyRecord, InfluencerResult};
use serde::Serialize;
use utoipa::ToSchema;

/// Values given for each field.
const MOST_VALUES: usize = 10;

/// Influencers by field.
#[derive(Debug, Serialize, ToSchema)]
pub struct Influencers {
    /// Fields, by falling score of their first value.
    pub fields: Vec<InfluencerField>,
}

/// The values of one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct InfluencerField {
    /// `client_ip`, `client_net` (/24 or /64), `server_ip`, `server_port`, `outcome` or `observer`.
    pub field: String,
    /// The strongest values, by falling score.
    pub values: Vec<InfluencerValue>,
}

/// One value of a field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InfluencerValue {
    /// Value.
    pub value: String,
    /// Highest score, 0-100.
    pub max_score: f64,
    /// Sum of scores.
    pub sum_score: f64,
    /// Buckets in which it had influence.
    pub count: u64,
}

/// One value as a row of a table.
#[derive(Debug, Serialize)]
pub struct InfluencerRow {
    field: String,
    #[serde(flatten)]
    value: InfluencerValue,
}

impl Influencers {
    /// Every value of every field.
    pub fn rows(&self) -> Vec<InfluencerRow> {
        let rows = |field: &InfluencerField| {
            let name = field.field.clone();
            let row = move |value: &InfluencerValue| InfluencerRow { field: name.clone(), value: value.clone() };
            field.values.iter().map(row).collect::<Vec<_>>()
        };
        self.fields.iter().flat_map(rows).collect()
    }
}

/// Sums influencers up.
pub fn influencers(results: &[InfluencerResult]) -> Influencers {
    sum(results.iter().map(|result| (result.field.as_str(), result.value.as_str(), result.influencer_score.value())))
}

/// Sums up the influencers of these anomalies.
pub fn of_records(records: &[AnomalyRecord]) -> Influencers {
    let parts = records.iter().flat_map(|record| record.influencers.iter().map(move |part| (record, part)));
    sum(parts.map(|(record, part)| {
        // Whoever is behind an anomaly is no worse than it.
        (part.field.as_str(), part.value.as_str(), part.score.value().min(record.record_score.value()))
    }))
}

/// Field, value and score, each.
fn sum<'a>(parts: impl Iterator<Item = (&'a str, &'a str, f64)>) -> Influencers {
    let mut fields: HashMap<&str, HashMap<&str, InfluencerValue>> = HashMap::new();
    for (field, value, score) in parts.filter(|(_, _, score)| *score > 0.0) {
        let entry = fields.entry(field).or_default().entry(value).or_insert_with(|| InfluencerValue {
            value: value.to_owned(),
            max_score: 0.0,
            sum_score: 0.0,
            count: 0,
        });
        entry.max_score = entry.max_score.max(score);
        entry.sum_score += score;
        entry.count += 1;
    }
    let sorted = |values: HashMap<&str, InfluencerValue>| {
        let mut values: Vec<InfluencerValue> = values.into_values().collect();
        values.sort_by(|a, b| {
            let strongest = b.max_score.total_cmp(&a.max_score).then(b.sum_score.total_cmp(&a.sum_score));
            strongest.then_with(|| a.value.cmp(&b.value))
        });
        values.truncate(MOST_VALUES);
        values
    };
    let mut fields: Vec<InfluencerField> = fields
        .into_iter()
        .map(|(field, values)| InfluencerField { field: field.to_owned(), values: sorted(values) })
        .collect();
    let strongest = |field: &InfluencerField| field.values.first().map_or(0.0, |value| value.max_score);
    fields.sort_by(|a, b| strongest(b).total_cmp(&strongest(a)).then_with(|| a.field.cmp(&b.field)));
    Influencers { fields }
}
