//! A sink as the API gives it. Filled by the program that delivers.

use serde::Serialize;
use utoipa::ToSchema;

/// How a sink is doing. Counts are those since the program started.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Sink)]
pub struct SinkStatus {
    /// Name.
    pub name: String,
    /// What it speaks: `elasticsearch`, `opensearch`, `kafka`, `webhook`, `file` or `syslog`.
    pub kind: String,
    /// Where it is, without anything secret.
    pub target: String,
    /// What it gets besides alerts.
    pub documents: Vec<String>,
    /// Field names of documents: `ecs` or `codex`.
    pub schema: String,
    /// Whether it takes what it is given.
    pub state: SinkStateName,
    /// Documents that wait to be sent.
    pub waiting: u64,
    /// Disk space that they take, bytes.
    pub waiting_bytes: u64,
    /// How long the oldest of them has waited, seconds.
    pub lag_seconds: i64,
    /// Documents that the sink took.
    pub delivered: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Documents that were sent again.
    pub retried: u64,
    /// Documents that the sink will never take; they are in its dead-letter file.
    pub rejected: u64,
    /// Messages that were given up for lack of room, and documents lost to a damaged disk.
    pub dropped: u64,
    /// When it last took something, ms since the epoch.
    #[schema(required)]
    pub last_delivery: Option<i64>,
    /// What it last said against it.
    #[schema(required)]
    pub last_error: Option<String>,
}

/// Whether a sink takes what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SinkState)]
pub enum SinkStateName {
    /// It is not served.
    Disabled,
    /// It has everything.
    Idle,
    /// It is being sent what waits.
    Sending,
    /// It does not take what it is given; it is tried again.
    Failing,
    /// So much waits that results wait in the store.
    Full,
}

/// All sinks.
#[derive(Debug, Serialize, ToSchema)]
pub struct SinkList {
    /// The sinks, in the order of the configuration.
    pub items: Vec<SinkStatus>,
}
