//! What the capture threads have counted, for whoever asks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dashboards::{EvictedServer, TableStatus};
use tracker::live::LiveStats;

use crate::service::metrics::{self, Sample};

/// What one thread has counted.
#[derive(Debug, Clone)]
pub struct ShardStatus {
    /// Its interface.
    pub interface: String,
    /// Which of the interface's threads.
    pub shard: usize,
    /// Its counters.
    pub stats: LiveStats,
    /// TCP sessions that have not established.
    pub half_open: usize,
    /// Servers with the most evicted sessions.
    pub evicted: Vec<(IpAddr, u16, u64)>,
}

impl ShardStatus {
    /// How many servers are named.
    pub const SERVERS: usize = 20;
}

/// The counters of all threads.
#[derive(Debug, Clone, Default)]
pub struct TrackStats(Arc<Mutex<Vec<ShardStatus>>>);

impl TrackStats {
    /// Keeps the newest counters of a thread.
    pub fn set(&self, status: ShardStatus) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|old| old.interface == status.interface && old.shard == status.shard) {
            Some(old) => *old = status,
            None => all.push(status),
        }
    }

    fn get(&self) -> Vec<ShardStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One status per interface.
    pub fn tables(&self, max_sessions: usize) -> Vec<TableStatus> {
        let mut tables: Vec<TableStatus> = Vec::new();
        let mut servers: BTreeMap<(String, IpAddr, u16), u64> = BTreeMap::new();
        for shard in self.get() {
            let at = tables.iter().position(|table| table.interface == shard.interface).unwrap_or_else(|| {
                tables.push(empty(&shard.interface, max_sessions));
                tables.len() - 1
            });
            let (table, stats) = (&mut tables[at], &shard.stats);
            table.threads += 1;
            table.sessions += stats.sessions as u64;
            table.half_open += shard.half_open as u64;
            table.emergency |= stats.emergency;
            table.memory_bytes += stats.bytes as u64;
            table.packets += stats.capture.packets;
            table.dropped += stats.capture.drops;
            table.evicted += stats.table.evicted();
            for (ip, port, count) in shard.evicted {
                *servers.entry((shard.interface.clone(), ip, port)).or_default() += count;
            }
        }
        for ((interface, ip, server_port), count) in servers {
            if let Some(table) = tables.iter_mut().find(|table| table.interface == interface) {
                table.evicted_servers.push(EvictedServer { server_ip: ip.to_string(), server_port, count });
            }
        }
        for table in &mut tables {
            table.evicted_servers.sort_by_key(|server| std::cmp::Reverse(server.count));
            table.evicted_servers.truncate(ShardStatus::SERVERS);
        }
        tables
    }

    /// The value of every metric, by interface.
    pub fn samples(&self) -> Vec<Sample> {
        let mut sums: BTreeMap<(String, usize, &'static str), u64> = BTreeMap::new();
        for shard in self.get() {
            for (at, (_, label, value)) in values(&shard.stats).into_iter().enumerate() {
                *sums.entry((shard.interface.clone(), at, label)).or_default() += value;
            }
        }
        let metrics = values(&LiveStats::default()).map(|(metric, _, _)| metric);
        let sample = |((interface, at, label), value): ((String, usize, &'static str), u64)| {
            let mut labels = vec![("interface", interface)];
            if !label.is_empty() {
                labels.push(("reason", label.to_owned()));
            }
            Sample { metric: metrics[at], labels, value: value as f64 }
        };
        sums.into_iter().map(sample).collect()
    }
}

fn empty(interface: &str, max_sessions: usize) -> TableStatus {
    TableStatus {
        interface: interface.to_owned(),
        threads: 0,
        sessions: 0,
        half_open: 0,
        max_sessions: max_sessions as u64,
        emergency: false,
        memory_bytes: 0,
        packets: 0,
        dropped: 0,
        evicted: 0,
        evicted_servers: Vec::new(),
    }
}

/// Metric, reason (or none) and value of everything that a thread counts.
fn values(stats: &LiveStats) -> [(metrics::Metric, &'static str, u64); 33] {
    let (capture, parse, table) = (&stats.capture, &stats.parse, &stats.table);
    [
        (metrics::TRACK_PACKETS, "", capture.packets),
        (metrics::TRACK_DROPPED, "", capture.drops),
        (metrics::TRACK_RING_FULL, "", capture.freezes),
        (metrics::TRACK_SESSIONS, "", stats.sessions as u64),
        (metrics::TRACK_MEMORY, "", stats.bytes as u64),
        (metrics::TRACK_EMERGENCY, "", u64::from(stats.emergency)),
        (metrics::TRACK_CREATED, "", table.created),
        (metrics::TRACK_ENDED, "", table.ended),
        (metrics::TRACK_EVICTED, "half_open", table.evicted_half_open),
        (metrics::TRACK_EVICTED, "one_way", table.evicted_one_way),
        (metrics::TRACK_EVICTED, "closed", table.evicted_closed),
        (metrics::TRACK_EVICTED, "live", table.evicted_live),
        (metrics::TRACK_TRACKED, "", table.tracked),
        (metrics::TRACK_UNTRACKED, "ignored", table.ignored),
        (metrics::TRACK_UNTRACKED, "late", table.late),
        (metrics::TRACK_UNTRACKED, "bad_checksum", table.bad_checksum),
        (metrics::TRACK_UNTRACKED, "icmp_error", table.icmp_matched),
        (metrics::TRACK_UNTRACKED, "icmp_error_unmatched", table.icmp_unmatched + table.icmp_handed_on),
        (metrics::TRACK_UNTRACKED, "no_room", table.refused + table.emergency_refused),
        (metrics::TRACK_IGNORED, "rst_out_of_window", table.invalid_rst),
        (metrics::TRACK_IGNORED, "handshake", table.invalid_handshake),
        (metrics::TRACK_SKIPPED, "not_ip", parse.not_ip),
        (metrics::TRACK_SKIPPED, "truncated", parse.truncated),
        (metrics::TRACK_SKIPPED, "malformed", parse.malformed),
        (metrics::TRACK_SKIPPED, "link", parse.unsupported_link),
        (metrics::TRACK_SKIPPED, "ip_checksum", parse.bad_ip_checksum),
        (metrics::TRACK_SKIPPED, "too_deep", parse.too_deep),
        (metrics::TRACK_FRAGMENTS, "known", parse.fragments),
        (metrics::TRACK_FRAGMENTS, "unknown", parse.fragments_unknown),
        (metrics::TRACK_OVERSIZED, "", parse.oversized),
        (metrics::TRACK_REOPENED, "", table.reopened),
        (metrics::TRACK_REUSED, "", table.reused),
        (metrics::TRACK_INTERIM, "", table.interim),
    ]
}
