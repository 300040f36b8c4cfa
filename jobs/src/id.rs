//! Job ids and the prefix they share.
//!
//! Owns the form of an id. Must not know what a job does.

use std::fmt;

use tracker::Perspective;

use crate::schema::Schema;

/// Longest job id that Elasticsearch accepts, in characters.
const MAX_LENGTH: usize = 64;
/// What the eight jobs measure: availability, failed TCP sessions.
const TOPIC: &str = "avail_tcp_sess_fails";
/// Longest prefix that leaves room for every id of the catalogue (`_codex_avail_tcp_sess_fails_edge`).
const MAX_PREFIX: usize = MAX_LENGTH - (1 + "codex".len() + 1 + TOPIC.len() + 1 + "edge".len());

/// A job id: lower-case letters, digits, `-` and `_`, beginning and ending with a letter or digit, 64 at most.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(String);

impl JobId {
    /// Checks and keeps the id.
    pub fn new(id: &str) -> Result<Self, IdError> {
        check(id, MAX_LENGTH)?;
        Ok(Self(id.to_owned()))
    }

    /// The id of a job of the catalogue, `elastiflow_ecs_avail_tcp_sess_fails_edge` by default.
    pub fn of(prefix: &Prefix, schema: Schema, perspective: Perspective) -> Self {
        Self::about(prefix, schema, TOPIC, perspective)
    }

    /// The id of a job of the catalogue about another topic, which is no longer than that of the eight.
    pub(crate) fn about(prefix: &Prefix, schema: Schema, topic: &str, perspective: Perspective) -> Self {
        let start = if prefix.0.is_empty() { String::new() } else { format!("{prefix}_") };
        Self(format!("{start}{schema}_{topic}_{}", perspective.short()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the job's datafeed.
    pub fn datafeed(&self) -> String {
        format!("datafeed-{}", self.0)
    }

    /// The name of the job's own results index.
    pub fn results_index(&self) -> String {
        format!("custom-{}", self.0)
    }

    /// The name of the file that carries the job.
    pub fn file_name(&self) -> String {
        format!("{}.json", self.0)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the ids of the catalogue begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Checks and keeps the prefix; empty is allowed.
    pub fn new(prefix: &str) -> Result<Self, IdError> {
        if !prefix.is_empty() {
            check(prefix, MAX_PREFIX)?;
        }
        Ok(Self(prefix.to_owned()))
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("elastiflow".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A character, or the first or last one, is not allowed.
    #[error("id {0:?} must be lower-case letters, digits, '-' and '_', beginning and ending with a letter or digit")]
    Form(String),
    /// Too long.
    #[error("id {id:?} has {} characters, more than {max}", .id.chars().count())]
    Length {
        /// The text.
        id: String,
        /// Characters allowed.
        max: usize,
    },
}

/// Whether the text has the form of an id (of a job, a datafeed or a group), whatever its length.
pub fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.chars().all(|c| plain(c) || c == '-' || c == '_') && text.starts_with(plain) && text.ends_with(plain)
}

fn check(id: &str, max: usize) -> Result<(), IdError> {
    if !is_id(id) {
        return Err(IdError::Form(id.to_owned()));
    }
    if id.len() > max {
        return Err(IdError::Length { id: id.to_owned(), max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form() {
        for good in ["a", "a-b_c", "0", &"x".repeat(64)] {
            assert!(JobId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "_a", "a_", "-a", "A", "a b", "ä", "a.b", &"x".repeat(65)] {
            assert!(JobId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_eight_default_ids() {
        let prefix = Prefix::default();
        let ids: Vec<String> = Schema::ALL
            .into_iter()
            .flat_map(|schema| Perspective::ALL.iter().map(move |&p| (schema, p)))
            .map(|(schema, perspective)| JobId::of(&prefix, schema, perspective).to_string())
            .collect();
        assert_eq!(
            ids,
            [
                "elastiflow_codex_avail_tcp_sess_fails_edge",
                "elastiflow_codex_avail_tcp_sess_fails_in",
                "elastiflow_codex_avail_tcp_sess_fails_out",
                "elastiflow_codex_avail_tcp_sess_fails_priv",
                "elastiflow_ecs_avail_tcp_sess_fails_edge",
                "elastiflow_ecs_avail_tcp_sess_fails_in",
                "elastiflow_ecs_avail_tcp_sess_fails_out",
                "elastiflow_ecs_avail_tcp_sess_fails_priv",
            ]
        );
    }

    #[test]
    fn every_prefix_gives_valid_ids() {
        for prefix in ["", "a", "acme-net", &"p".repeat(MAX_PREFIX)] {
            let prefix = Prefix::new(prefix).unwrap();
            for schema in Schema::ALL {
                for &perspective in Perspective::ALL {
                    let id = JobId::of(&prefix, schema, perspective);
                    assert_eq!(JobId::new(id.as_str()).as_ref(), Ok(&id));
                }
            }
        }
        assert!(Prefix::new(&"p".repeat(MAX_PREFIX + 1)).is_err());
        assert!(Prefix::new("Acme").is_err());
    }
}
