//! From the configuration to the settings of the parts.

use std::sync::Arc;
use std::time::Duration;

use analytics::{DetectSettings, WriterSettings};
use tracker::locality::Networks;

use crate::clock;
use crate::config::Config;
use crate::ingest::{IngestSettings, LoadSettings};
use crate::stitch::StitchSettings;

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
        ..DetectSettings::default()
    }
}

/// How flow records become sessions.
pub fn stitch(config: &Config) -> StitchSettings {
    StitchSettings {
        hold: config.netflow.hold.0,
        max_sessions: config.netflow.max_waiting,
        networks: Arc::new(networks(config)),
        ..StitchSettings::default()
    }
}

/// How files are ingested.
pub fn load(config: &Config) -> LoadSettings {
    let defaults = LoadSettings::default();
    let stitch = StitchSettings { emit_certain: defaults.stitch.emit_certain, ..stitch(config) };
    LoadSettings { stitch, ..defaults }
}

/// How flow records are received.
pub fn ingest(config: &Config) -> IngestSettings {
    let netflow = &config.netflow;
    let mut settings = IngestSettings::new(netflow.listen.clone(), Arc::new(clock::now));
    let half = std::thread::available_parallelism().map_or(1, |count| count.get().div_ceil(2));
    settings.workers = if netflow.workers == 0 { half } else { netflow.workers };
    settings.receive_buffer = netflow.receive_buffer;
    settings.stitch = stitch(config);
    settings
}
