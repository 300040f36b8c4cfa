//! The message of an alert: what happened to which series, in words and in fields that templates use.

use analytics::{Anomaly, series_label};
use jobs::{AnomalyRecord, JobRecord, Prefix, Schema, Score, sentence};
use serde_json::{Map, Value, json};

use super::{At, Going, Notice};
use crate::config::Alert;

/// What the words of a message need.
#[derive(Debug)]
pub struct Words {
    /// What job ids begin with.
    pub prefix: Prefix,
    /// Zone of the times in sentences.
    pub zone: chrono_tz::Tz,
    /// How people reach the web UI; empty: no links.
    pub public_url: String,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is going on.
    Firing,
    /// It is over.
    Recovered,
}

impl Status {
    /// The name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Recovered => "recovered",
        }
    }
}

/// The same for every message about a series of a finder by a rule.
pub fn fingerprint(rule: &str, finder: &str, anomaly: &Anomaly<'_>) -> String {
    let text = format!("{rule}\n{finder}\n{}", anomaly.series());
    let hash = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3339, in UTC, whole seconds.
pub fn time(millis: i64) -> String {
    chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Words {
    /// The message that this anomaly gives.
    pub fn firing(&self, rule: &Alert, fingerprint: &str, anomaly: &Anomaly<'_>, at: At<'_>) -> Map<String, Value> {
        let quiet = i64::try_from(rule.quiet.0.as_millis()).unwrap_or(i64::MAX / 4);
        let (score, subject) = (anomaly.score(), anomaly.subject());
        let common = json!({
            "result_type": "alert",
            "rule": rule.name,
            "status": Status::Firing.as_str(),
            "severity": score.severity().as_str(),
            "score": hundredths(score.value()),
            "job_id": at.finder.job(&self.prefix, Schema::Ecs).as_str(),
            "perspective": at.finder.perspective().map(tracker::Perspective::as_str),
            "server": subject.server.map(|ip| ip.to_string()),
            "port": subject.port,
            "client": subject.client.map(|ip| ip.to_string()),
            "fingerprint": fingerprint,
            "timestamp": at.start,
            "bucket_span": at.span / 1_000,
            "time": time(at.end()),
            "since": time(at.start),
            "valid_until": time(at.end().saturating_add(quiet).saturating_add(2 * at.span)),
            "buckets": 1,
        });
        let own = match anomaly {
            Anomaly::Failures(record) => self.of_failures(record, at),
            Anomaly::Imported(record) => self.of_job(record, at),
        };
        let (Value::Object(mut body), Value::Object(own)) = (common, own) else { return Map::new() };
        body.extend(own);
        body.retain(|_, value| !value.is_null());
        body
    }

    fn of_failures(&self, record: &AnomalyRecord, at: At<'_>) -> Value {
        let influencers: Vec<Value> = record
            .influencers
            .iter()
            .map(|i| json!({"field": i.field, "value": i.value, "share": i.share, "score": i.score.value()}))
            .collect();
        let outcomes: Vec<Value> =
            record.outcomes.iter().map(|part| json!({"outcome": part.outcome.as_str(), "count": part.count})).collect();
        json!({
            "level": analytics::level_name(record.series.level),
            "series": series_label(&record.series),
            "service": record.service,
            "actual": record.actual,
            "typical": hundredths(record.expected.typical),
            "probability": record.probability,
            "attempts": record.attempts,
            "clients": record.clients,
            "summary": sentence(record, self.zone),
            "cause": record.cause.as_ref().map(|cause| cause.group.as_str()),
            "evidence": record.cause.as_ref().map(|cause| cause.evidence.as_str()),
            "influencers": influencers,
            "outcomes": outcomes,
            "link": self.link(record, at),
        })
    }

    fn of_job(&self, record: &JobRecord, at: At<'_>) -> Value {
        let named = |found: &jobs::FieldValues| json!({"field": found.field, "values": found.values});
        let cause = |cause: &jobs::JobCause| {
            json!({"field": cause.over.field, "value": cause.over.value, "actual": cause.actual,
                "typical": hundredths(cause.typical)})
        };
        let job = at.finder.job(&self.prefix, Schema::Ecs);
        let link = (!self.public_url.is_empty()).then(|| format!("{}/jobs?job={job}", self.public_url));
        json!({
            "series": record.label(),
            "function": record.function,
            "field_name": record.field_name,
            "actual": record.actual,
            "typical": hundredths(record.typical),
            "probability": record.probability,
            "summary": record.sentence(&job, self.zone),
            "influencers": record.influencers.iter().map(named).collect::<Vec<_>>(),
            "causes": record.causes.iter().map(cause).collect::<Vec<_>>(),
            "link": link,
        })
    }

    /// The message about what is going on, or over.
    pub fn notice(&self, rule: &Alert, fingerprint: &str, status: Status, going: &Going, at: At<'_>) -> Notice {
        let mut body = going.document.clone();
        if status == Status::Recovered {
            let minutes = (going.last + at.span - going.since) / 60_000;
            let label = body.get("series").and_then(Value::as_str).unwrap_or_default();
            let peak = Score::new(going.worst);
            let summary = format!(
                "{label} is as usual again after {minutes} min; severity at its worst: {}",
                peak.severity().as_str()
            );
            body.insert("status".to_owned(), status.as_str().into());
            body.insert("time".to_owned(), time(at.end()).into());
            body.insert("timestamp".to_owned(), at.start.into());
            body.insert("summary".to_owned(), summary.into());
        }
        let job = body.get("job_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = format!("alert_{fingerprint}_{}_{}", at.start, status.as_str());
        Notice { sinks: rule.sinks.clone(), id, job, time: at.start, body }
    }

    fn link(&self, record: &AnomalyRecord, at: At<'_>) -> Option<String> {
        if self.public_url.is_empty() {
            return None;
        }
        let series = &record.series;
        let mut link = format!(
            "{}/series?perspective={}&level={}",
            self.public_url,
            series.perspective,
            analytics::level_name(series.level)
        );
        let parts = [
            ("server", series.server.map(|ip| ip.to_string())),
            ("port", series.port.map(|port| port.to_string())),
            ("client", series.client.map(|ip| ip.to_string())),
            ("from", Some((at.start - 48 * at.span).to_string())),
            ("to", Some((at.end() + 8 * at.span).to_string())),
            ("bucket", Some(at.start.to_string())),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                link.push_str(&format!("&{name}={value}"));
            }
        }
        Some(link)
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
