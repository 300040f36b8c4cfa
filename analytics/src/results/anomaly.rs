//! An anomaly, whichever job found it: what those need who tell people of it.
//!
//! Must not know rules, silences and messages.

use jobs::{AnomalyRecord, JobId, JobRecord, Prefix, Schema, Score, Subject};
use tracker::Perspective;

use crate::key::level_name;

/// Which job found something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Finder {
    /// The failed-session jobs of one perspective.
    Perspective(Perspective),
    /// An imported job, with the perspective that it is tagged with.
    Imported(JobId, Option<Perspective>),
}

impl Finder {
    /// A name that no other has.
    pub fn name(&self) -> String {
        match self {
            Self::Perspective(perspective) => perspective.as_str().to_owned(),
            // No id has a colon.
            Self::Imported(job, _) => format!("job:{job}"),
        }
    }

    /// The perspective that it looks at, where it is one.
    pub fn perspective(&self) -> Option<Perspective> {
        match self {
            Self::Perspective(perspective) => Some(*perspective),
            Self::Imported(_, perspective) => *perspective,
        }
    }

    /// The id in one vocabulary. Imported jobs have one id.
    pub fn job(&self, prefix: &Prefix, schema: Schema) -> JobId {
        match self {
            Self::Perspective(perspective) => JobId::of(prefix, schema, *perspective),
            Self::Imported(job, _) => job.clone(),
        }
    }
}

/// An anomaly.
#[derive(Debug, Clone, Copy)]
pub enum Anomaly<'a> {
    /// Of one of the failed-session jobs.
    Failures(&'a AnomalyRecord),
    /// Of an imported job.
    Imported(&'a JobRecord),
}

impl Anomaly<'_> {
    /// 0-100.
    pub fn score(&self) -> Score {
        match self {
            Self::Failures(record) => record.record_score,
            Self::Imported(record) => Score::new(record.record_score),
        }
    }

    /// The bucket is not sealed yet.
    pub fn is_interim(&self) -> bool {
        match self {
            Self::Failures(record) => record.is_interim,
            Self::Imported(_) => false,
        }
    }

    /// Whom it concerns.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Failures(record) => {
                let series = &record.series;
                Subject { server: series.server, port: series.port, client: series.client }
            }
            Self::Imported(record) => record.subject(),
        }
    }

    /// What sets its series apart from others of its job, line by line; the same in every bucket.
    pub fn series(&self) -> String {
        match self {
            Self::Failures(record) => {
                let series = &record.series;
                let part = |part: Option<String>| part.unwrap_or_default();
                format!(
                    "{}\n{}\n{}\n{}",
                    level_name(series.level),
                    part(series.server.map(|ip| ip.to_string())),
                    part(series.port.map(|port| port.to_string())),
                    part(series.client.map(|ip| ip.to_string())),
                )
            }
            Self::Imported(record) => {
                let (detector, function, partition, by, over) = record.series();
                let value = |split: &Option<jobs::Split>| {
                    split.as_ref().and_then(|split| split.value.clone()).unwrap_or_default()
                };
                format!("{detector}\n{function}\n{}\n{}\n{}", value(partition), value(by), value(over))
            }
        }
    }
}
