//! What the decoder remembers of one exporter's observation domain: templates, waiting data, options, sequence, counts.
//!
//! Owns the bounds on that memory; must not know sockets or output.

use std::sync::Arc;

use tracker::Micros;

use super::flow::ExporterKey;
use super::options::ExporterOptions;
use super::pending::{Kept, Pending, Waiting};
use super::reason::{DropReason, Drops};
use super::sequence::SequenceTracker;
use super::state::SourceState;
use super::template::Template;
use super::templates::{Learnt, TemplateKey, Templates};

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
    /// Templates that were not sent again within their lifetime.
    pub templates_expired: u64,
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
        self.templates_expired += other.templates_expired;
        self.drops.merge(&other.drops);
    }
}

/// State of one exporter and domain.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) key: ExporterKey,
    pub(crate) domain: u32,
    pub(crate) templates: Templates,
    pub(crate) pending: Pending,
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
    /// An earlier process had it.
    proven: bool,
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
    pub(crate) fn new(
        key: ExporterKey,
        domain: u32,
        now: Micros,
        sampling_override: Option<u32>,
        templates: Templates,
    ) -> Self {
        Self {
            key,
            domain,
            templates,
            pending: Pending::default(),
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
            proven: false,
        }
    }

    /// A source as an earlier process knew it.
    pub(crate) fn restore(&mut self, state: SourceState, limit: usize) {
        self.first_seen = state.first_seen;
        self.last_seen = state.last_seen;
        self.sampling = state.sampling;
        self.options = state.options;
        self.proven = true;
        for (ipfix, known) in state.templates {
            let template = Arc::unwrap_or_clone(known.template);
            self.templates.learn(ipfix, template, known.refreshed, limit);
        }
    }

    pub(crate) fn seen(&mut self, now: Micros) {
        self.last_seen = self.last_seen.max(now);
        self.rate.observe(now, self.counters.records);
    }

    /// Whether it has ever sent something of use: others make room first.
    pub(crate) fn proven(&self) -> bool {
        self.proven || self.counters.records > 0
    }

    /// Counts every change of what outlives the process.
    pub(crate) fn changes(&self) -> u64 {
        self.templates.changes() + self.options.changes()
    }

    pub(crate) fn template(&self, key: TemplateKey) -> Option<Arc<Template>> {
        self.templates.get(key, self.last_seen)
    }

    /// Stores a template; whether sets that wait for it can be read now.
    pub(crate) fn learn(&mut self, ipfix: bool, template: Template, limit: usize) -> bool {
        self.counters.template_records += 1;
        let learnt = self.templates.learn(ipfix, template, self.last_seen, limit);
        match learnt {
            Learnt::Redefined => self.counters.templates_redefined += 1,
            Learnt::Full => self.counters.drops.add(DropReason::TemplateLimit, 1),
            Learnt::New | Learnt::Refreshed => {}
        }
        matches!(learnt, Learnt::New | Learnt::Redefined)
    }

    /// Forgets one template.
    pub(crate) fn withdraw(&mut self, id: u16) {
        self.counters.template_records += 1;
        self.counters.templates_withdrawn += self.templates.withdraw(|template| template.id == id);
    }

    /// Forgets all templates, or all options templates (RFC 7011 section 8.1).
    pub(crate) fn withdraw_all(&mut self, options: bool) {
        self.counters.template_records += 1;
        self.counters.templates_withdrawn += self.templates.withdraw(|template| template.is_options() == options);
    }

    /// Keeps a set until its template comes; the oldest ones make room. The change of the octets kept.
    pub(crate) fn wait(&mut self, set: Waiting, limit: usize, room: usize) -> isize {
        self.counters.data_sets_without_template += 1;
        let before = self.pending.weight();
        match self.pending.keep(set, limit, room) {
            Kept::Making(gone) => self.counters.drops.add(DropReason::PendingExpired, gone),
            Kept::Refused => self.counters.drops.add(DropReason::PendingFull, 1),
        }
        self.pending.weight() as isize - before as isize
    }

    /// Gives up sets that have waited since before this time, and templates that have ceased to hold at `now`.
    pub(crate) fn expire(&mut self, now: Micros, before: Micros) {
        self.counters.templates_expired += self.templates.expire(now);
        self.counters.drops.add(DropReason::PendingExpired, self.pending.expire(before));
    }

    /// Gives up on everything that waits.
    pub(crate) fn give_up_waiting(&mut self) {
        self.counters.drops.add(DropReason::PendingExpired, self.pending.clear());
    }
}
