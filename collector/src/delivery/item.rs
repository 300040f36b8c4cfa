//! What is delivered: a document with its id, on its way to one sink.

use serde::{Deserialize, Serialize};

/// What a document is about, which tells its index or topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// What detection found.
    Anomalies,
    /// A session.
    Sessions,
    /// A message that something began, goes on or is over.
    Alerts,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Anomalies, Self::Sessions, Self::Alerts];

    /// The name in indices and topics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anomalies => "anomalies",
            Self::Sessions => "sessions",
            Self::Alerts => "alerts",
        }
    }
}

/// A document for one sink, or word that there is none of that id any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is about.
    pub kind: Kind,
    /// Id: the same document always has the same one.
    pub id: String,
    /// Job that made it; empty for sessions.
    pub job: String,
    /// Its own time, ms since the epoch. It never changes for the same id.
    pub time: i64,
    /// When it was handed over, ms since the epoch.
    pub queued: i64,
    /// The document as JSON; `None`: it exists no longer.
    pub body: Option<String>,
}

impl Item {
    /// A name with `{kind}`, `{schema}`, `{job_id}` and `{period}` filled in.
    pub fn fill(&self, pattern: &str, schema: jobs::Schema) -> String {
        fill(pattern, self.kind, schema, &self.job, &self.period())
    }

    /// The day of a session, the month of anything else: `2026-11-21`, `2026-11`.
    fn period(&self) -> String {
        let format = if self.kind == Kind::Sessions { "%Y-%m-%d" } else { "%Y-%m" };
        let time = chrono::DateTime::from_timestamp_millis(self.time).unwrap_or_default();
        time.format(format).to_string()
    }
}

/// A name with its placeholders filled in.
pub fn fill(pattern: &str, kind: Kind, schema: jobs::Schema, job: &str, period: &str) -> String {
    let job = if job.is_empty() { kind.as_str() } else { job };
    let filled = pattern.replace("{kind}", kind.as_str()).replace("{schema}", schema.as_str());
    filled.replace("{job_id}", job).replace("{period}", period)
}

/// Documents that tests make up.
#[cfg(test)]
pub mod tests {
    use super::*;

    /// A document of this id.
    pub fn item(id: &str) -> Item {
        let body = Some(format!("{{\"text\":\"{id} über\"}}"));
        Item { kind: Kind::Anomalies, id: id.to_owned(), job: "j".to_owned(), time: 1_763_700_000_000, queued: 0, body }
    }

    #[test]
    fn names_are_filled_by_the_documents_own_time() {
        let mut item = item("a");
        let pattern = "halfopen-{kind}-{schema}-{period}-{job_id}";
        assert_eq!(item.fill(pattern, jobs::Schema::Ecs), "halfopen-anomalies-ecs-2025-11-j");
        item.kind = Kind::Sessions;
        item.job.clear();
        assert_eq!(item.fill(pattern, jobs::Schema::Codex), "halfopen-sessions-codex-2025-11-21-sessions");
    }
}
