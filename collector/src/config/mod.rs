//! Configuration: a TOML file, environment variables over it, command-line flags over both.
//!
//! Owns every setting of the product with its default and documentation; must not know what the settings do.

pub mod delivery;
mod layers;
pub mod rule;
pub mod secret;
pub mod section;
pub mod track;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use delivery::{Alert, Delivery, Sink};
pub use layers::{ConfigError, load};
use rule::{For, Service};
use section::{Section, Size, Span, section};
pub use track::Track;

use crate::enrich::GivenNames;
use crate::stitch::Capability;

/// Bytes below which not even small queries end.
const LEAST_QUERY_MEMORY: u64 = 64_000_000;

section! {
    /// Where sessions and results are kept.
    Store = "store" {
        /// Directory of the store. Empty: `$STATE_DIRECTORY`, else `$XDG_DATA_HOME/halfopen`, else
        /// `~/.local/share/halfopen`.
        dir: PathBuf = PathBuf::new(),
        /// Sessions are written to disk at the latest after this time; a crash loses no more than that.
        flush: Span = Span::seconds(5),
        /// Sessions are written to disk as soon as there are this many.
        flush_rows: usize = 262_144,
        /// Sessions that ended longer ago are removed. `0s`: none are.
        retention: Span = Span::seconds(90 * 86_400),
        /// Session files are kept below this size together, as in `200GB`; the oldest go first. `0`: no limit.
        max_size: Size = Size(0),
        /// Results, and the counts that models are rebuilt from, are removed when they are older. `0s`: none are.
        keep_results: Span = Span::seconds(400 * 86_400),
    }
}

section! {
    /// The web UI, the API and the metrics.
    Http = "http" {
        /// Address and port to listen on. Anyone who can reach it can read everything: keep it on loopback or behind a
        /// proxy that authenticates.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
    }
}

section! {
    /// Flow records from exporters: NetFlow v5, v7, v9 and IPFIX over UDP, IPFIX over TCP and TLS.
    Netflow = "netflow" {
        /// Addresses and ports to listen on; any version is understood on any of them.
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([0, 0, 0, 0], 2055)), SocketAddr::from(([0, 0, 0, 0], 4739))],
        /// Addresses and ports to listen on for IPFIX over TCP (RFC 7011 section 10.4), as in `["0.0.0.0:4739"]`.
        tcp_listen: Vec<SocketAddr> = Vec::new(),
        /// Addresses and ports to listen on for IPFIX over TLS, as in `["0.0.0.0:4740"]`.
        tls_listen: Vec<SocketAddr> = Vec::new(),
        /// PEM file with the certificate for TLS, and what leads to its root.
        tls_cert: PathBuf = PathBuf::new(),
        /// PEM file with the key of the certificate.
        tls_key: PathBuf = PathBuf::new(),
        /// PEM file with the authorities that sign exporters' certificates. Given, every exporter must have one.
        tls_client_ca: PathBuf = PathBuf::new(),
        /// TCP and TLS connections at the same time, at most.
        max_connections: usize = 512,
        /// A connection is closed after this time without a message.
        connection_idle: Span = Span::seconds(1_800),
        /// Prefixes of exporters that may send, as in `["10.0.0.0/8", "2001:db8::/32"]`. Empty: everyone.
        allow: Vec<IpNet> = Vec::new(),
        /// Datagrams (over TCP and TLS: messages) that each exporter may send per second; as many may come at once. What
        /// exceeds it is dropped and counted. 0: no limit.
        rate_limit: u32 = 0,
        /// How long data waits for its template, at most; 0s: without end, within 1 MiB per exporter.
        template_wait: Span = Span::seconds(1_800),
        /// A template that an exporter does not send again for so long is forgotten (RFC 7011 section 8.4); 0s: never.
        /// The default is three times the longest refresh interval that common exporters allow.
        template_lifetime: Span = Span::seconds(72 * 3_600),
        /// Decoding threads. Records of one exporter always go to the same one. 0: half of the processors.
        workers: usize = 0,
        /// Receive buffer asked of the kernel for each socket, in bytes.
        receive_buffer: usize = 32 * 1024 * 1024,
        /// How long to wait for the other direction of a session, and for more records of it: the exporters' inactive
        /// time-out and a minute or two more.
        hold: Span = Span::seconds(90),
        /// Sessions that wait at the same time, at most. Beyond it the oldest are judged with what is known.
        max_waiting: usize = 1_000_000,
        /// Addresses or prefixes of exporters that their UDP port tells apart, as several behind one address.
        port_sensitive: Vec<IpNet> = Vec::new(),
        /// Sampling intervals that override what exporters say, as in `["192.0.2.0/24=100"]`: one of 100 packets. 1: all
        /// of them. The longest prefix counts.
        sampling: Vec<For<u32>> = Vec::new(),
        /// What exporters' TCP flags can tell, where the product is not to learn it by itself, as in
        /// `["192.0.2.7=first_packet"]`. Classes: `full_or`, `first_packet`, `always_zero`, `absent`, `sampled`,
        /// `event_based`, `yaf_initial_union`, `biflow`. The longest prefix counts.
        capabilities: Vec<For<Capability>> = Vec::new(),
    }
}

section! {
    /// What is inside and what is outside of the network that is watched.
    Network = "network" {
        /// Prefixes that are private. Empty: RFC 1918, RFC 6598, loopback, link-local, unique local, documentation,
        /// benchmarking and multicast ranges.
        private: Vec<IpNet> = Vec::new(),
        /// Public prefixes of your own, counted as private too.
        internal: Vec<IpNet> = Vec::new(),
        /// Services of your own, as in `["tcp/9000", "10.0.0.0/8=tcp/8443"]`: where no handshake was seen, this end is the
        /// server.
        services: Vec<Service> = Vec::new(),
    }
}

section! {
    /// What is known of addresses, exporters and interfaces beyond their numbers.
    Enrich = "enrich" {
        /// Databases in MaxMind's format (GeoLite2, GeoIP2 and others): City, Country, ASN, ISP. They are read again when
        /// they are replaced.
        databases: Vec<PathBuf> = Vec::new(),
        /// Whether to ask the system's resolver for the names of clients and servers. Sessions do not wait for answers:
        /// the first of an address has no name.
        reverse_dns: bool = false,
        /// Names of exporters, by address: `{ "192.0.2.1" = "core" }`.
        exporters: BTreeMap<String, String> = BTreeMap::new(),
        /// Names of interfaces, by exporter and index: `{ "192.0.2.1#3" = "uplink" }`. They go before those that exporters
        /// tell in their options data.
        interfaces: BTreeMap<String, String> = BTreeMap::new(),
    }
}

section! {
    /// The search for unusual volumes of failed sessions.
    Detection = "detection" {
        /// Whether it runs while the product serves.
        enabled: bool = true,
        /// Length of a bucket. Whole buckets must fit into a day.
        bucket_span: Span = Span::seconds(900),
        /// A bucket is sealed this long after its end: the time that late records may take.
        grace: Span = Span::seconds(120),
        /// Waiting time before the newest data is looked at, as a datafeed's `query_delay`.
        query_delay: Span = Span::seconds(60),
        /// IANA time zone in which days and weeks repeat.
        time_zone: chrono_tz::Tz = chrono_tz::UTC,
        /// Series modelled for each perspective and level (server and port, server, port, client), at most: those with
        /// the most failures. The others are counted together.
        max_series: u32 = 10_000,
        /// Memory that the models of all series may take. Beyond it the series with the least evidence are forgotten and
        /// counted as evicted.
        memory: Size = Size(400_000_000),
    }
}

section! {
    /// Questions to the store, by people and by detection.
    Query = "query" {
        /// Memory that one query may take. Beyond it sorting and grouping go on in files of the system's temporary folder;
        /// what cannot ends with an error.
        memory: Size = Size(1_000_000_000),
    }
}

section! {
    /// Job definitions and result documents.
    Jobs = "jobs" {
        /// First part of every job id.
        prefix: String = "elastiflow".to_owned(),
    }
}

section! {
    /// Messages about the product itself, on standard error.
    Log = "log" {
        /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,collector=debug`.
        level: String = "info".to_owned(),
    }
}

/// Every setting.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where sessions and results are kept.
    pub store: Store,
    /// The web UI, the API and the metrics.
    pub http: Http,
    /// Flow records from exporters.
    pub netflow: Netflow,
    /// Watching packets.
    pub track: Track,
    /// What is inside and what is outside.
    pub network: Network,
    /// What is known beyond numbers.
    pub enrich: Enrich,
    /// The search for unusual volumes.
    pub detection: Detection,
    /// Questions to the store.
    pub query: Query,
    /// Job definitions and result documents.
    pub jobs: Jobs,
    /// Messages about the product itself.
    pub log: Log,
    /// Delivery to sinks.
    pub delivery: Delivery,
    /// Where results go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<Sink>,
    /// When somebody is told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// The reference: every table in the order of the example.
pub const REFERENCE: &[Section] = &[
    Store::REFERENCE,
    Http::REFERENCE,
    Netflow::REFERENCE,
    Track::REFERENCE,
    Network::REFERENCE,
    Enrich::REFERENCE,
    Detection::REFERENCE,
    Query::REFERENCE,
    Jobs::REFERENCE,
    Log::REFERENCE,
    Delivery::REFERENCE,
    Sink::REFERENCE,
    Alert::REFERENCE,
];

/// The tables that may be given any number of times, each with the defaults of its keys.
pub fn lists() -> [(&'static str, toml::Table); 2] {
    let sinks = toml::Table::try_from(Sink::default()).unwrap_or_default();
    let alerts = toml::Table::try_from(Alert::default()).unwrap_or_default();
    [(Sink::REFERENCE.table, sinks), (Alert::REFERENCE.table, alerts)]
}

impl Config {
    /// The configuration as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// A file with every key at its default, commented out and explained.
    pub fn example() -> String {
        let defaults = toml::Table::try_from(Self::default()).unwrap_or_default();
        let lists = lists();
        let mut text = String::from("# halfopen: every setting with its default. Uncomment what you change.\n");
        for section in REFERENCE {
            let list = lists.iter().find(|(table, _)| *table == section.table).map(|(_, keys)| keys);
            let keys = list.or_else(|| defaults.get(section.table).and_then(toml::Value::as_table));
            let value = |key: &str| keys.and_then(|keys| keys.get(key));
            text.push('\n');
            comment(&mut text, section.about);
            if list.is_some() {
                text.push_str(&format!("# [[{}]]\n", section.table));
            } else {
                text.push_str(&format!("[{}]\n", section.table));
            }
            for (key, about) in section.keys {
                comment(&mut text, about);
                text.push_str(&format!("# {key} = {}\n", value(key).map_or_else(String::new, ToString::to_string)));
            }
        }
        text
    }

    /// The store's directory: the configured one, or the default place for a user's data.
    ///
    /// # Errors
    /// None is configured and none of the environment variables that tell the default is set.
    pub fn store_dir(&self) -> Result<PathBuf, ConfigError> {
        if !self.store.dir.as_os_str().is_empty() {
            return Ok(self.store.dir.clone());
        }
        data_dir().map(|dir| dir.join("store")).ok_or(ConfigError::NoDataDir)
    }

    /// What the tables' own types cannot hold.
    ///
    /// # Errors
    /// The first setting that makes no sense, by name.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key, why: &str| Err(ConfigError::Value { key, why: why.to_owned() });
        let day = 86_400_000;
        let span = self.detection.bucket_span.0.as_millis();
        if span < 1_000 || day % span != 0 {
            return wrong("detection.bucket_span", "whole buckets of at least 1s must fit into a day, as 15m does");
        }
        if self.store.flush.0.is_zero() || self.store.flush_rows == 0 {
            return wrong("store.flush", "sessions must be written after some time and some rows");
        }
        if self.query.memory.0 < LEAST_QUERY_MEMORY {
            return wrong("query.memory", "a query needs 64MB at least");
        }
        if self.netflow.max_waiting == 0 {
            return wrong("netflow.max_waiting", "at least one session must be able to wait");
        }
        let netflow = &self.netflow;
        let tls = !netflow.tls_listen.is_empty();
        if tls && (netflow.tls_cert.as_os_str().is_empty() || netflow.tls_key.as_os_str().is_empty()) {
            return wrong("netflow.tls_listen", "TLS needs netflow.tls_cert and netflow.tls_key");
        }
        if let Err(why) = GivenNames::new(&self.enrich.exporters, &self.enrich.interfaces) {
            return wrong("enrich.exporters", &why);
        }
        self.track.validate().map_err(|(key, why)| ConfigError::Value { key, why })?;
        if self.netflow.sampling.iter().any(|rule| rule.value == 0) {
            return wrong("netflow.sampling", "one of at least 1 packets is looked at");
        }
        let prefix = &self.jobs.prefix;
        let id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if prefix.is_empty() || !prefix.starts_with(id) || !prefix.chars().all(|c| id(c) || c == '-' || c == '_') {
            return wrong("jobs.prefix", "a job id begins with a-z or 0-9 and holds a-z, 0-9, - and _");
        }
        if self.delivery.max_backoff.0 < std::time::Duration::from_millis(100) {
            return wrong("delivery.max_backoff", "expected at least 100ms");
        }
        if let Some((key, why)) = delivery::problem(&self.sinks, &self.alerts) {
            return wrong(key, &why);
        }
        if self.log.level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            return wrong("log.level", "expected error, warn, info, debug, trace or directives");
        }
        Ok(())
    }
}

/// Where this user's programs keep their data.
pub fn data_dir() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("STATE_DIRECTORY")
        .or_else(|| variable("XDG_DATA_HOME").map(|dir| dir.join("halfopen")))
        .or_else(|| variable("HOME").map(|dir| dir.join(".local/share/halfopen")))
}

fn comment(text: &mut String, about: &str) {
    for line in about.lines() {
        text.push_str(&format!("# {}\n", line.trim()));
    }
}

#[cfg(test)]
mod tests;
