//! From the `[track]` configuration to the settings of captures, parsers and tables.

use std::sync::Arc;

use tracker::TableSettings;
use tracker::capture::CaptureSettings;
use tracker::capture::filter::Filter;
use tracker::parse::ParseSettings;

use super::super::settings::networks;
use crate::config::{Config, track};

const BLOCK: u32 = 1 << 20;

/// How an interface is captured; its threads share one group.
///
/// # Errors
/// The filter is not understood.
pub fn capture(config: &Config, interface: &str, group: u16) -> anyhow::Result<CaptureSettings> {
    let track = &config.track;
    let mut settings = CaptureSettings::new(interface);
    settings.promiscuous = track.promiscuous;
    settings.block_size = BLOCK;
    settings.blocks = track.ring_mib as u32;
    settings.fanout = (track.threads > 1).then_some(group);
    if !track.filter.is_empty() {
        settings.filter = Some(Filter::new(&track.filter)?);
    }
    Ok(settings)
}

/// How frames are read.
pub fn parsing(config: &Config) -> ParseSettings {
    let track = &config.track;
    ParseSettings { checksums: track.checksums, max_depth: track.tunnel_depth, ..ParseSettings::default() }
}

/// How the sessions of one thread are followed: it has its share of the interface's table.
///
/// # Errors
/// A rule is not understood.
pub fn table(config: &Config, interface: &Arc<str>) -> anyhow::Result<TableSettings> {
    let track = &config.track;
    let wrong = |why: String| anyhow::anyhow!(why);
    Ok(TableSettings {
        timeouts: track.timeouts(),
        max_sessions: track.max_sessions.div_ceil(track.threads),
        half_open_percent: track.half_open_percent,
        max_tombstones: track.max_remembered.div_ceil(track.threads),
        syn_memory: track.syn_memory.0,
        closed_memory: track.closed_memory.0,
        interim: (!track.interim.0.is_zero()).then_some(track.interim.0),
        key_vlan: track.vlan_in_key,
        key_tunnel: track.tunnel_in_key,
        rules: track.rules().map_err(wrong)?,
        default_action: track.default_action().map_err(wrong)?,
        nat: track::matches(&track.nat).map_err(wrong)?,
        services: track::matches(&track.services).map_err(wrong)?,
        networks: networks(config),
        has_neighbours: track.threads > 1,
        observer: Arc::clone(interface),
        ..TableSettings::default()
    })
}
