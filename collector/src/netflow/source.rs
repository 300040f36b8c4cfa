//! What the decoder remembers of one exporter's observation domain: templates, waiting data, options, sequence, counts.
//!
//! Owns the bounds on that memory; must not know sockets or output.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use tracker::Micros;

use super::flow::ExporterKey;
use super::normalise::MessageContext;
use super::options::ExporterOptions;
use super::reason::{DropReason, Drops};
use super::sequence::SequenceTracker;
use super::template::Template;

/// Protocols, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protocols(u8);

impl Protocols {
    const NAMES: [(u16, &'static str); 4] = [(5, "netflow5"), (7, "netflow7"), (9, "netflow9"), (10, "ipfix")];

    /// Adds a version number.
    pub(crate) fn add(&mut self, version: u16) {
        if let Some(index) = Self::NAMES.iter().position(|(known, _)| *known == version) {
            self.0 |= 1 << index;
        }
    }

    /// Names of the protocols seen.
    pub fn names(self) -> Vec<&'static str> {
        let seen = |index: usize| self.0 & (1 << index) != 0;
        Self::NAMES.iter().enumerate().filter(|(index, _)| seen(*index)).map(|(_, (_, name))| *name).collect()
    }
}

/// Counts of one source. `data_sets` = decoded + waiting + dropped; `records` = flows + options + dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceCounters {
    /// Datagrams with at least one message of the source.
    pub datagrams: u64,
    /// Octets of its messages.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
    /// Template and options template records.
    pub template_records: u64,
    /// Data sets.
    pub data_sets: u64,
    /// Data sets that were decoded, at once or after their template came.
    pub data_sets_decoded: u64,
    /// Data sets that came before their template.
    pub data_sets_without_template: u64,
    /// Data records read.
    pub records: u64,
    /// Of these, flows.
    pub flow_records: u64,
    /// Of these, options data.
    pub options_records: u64,
    /// Flows whose times could not be believed.
    pub times_repaired: u64,
    /// Templates that were redefined with another shape.
    pub templates_redefined: u64,
    /// Templates that were withdrawn.
    pub templates_withdrawn: u64,
    /// What was dropped.
    pub drops: Drops,
}

impl SourceCounters {
    /// Adds every count of another source.
    pub fn merge(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.messages += other.messages;
        self.template_records += other.template_records;
        self.data_sets += other.data_sets;
        self.data_sets_decoded += other.data_sets_decoded;
        self.data_sets_without_template += other.data_sets_without_template;
        self.records += other.records;
        self.flow_records += other.flow_records;
        self.options_records += other.options_records;
        self.times_repaired += other.times_repaired;
        self.templates_redefined += other.templates_redefined;
        self.templates_withdrawn += other.templates_withdrawn;
        self.drops.merge(&other.drops);
    }
}

/// A data set that waits for its template.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) context: MessageContext,
    pub(crate) template: (bool, u16),
    pub(crate) body: Box<[u8]>,
}

/// State of one exporter and domain.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) key: ExporterKey,
    pub(crate) domain: u32,
    /// By protocol (IPFIX or not) and id.
    templates: HashMap<(bool, u16), Arc<Template>>,
    /// Fields of all templates.
    template_fields: usize,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    pub(crate) options: ExporterOptions,
    pub(crate) sequences: [SequenceTracker; 3],
    pub(crate) counters: SourceCounters,
    pub(crate) protocols: Protocols,
    pub(crate) first_seen: Micros,
    pub(crate) last_seen: Micros,
    pub(crate) clock_skew: Option<Micros>,
    /// Sampling that holds for records naming no sampler; the configured one wins over everything.
    pub(crate) sampling: u32,
    pub(crate) sampling_override: Option<u32>,
    pub(crate) rate: Rate,
}

/// Records per second over the last whole window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    window_start: Micros,
    records_before: u64,
    per_second: f64,
}

impl Rate {
    const WINDOW: Micros = 5_000_000;

    fn observe(&mut self, now: Micros, records: u64) {
        let elapsed = now - self.window_start;
        if elapsed >= Self::WINDOW {
            if self.window_start > 0 {
                self.per_second = (records - self.records_before) as f64 * 1e6 / elapsed as f64;
            }
            self.window_start = now;
            self.records_before = records;
        }
    }

    /// The rate now; zero when the last window is long past.
    pub(crate) fn at(&self, now: Micros, records: u64) -> f64 {
        let mut later = *self;
        later.observe(now, records);
        later.per_second
    }
}

impl Source {
    pub(crate) fn new(key: ExporterKey, domain: u32, now: Micros, sampling_override: Option<u32>) -> Self {
        Self {
            key,
            domain,
            templates: HashMap::new(),
            template_fields: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            options: ExporterOptions::default(),
            sequences: Default::default(),
            counters: SourceCounters::default(),
            protocols: Protocols::default(),
            first_seen: now,
            last_seen: now,
            clock_skew: None,
            sampling: 1,
            sampling_override,
            rate: Rate::default(),
        }
    }

    pub(crate) fn seen(&mut self, now: Micros) {
        self.last_seen = self.last_seen.max(now);
        self.rate.observe(now, self.counters.records);
    }

    pub(crate) fn template(&self, key: (bool, u16)) -> Option<Arc<Template>> {
        self.templates.get(&key).map(Arc::clone)
    }

    pub(crate) fn template_count(&self) -> usize {
        self.templates.len()
    }

    /// Stores a template; whether it is in force now.
    pub(crate) fn learn(&mut self, ipfix: bool, template: Template, limit: usize) -> bool {
        self.counters.template_records += 1;
        let key = (ipfix, template.id);
        match self.templates.get(&key) {
            Some(known) if known.same_shape(&template) => return false,
            Some(_) => self.counters.templates_redefined += 1,
            None if self.templates.len() >= limit => {
                self.counters.drops.add(DropReason::TemplateLimit, 1);
                return false;
            }
            None => {}
        }
        self.template_fields += template.fields.len();
        if let Some(former) = self.templates.insert(key, Arc::new(template)) {
            self.template_fields -= former.fields.len();
        }
        true
    }

    /// Forgets one template.
    pub(crate) fn withdraw(&mut self, id: u16) {
        self.counters.template_records += 1;
        if let Some(former) = self.templates.remove(&(true, id)) {
            self.template_fields -= former.fields.len();
            self.counters.templates_withdrawn += 1;
        }
    }

    /// Forgets all templates, or all options templates (RFC 7011 section 8.1).
    pub(crate) fn withdraw_all(&mut self, options: bool) {
        self.counters.template_records += 1;
        let before = self.templates.len();
        self.templates.retain(|key, template| !key.0 || template.is_options() != options);
        self.counters.templates_withdrawn += (before - self.templates.len()) as u64;
        self.template_fields = self.templates.values().map(|template| template.fields.len()).sum();
    }

    /// Keeps a set until its template comes; the oldest ones make room. The change of the octets kept.
    pub(crate) fn wait(&mut self, set: Waiting, limit: usize, room: usize) -> isize {
        self.counters.data_sets_without_template += 1;
        let size = set.body.len();
        if size > limit || size > room {
            self.counters.drops.add(DropReason::PendingFull, 1);
            return 0;
        }
        let before = self.waiting_bytes;
        while self.waiting_bytes + size > limit {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.waiting_bytes -= oldest.body.len();
            self.counters.drops.add(DropReason::PendingExpired, 1);
        }
        self.waiting_bytes += size;
        self.waiting.push_back(set);
        self.waiting_bytes as isize - before as isize
    }

    /// Takes out the sets that wait for this template, in order of arrival, and the octets that frees.
    pub(crate) fn release(&mut self, template: (bool, u16)) -> (Vec<Waiting>, usize) {
        if self.waiting.is_empty() {
            return (Vec::new(), 0);
        }
        let (ready, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|set| set.template == template);
        self.waiting = rest;
        let freed = ready.iter().map(|set| set.body.len()).sum();
        self.waiting_bytes -= freed;
        (ready.into(), freed)
    }

    /// Gives up on everything that waits; the octets that frees.
    pub(crate) fn give_up_waiting(&mut self) -> usize {
        self.counters.drops.add(DropReason::PendingExpired, self.waiting.len() as u64);
        self.waiting.clear();
        std::mem::take(&mut self.waiting_bytes)
    }

    pub(crate) fn waiting_sets(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn template_fields(&self) -> usize {
        self.template_fields
    }
}
