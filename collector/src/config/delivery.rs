//! Where results go, and when somebody is told: `[[sinks]]` and `[[alerts]]`.
//!
//! Owns the settings and what of them makes sense together; must not know how anything is sent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jobs::{Schema, Severity};
use serde::{Deserialize, Serialize};
use tracker::Perspective;

use super::secret::Secret;
use super::section::{Span, section};

/// What a sink speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// Elasticsearch's `_bulk`.
    Elasticsearch,
    /// OpenSearch's `_bulk`.
    Opensearch,
    /// A Kafka topic.
    Kafka,
    /// HTTP POST of a body made from a template.
    Webhook,
    /// NDJSON files.
    File,
    /// RFC 5424 messages.
    Syslog,
}

impl SinkKind {
    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::Opensearch => "opensearch",
            Self::Kafka => "kafka",
            Self::Webhook => "webhook",
            Self::File => "file",
            Self::Syslog => "syslog",
        }
    }
}

/// What a sink is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Anomaly records.
    Records,
    /// Buckets.
    Buckets,
    /// Influencers.
    Influencers,
    /// Every session.
    Sessions,
}

/// Known receivers of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The document itself.
    Json,
    /// Slack's incoming webhooks.
    Slack,
    /// `PagerDuty`'s Events API v2.
    Pagerduty,
    /// Prometheus Alertmanager, API v2.
    Alertmanager,
}

/// A perspective by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View(pub Perspective);

impl Serialize for View {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for View {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map(Self).map_err(|_| {
            serde::de::Error::custom(format!("{name:?} is no perspective: expected edge, inbound, outbound or private"))
        })
    }
}

/// How Kafka is told who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sasl {
    /// RFC 4616.
    Plain,
    /// RFC 7677.
    #[serde(rename = "scram-sha-256")]
    Scram256,
    /// The same with SHA-512.
    #[serde(rename = "scram-sha-512")]
    Scram512,
}

section! {
    /// A place that results, sessions or alerts are delivered to. Give one `[[sinks]]` table for each.
    Sink = "sinks" {
        /// Name, unique: a-z, 0-9, - and _.
        name: String = String::new(),
        /// `elasticsearch`, `opensearch`, `kafka`, `webhook`, `file` or `syslog`.
        kind: SinkKind = SinkKind::File,
        /// Where: `https://host:9200` (several for a cluster), `host:9092` of Kafka brokers, the address of a webhook,
        /// a directory, or `udp://`, `tcp://` or `tls://` and `host:514` for syslog.
        urls: Vec<String> = Vec::new(),
        /// Whether it is served.
        enabled: bool = true,
        /// What it gets besides alerts: of `records`, `buckets`, `influencers` and `sessions`. `[]`: alerts alone, which is
        /// what the presets `slack`, `pagerduty` and `alertmanager` get in any case.
        documents: Vec<Wanted> = vec![Wanted::Records, Wanted::Buckets, Wanted::Influencers],
        /// Field names of documents: `ecs` or `codex`.
        schema: Schema = Schema::Ecs,
        /// Only results of at least this score.
        min_score: f64 = 0.0,
        /// When it is used for the first time, it gets what is not older than this.
        history: Span = Span::seconds(30 * 86_400),
        /// Name of the index. `{kind}` is anomalies, sessions or alerts; `{period}` the day of a session and the month of
        /// anything else; `{schema}` and `{job_id}` are what they say.
        index: String = "halfopen-{kind}-{schema}-{period}".to_owned(),
        /// What `halfopen sinks setup` makes the cluster keep documents for.
        retention: Span = Span::seconds(90 * 86_400),
        /// Kafka topic; `{kind}`, `{schema}` and `{job_id}` as in `index`.
        topic: String = "halfopen-{kind}".to_owned(),
        /// User name (HTTP basic, or SASL for Kafka).
        username: String = String::new(),
        /// Its password: `env:NAME`, `file:/path` or the password itself.
        password: Secret = Secret::default(),
        /// API key of Elasticsearch, or routing key of PagerDuty: `env:NAME`, `file:/path` or the key itself.
        api_key: Secret = Secret::default(),
        /// Certificates (PEM) to trust. Empty: those of the system.
        ca: PathBuf = PathBuf::new(),
        /// Whether Kafka is spoken over TLS.
        tls: bool = false,
        /// How `username` and `password` are given to Kafka: `plain`, `scram-sha-256` or `scram-sha-512`.
        sasl: Sasl = Sasl::Plain,
        /// What the body of a webhook looks like: `json`, `slack`, `pagerduty` or `alertmanager`.
        preset: Preset = Preset::Json,
        /// File with a template (Jinja) of a webhook's body, instead of a preset.
        template: PathBuf = PathBuf::new(),
        /// Further headers of requests, as in `{X-Team="net"}`; values as for `password`.
        headers: BTreeMap<String, Secret> = BTreeMap::new(),
        /// Key with which webhooks are signed (HMAC-SHA256, as in Standard Webhooks): `env:NAME`, `file:/path` or the key.
        signing_key: Secret = Secret::default(),
        /// Syslog facility, 0 to 23; 16 is local0.
        facility: u8 = 16,
        /// A file is closed, and the next begun, at this many bytes.
        file_bytes: u64 = 64 * 1024 * 1024,
        /// So many closed files are kept.
        files: usize = 16,
        /// Documents sent at once, at most.
        batch: usize = 1_000,
        /// Time that one request may take.
        timeout: Span = Span::seconds(30),
        /// Disk space, in bytes, for what waits to be sent. When it is full, results and sessions wait in the store.
        spool_bytes: u64 = 256 * 1024 * 1024,
    }
}

section! {
    /// When somebody is told. Give one `[[alerts]]` table for each rule.
    Alert = "alerts" {
        /// Name, unique: a-z, 0-9, - and _.
        name: String = String::new(),
        /// Names of the sinks to tell.
        sinks: Vec<String> = Vec::new(),
        /// From which severity on: `warning` (3), `minor` (25), `major` (50) or `critical` (75).
        severity: Severity = Severity::Major,
        /// Only these perspectives. Empty: all.
        perspectives: Vec<View> = Vec::new(),
        /// Only these jobs, by id. Empty: all.
        jobs: Vec<String> = Vec::new(),
        /// Buckets in a row that must be unusual before somebody is told.
        min_buckets: u32 = 1,
        /// How long nothing more is said of a series, unless it gets worse by a severity.
        quiet: Span = Span::seconds(4 * 3_600),
        /// Whether to tell that it is over.
        recovery: bool = true,
        /// Buckets in a row without anything unusual after which it is over.
        recovery_buckets: u32 = 2,
        /// Buckets that ended longer ago than this raise no alert.
        max_age: Span = Span::seconds(2 * 3_600),
    }
}

section! {
    /// Delivery to the sinks below.
    Delivery = "delivery" {
        /// How people reach the web UI, for links in alerts, as in `https://halfopen.example.net`.
        public_url: String = String::new(),
        /// Longest wait between attempts to reach a sink.
        max_backoff: Span = Span::seconds(300),
    }
}

impl Sink {
    /// What it gets besides alerts.
    pub fn wanted(&self) -> &[Wanted] {
        let for_people = self.kind == SinkKind::Webhook && self.preset != Preset::Json;
        if for_people && self.template.as_os_str().is_empty() { &[] } else { &self.documents }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(plain) && name.len() <= 64 && name.chars().all(|c| plain(c) || c == '-' || c == '_')
}

/// What is wrong with sinks and rules together: the key, and why.
pub fn problem(sinks: &[Sink], alerts: &[Alert]) -> Option<(&'static str, String)> {
    for (place, sink) in sinks.iter().enumerate() {
        if !is_name(&sink.name) || sinks[..place].iter().any(|other| other.name == sink.name) {
            return Some(("sinks.name", format!("{:?}: expected a name of its own of a-z, 0-9, - and _", sink.name)));
        }
        if let Some((key, why)) = problem_of(sink) {
            return Some((key, format!("sink {}: {why}", sink.name)));
        }
    }
    for (place, alert) in alerts.iter().enumerate() {
        let of = |why: &str| format!("alert {}: {why}", alert.name);
        if !is_name(&alert.name) || alerts[..place].iter().any(|other| other.name == alert.name) {
            return Some(("alerts.name", format!("{:?}: expected a name of its own of a-z, 0-9, - and _", alert.name)));
        }
        if alert.sinks.is_empty() {
            return Some(("alerts.sinks", of("it names no sink to tell")));
        }
        if let Some(unknown) = alert.sinks.iter().find(|name| !sinks.iter().any(|sink| sink.name == **name)) {
            return Some(("alerts.sinks", of(&format!("there is no sink {unknown:?}"))));
        }
        if alert.min_buckets == 0 || alert.recovery_buckets == 0 {
            return Some(("alerts.min_buckets", of("it takes at least one bucket to begin and to end")));
        }
        if alert.severity == Severity::Low {
            return Some(("alerts.severity", of("expected warning, minor, major or critical")));
        }
    }
    None
}

fn problem_of(sink: &Sink) -> Option<(&'static str, String)> {
    let schemes: &[&str] = match sink.kind {
        SinkKind::Elasticsearch | SinkKind::Opensearch | SinkKind::Webhook => &["http://", "https://"],
        SinkKind::Syslog => &["udp://", "tcp://", "tls://"],
        SinkKind::Kafka | SinkKind::File => &[],
    };
    if sink.urls.is_empty() {
        return Some(("sinks.urls", "it has no address".to_owned()));
    }
    if let Some(url) = sink.urls.iter().find(|url| !schemes.is_empty() && !schemes.iter().any(|s| url.starts_with(s))) {
        return Some(("sinks.urls", format!("{url:?} does not begin with {}", schemes.join(" or "))));
    }
    let one = matches!(sink.kind, SinkKind::Webhook | SinkKind::Syslog | SinkKind::File);
    if one && sink.urls.len() > 1 {
        return Some(("sinks.urls", "it takes one address; give each its own sink".to_owned()));
    }
    if sink.batch == 0 || sink.batch > 100_000 {
        return Some(("sinks.batch", "expected 1 to 100000".to_owned()));
    }
    if sink.facility > 23 {
        return Some(("sinks.facility", "expected 0 to 23".to_owned()));
    }
    if sink.spool_bytes < 1024 * 1024 {
        return Some(("sinks.spool_bytes", "expected at least 1048576".to_owned()));
    }
    if sink.timeout.0.is_zero() || sink.file_bytes == 0 {
        return Some(("sinks.timeout", "timeout and file_bytes must be more than nothing".to_owned()));
    }
    if !sink.index.contains("{kind}") && sink.documents.contains(&Wanted::Sessions) && sink.documents.len() > 1 {
        return Some(("sinks.index", "sessions and results need indices of their own: use {kind}".to_owned()));
    }
    let index = sink.index.replace(['{', '}'], "");
    if index.is_empty() || index.starts_with(['-', '_', '+', '.']) || index.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(("sinks.index", format!("{:?} is no name of an index", sink.index)));
    }
    None
}
