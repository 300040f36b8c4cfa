//! From the configuration to the settings of the parts.

use std::sync::Arc;
use std::time::Duration;

use ::jobs::Prefix;
use analytics::{DetectSettings, Retention, SessionStore, WriterSettings};
use tracker::Micros;
use tracker::locality::Networks;

use crate::clock;
use crate::config::Config;
use crate::config::section::Span;
use crate::enrich::{EnrichSettings, Enricher, GivenNames, InterfaceNames, ReverseDns};
use crate::ingest::{IngestSettings, JournalSettings, LoadSettings, Recovery};
use crate::netflow::DecoderSettings;
use crate::receive::AdmissionSettings;
use crate::receive::stream::StreamSettings;
use crate::stitch::{ServiceRule, StitchSettings};

/// What is private.
pub fn networks(config: &Config) -> Networks {
    let network = &config.network;
    if network.private.is_empty() {
        Networks::new(&network.internal)
    } else {
        Networks::only(network.private.iter().chain(&network.internal).copied())
    }
}

/// How the store is written while the product serves.
pub fn writer(config: &Config) -> WriterSettings {
    WriterSettings { max_rows: config.store.flush_rows, max_age: config.store.flush.0 }
}

/// How the store is written when files are loaded: in large pieces.
pub fn load_writer(config: &Config) -> WriterSettings {
    WriterSettings { max_rows: config.store.flush_rows, max_age: Duration::MAX }
}

/// How detection counts and scores.
pub fn detection(config: &Config) -> DetectSettings {
    let detection = &config.detection;
    DetectSettings {
        bucket_span: detection.bucket_span.0,
        grace: detection.grace.0,
        query_delay: detection.query_delay.0,
        time_zone: detection.time_zone,
        max_series: detection.max_series,
        memory: usize::try_from(detection.memory.0).unwrap_or(usize::MAX),
        keep_results: limit(config.store.keep_results),
        prefix: Prefix::new(&config.jobs.prefix).unwrap_or_default(),
        ..DetectSettings::default()
    }
}

/// How long and how much is kept.
pub fn retention(config: &Config) -> Retention {
    let age = limit(config.store.retention).map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    Retention { age, bytes: Some(config.store.max_size.0).filter(|bytes| *bytes > 0) }
}

/// How long results and roll-ups are kept; `None`: for ever.
pub fn keep_results(config: &Config) -> Option<Micros> {
    limit(config.store.keep_results).map(|keep| i64::try_from(keep.as_micros()).unwrap_or(i64::MAX))
}

/// A time span of which nothing means that there is no limit.
fn limit(span: Span) -> Option<Duration> {
    Some(span.0).filter(|span| !span.is_zero())
}

/// How messages of exporters are decoded.
pub fn decoder(config: &Config) -> DecoderSettings {
    DecoderSettings {
        port_sensitive: config.netflow.port_sensitive.clone(),
        sampling: config.netflow.sampling.iter().map(|rule| (rule.prefix, rule.value)).collect(),
        max_pending_age: config.netflow.template_wait.0,
        template_lifetime: config.netflow.template_lifetime.0,
        ..DecoderSettings::default()
    }
}

/// How flow records become sessions.
pub fn stitch(config: &Config) -> StitchSettings {
    let services = config.network.services.iter();
    StitchSettings {
        hold: config.netflow.hold.0,
        max_sessions: config.netflow.max_waiting,
        networks: Arc::new(networks(config)),
        services: services
            .map(|service| ServiceRule { network: service.prefix, proto: service.port.proto, port: service.port.port })
            .collect(),
        capabilities: config.netflow.capabilities.iter().map(|rule| (rule.prefix, rule.value)).collect(),
        ..StitchSettings::default()
    }
}

/// How files are ingested, so many of them. Sessions of one file wait for other exporters' records once it has another
/// exporter; those of several files wait from the start, because the next file may have one.
pub fn load(config: &Config, files: usize) -> LoadSettings {
    let stitch = stitch(config);
    let stitch = StitchSettings { emit_certain: files == 1, settle: stitch.hold, ..stitch };
    // A batch of its own for every file of the store: none is copied to be put together with others.
    LoadSettings { decoder: decoder(config), stitch, batch_rows: config.store.flush_rows }
}

/// Bytes that the journal may take.
const JOURNAL_BYTES: u64 = 512 << 20;

/// How ingest goes on after a crash, with its journal in the store's directory.
fn recovery(config: &Config, store: &SessionStore) -> Recovery {
    let (stitch, writer) = (stitch(config), writer(config));
    // A session waits for its hold or for retransmits, then for a batch and a flush.
    let keep = stitch.hold.max(stitch.retransmit) + writer.max_age + Duration::from_secs(30);
    let journal = JournalSettings { dir: store.root().join("journal"), keep, max_bytes: JOURNAL_BYTES };
    let store = store.clone();
    Recovery { journal, stored_since: Arc::new(move |since| Ok(store.session_ids_since(since)?)) }
}

/// How flow records are received. What is known of exporters is kept beside the store.
pub fn ingest(config: &Config, store: &SessionStore) -> IngestSettings {
    let netflow = &config.netflow;
    let mut settings = IngestSettings::new(netflow.listen.clone(), Arc::new(clock::now));
    let half = std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2));
    settings.workers = if netflow.workers == 0 { half } else { netflow.workers };
    settings.receive_buffer = netflow.receive_buffer;
    settings.decoder = decoder(config);
    settings.stitch = stitch(config);
    settings.admission = AdmissionSettings { allow: netflow.allow.clone(), rate: netflow.rate_limit };
    settings.exporters = Some(store.root().join("exporters.state"));
    settings.recovery = Some(recovery(config, store));
    settings
}

/// What is known of addresses and interfaces, with names that exporters tell.
///
/// # Errors
/// A database that cannot be read, or a name for something that is no address.
pub fn enricher(config: &Config, told: Arc<InterfaceNames>) -> anyhow::Result<Enricher> {
    let enrich = &config.enrich;
    let given = GivenNames::new(&enrich.exporters, &enrich.interfaces).map_err(anyhow::Error::msg)?;
    let dns = if enrich.reverse_dns { Some(ReverseDns::start()?) } else { None };
    Ok(Enricher::open(EnrichSettings { databases: enrich.databases.clone(), given, told, dns })?)
}

/// Bounds of IPFIX over TCP and TLS.
pub fn streams(config: &Config) -> StreamSettings {
    StreamSettings { max_sessions: config.netflow.max_connections, idle: config.netflow.connection_idle.0 }
}
