//! What the stitcher knows of each exporter: how good its records are, and how many of its sessions could be classified.
//!
//! Must not know the decoder's counts.

use std::sync::Arc;

use hashbrown::HashMap;
use ipnet::IpNet;

use super::capability::{Capability, CapabilityLearner};
use crate::netflow::{ExporterKey, FlowRecord};

/// Exporters remembered at most; further ones share one entry.
const MAX_EXPORTERS: usize = 65_536;

/// What is known of one exporter and domain.
#[derive(Debug, Clone)]
pub struct ExporterQuality {
    /// The exporter.
    pub key: ExporterKey,
    /// Its observation domain.
    pub domain: u32,
    /// What its records can tell of TCP.
    pub capability: Capability,
    /// TCP sessions it reported.
    pub tcp_sessions: u64,
    /// Of these, those with an outcome other than indeterminate.
    pub classified: u64,
    /// Sampling interval of its last record.
    pub sampling: u32,
}

impl ExporterQuality {
    /// Share of TCP sessions that could be classified, `None` before the first.
    pub fn coverage(&self) -> Option<f64> {
        (self.tcp_sessions > 0).then(|| self.classified as f64 / self.tcp_sessions as f64)
    }
}

#[derive(Debug)]
pub(crate) struct Entry {
    key: ExporterKey,
    pub(crate) domain: u32,
    pub(crate) name: Arc<str>,
    learner: CapabilityLearner,
    configured: Option<Capability>,
    tcp_sessions: u64,
    classified: u64,
    sampling: u32,
}

impl Entry {
    pub(crate) fn capability(&self) -> Capability {
        self.configured.unwrap_or_else(|| self.learner.class())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Exporters {
    index: HashMap<(ExporterKey, u32), u32>,
    entries: Vec<Entry>,
    /// Name of each exporter, whatever its domains.
    names: HashMap<ExporterKey, Arc<str>>,
    /// Index of the last record's.
    last: u32,
}

impl Exporters {
    /// The exporter of a record; learns from it.
    pub(crate) fn of(&mut self, flow: &FlowRecord, configured: &[(IpNet, Capability)]) -> u32 {
        let key = (flow.exporter, flow.domain);
        // Records come in messages: the last one's exporter is this one's, as a rule.
        let index = match self.entries.get(self.last as usize) {
            Some(last) if (last.key, last.domain) == key => self.last,
            _ => match self.index.get(&key) {
                Some(&index) => index,
                None if self.entries.len() >= MAX_EXPORTERS => 0,
                None => self.add(key, configured),
            },
        };
        self.last = index;
        let entry = &mut self.entries[index as usize];
        entry.learner.observe(flow);
        entry.sampling = flow.sampling;
        index
    }

    fn add(&mut self, key: (ExporterKey, u32), configured: &[(IpNet, Capability)]) -> u32 {
        let name = self.names.entry(key.0).or_insert_with(|| Arc::from(key.0.to_string()));
        let configured = configured
            .iter()
            .filter(|(net, _)| net.contains(&key.0.address))
            .max_by_key(|(net, _)| net.prefix_len())
            .map(|&(_, capability)| capability);
        let index = self.entries.len() as u32;
        self.entries.push(Entry {
            key: key.0,
            domain: key.1,
            name: Arc::clone(name),
            learner: CapabilityLearner::default(),
            configured,
            tcp_sessions: 0,
            classified: 0,
            sampling: 1,
        });
        self.index.insert(key, index);
        index
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)
    }

    /// Counts a TCP session for an exporter that reported it.
    pub(crate) fn count(&mut self, index: u32, classified: bool) {
        if let Some(entry) = self.entries.get_mut(index as usize) {
            entry.tcp_sessions += 1;
            entry.classified += u64::from(classified);
        }
    }

    /// Whether sessions may be reported by more than one exporter.
    pub(crate) fn several(&self) -> bool {
        self.names.len() > 1
    }

    pub(crate) fn qualities(&self) -> Vec<ExporterQuality> {
        let quality = |entry: &Entry| ExporterQuality {
            key: entry.key,
            domain: entry.domain,
            capability: entry.capability(),
            tcp_sessions: entry.tcp_sessions,
            classified: entry.classified,
            sampling: entry.sampling,
        };
        self.entries.iter().map(quality).collect()
    }
}
