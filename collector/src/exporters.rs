//! Statistics of every exporter, joined from what the decoder counted and what the stitcher learnt.
//!
//! Owns the joined form; must not know the API it is shown through.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tracker::Micros;

use crate::netflow::{Decoder, ExporterKey, Source};
use crate::stitch::ExporterQuality;

/// One exporter and observation domain.
#[derive(Debug, Clone, PartialEq)]
pub struct ExporterStats {
    /// Address, with the port where ports tell exporters apart.
    pub address: String,
    /// Observation domain (IPFIX), source id (v9) or engine (v5).
    pub domain: u32,
    /// Protocols seen: `netflow5`, `netflow7`, `netflow9`, `ipfix`.
    pub protocols: Vec<&'static str>,
    /// First datagram.
    pub first_seen: Micros,
    /// Last datagram.
    pub last_seen: Micros,
    /// Datagrams.
    pub packets: u64,
    /// Data records.
    pub records: u64,
    /// Data records per second, over the last seconds.
    pub records_per_second: f64,
    /// Octets of messages.
    pub bytes: u64,
    /// Templates known.
    pub templates: u64,
    /// Templates that came with another shape under a known id, without a withdrawal: a restart, or two exporters that
    /// cannot be told apart.
    pub template_collisions: u64,
    /// Data sets that wait for their template now.
    pub waiting_sets: u64,
    /// Data sets that came before their template.
    pub unknown_template_records: u64,
    /// Lost by sequence number: flows (v5), packets (v9), data records (IPFIX).
    pub sequence_lost: u64,
    /// How often the exporter started again.
    pub restarts: u64,
    /// Drops by reason.
    pub drops: Vec<(&'static str, u64)>,
    /// The exporter's clock minus ours, `None` for files.
    pub clock_skew_ms: Option<i64>,
    /// What its records can tell of TCP.
    pub capability: &'static str,
    /// Share of its TCP sessions that could be classified.
    pub coverage: Option<f64>,
    /// Sampling interval; `None` before the first record.
    pub sampling: Option<u32>,
}

impl ExporterStats {
    /// What the decoder knows; the rest is filled by [`join`].
    pub(crate) fn of(source: &Source, now: Micros) -> (ExporterKey, Self) {
        let counters = &source.counters;
        let stats = Self {
            address: source.key.to_string(),
            domain: source.domain,
            protocols: source.protocols.names(),
            first_seen: source.first_seen,
            last_seen: source.last_seen,
            packets: counters.datagrams,
            records: counters.records,
            records_per_second: source.rate.at(now, counters.records),
            bytes: counters.bytes,
            templates: source.templates.len() as u64,
            template_collisions: counters.templates_redefined,
            waiting_sets: source.pending.len() as u64,
            unknown_template_records: counters.data_sets_without_template,
            sequence_lost: source.sequences.iter().map(crate::netflow::sequence::SequenceTracker::lost).sum(),
            restarts: source.sequences.iter().map(crate::netflow::sequence::SequenceTracker::restarts).sum(),
            drops: counters.drops.iter().map(|(reason, count)| (reason.as_str(), count)).collect(),
            clock_skew_ms: source.clock_skew.map(|skew| skew / 1000),
            capability: crate::stitch::Capability::Learning.as_str(),
            coverage: None,
            sampling: None,
        };
        (source.key, stats)
    }
}

impl ExporterStats {
    /// Adds what the same exporter sent in another way.
    pub(crate) fn merge(&mut self, other: &Self) {
        for protocol in &other.protocols {
            if !self.protocols.contains(protocol) {
                self.protocols.push(protocol);
            }
        }
        if other.last_seen >= self.last_seen {
            self.clock_skew_ms = other.clock_skew_ms.or(self.clock_skew_ms);
        }
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.packets += other.packets;
        self.records += other.records;
        self.records_per_second += other.records_per_second;
        self.bytes += other.bytes;
        self.templates += other.templates;
        self.template_collisions += other.template_collisions;
        self.waiting_sets += other.waiting_sets;
        self.unknown_template_records += other.unknown_template_records;
        self.sequence_lost += other.sequence_lost;
        self.restarts += other.restarts;
        for &(reason, count) in &other.drops {
            match self.drops.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, sum)) => *sum += count,
                None => self.drops.push((reason, count)),
            }
        }
    }
}

/// Statistics of a decoder's sources, without the stitcher's part.
pub fn decoder_stats(decoder: &Decoder, now: Micros) -> Vec<(ExporterKey, ExporterStats)> {
    decoder.sources().map(|source| ExporterStats::of(source, now)).collect()
}

/// Makes one of what an exporter sent over several transports, adds what the stitcher knows, and sorts by address and
/// domain.
pub fn join(decoded: Vec<(ExporterKey, ExporterStats)>, qualities: &[ExporterQuality]) -> Vec<ExporterStats> {
    let mut one: HashMap<(ExporterKey, u32), ExporterStats> = HashMap::new();
    for (key, stats) in decoded {
        match one.entry((key, stats.domain)) {
            Entry::Occupied(mut known) => known.get_mut().merge(&stats),
            Entry::Vacant(empty) => {
                empty.insert(stats);
            }
        }
    }
    let by_key: HashMap<(ExporterKey, u32), &ExporterQuality> =
        qualities.iter().map(|quality| ((quality.key, quality.domain), quality)).collect();
    let mut joined: Vec<(ExporterKey, ExporterStats)> = one
        .into_iter()
        .map(|((key, _), mut stats)| {
            if let Some(quality) = by_key.get(&(key, stats.domain)) {
                stats.capability = quality.capability.as_str();
                stats.coverage = quality.coverage();
                stats.sampling = Some(quality.sampling);
            }
            (key, stats)
        })
        .collect();
    joined.sort_by_key(|(key, stats)| (*key, stats.domain));
    joined.into_iter().map(|(_, stats)| stats).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Statistics of an exporter that has sent nothing.
    pub(crate) fn stats(address: &str) -> ExporterStats {
        ExporterStats {
            address: address.to_owned(),
            domain: 0,
            protocols: vec!["ipfix"],
            first_seen: 0,
            last_seen: 0,
            packets: 0,
            records: 0,
            records_per_second: 0.0,
            bytes: 0,
            templates: 0,
            template_collisions: 0,
            waiting_sets: 0,
            unknown_template_records: 0,
            sequence_lost: 0,
            restarts: 0,
            drops: Vec::new(),
            clock_skew_ms: None,
            capability: "learning",
            coverage: None,
            sampling: None,
        }
    }

    #[test]
    fn what_came_over_several_transports_is_one_exporter() {
        let key = |address: &str| ExporterKey::of(format!("{address}:0").parse().unwrap(), false);
        let one = ExporterStats { records: 3, drops: vec![("a", 1)], last_seen: 5, ..stats("192.0.2.1") };
        let other = ExporterStats {
            records: 4,
            drops: vec![("b", 1), ("a", 2)],
            protocols: vec!["netflow9"],
            clock_skew_ms: Some(7),
            last_seen: 9,
            ..stats("192.0.2.1")
        };
        let third = stats("192.0.2.2");
        let given = vec![(key("192.0.2.2"), third), (key("192.0.2.1"), one), (key("192.0.2.1"), other)];
        let joined = join(given, &[]);
        assert_eq!(joined.len(), 2);
        let first = &joined[0];
        assert_eq!((first.records, first.last_seen, first.clock_skew_ms), (7, 9, Some(7)));
        assert_eq!((&first.protocols[..], &first.drops[..]), (&["ipfix", "netflow9"][..], &[("a", 3), ("b", 1)][..]));
    }
}
