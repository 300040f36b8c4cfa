//! The decoder: datagrams in, flow records (or JSON objects) out.
//!
//! Owns the table of sources and the cutting of datagrams into messages; must not know sockets, threads or sessions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use serde_json::{Map, Value};
use tracker::Micros;

use super::flow::{ExporterKey, FlowRecord};
use super::message::{Header, header};
use super::options::{configured, v5_interval};
use super::output::{FlowOutput, JsonOutput, Output};
use super::reason::{DropReason, Drops};
use super::settings::DecoderSettings;
use super::source::{Source, SourceCounters};
use super::state::SourceState;
use super::templates::{TemplatePool, Templates};
use super::time::plausible_export;
use super::walk::Walk;
use super::wire::is_padding;

/// Sources that were idle for this long may be forgotten when the table is full.
const IDLE: Micros = 3_600_000_000;
/// The table is searched for forgettable sources at most this often.
const SWEEP: Micros = 1_000_000;

/// Decodes `NetFlow` v5, v7, v9 and IPFIX. Templates are kept per exporter and observation domain.
///
/// Never fails: whatever is not understood is counted by reason, and the rest is decoded.
#[derive(Debug)]
pub struct Decoder {
    settings: DecoderSettings,
    sources: HashMap<(ExporterKey, u32), Box<Source>>,
    waiting_bytes: usize,
    template_fields: usize,
    /// Samplers and names of all sources.
    names: usize,
    /// Drops that no source answers for: of whole datagrams, and of what follows a message in one.
    datagram_drops: Drops,
    drops: Drops,
    /// Counts of sources that were forgotten.
    forgotten: SourceCounters,
    forgotten_changes: u64,
    datagrams: u64,
    datagrams_used: u64,
    last_sweep: Micros,
    pool: Arc<TemplatePool>,
    lifetime: Micros,
    pending_age: Micros,
}

/// Totals over all sources. `datagrams` = used + dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecoderTotals {
    /// Datagrams given to the decoder.
    pub datagrams: u64,
    /// Datagrams with at least one readable message.
    pub datagrams_used: u64,
    /// Counts of all sources.
    pub sources: SourceCounters,
    /// Data sets that wait for their template now.
    pub waiting_sets: u64,
    /// Datagrams in which no message could be read, by reason.
    pub datagram_drops: Drops,
    /// All drops, those of whole datagrams included.
    pub drops: Drops,
}

impl DecoderTotals {
    /// Adds the totals of another decoder.
    pub fn merge(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.datagrams_used += other.datagrams_used;
        self.sources.merge(&other.sources);
        self.waiting_sets += other.waiting_sets;
        self.datagram_drops.merge(&other.datagram_drops);
        self.drops.merge(&other.drops);
    }
}

impl Decoder {
    /// A decoder that knows no templates yet.
    pub fn new(settings: DecoderSettings) -> Self {
        let micros = |duration: Duration| Micros::try_from(duration.as_micros()).unwrap_or(0);
        Self {
            pool: Arc::default(),
            lifetime: micros(settings.template_lifetime),
            pending_age: micros(settings.max_pending_age),
            settings,
            sources: HashMap::new(),
            waiting_bytes: 0,
            template_fields: 0,
            names: 0,
            datagram_drops: Drops::default(),
            drops: Drops::default(),
            forgotten: SourceCounters::default(),
            forgotten_changes: 0,
            datagrams: 0,
            datagrams_used: 0,
            last_sweep: 0,
        }
    }

    /// Decodes one datagram (one or more messages) and appends its flow records. `received` is the time of receipt, 0
    /// where it is unknown. The latest export time of the datagram's messages, `None` when there was no message.
    pub fn decode(
        &mut self,
        source: SocketAddr,
        received: Micros,
        payload: &[u8],
        out: &mut Vec<FlowRecord>,
    ) -> Option<Micros> {
        self.datagram(source, received, payload, &mut FlowOutput::new(out))
    }

    /// Decodes one datagram and hands every data record, options data included, to `each` as a JSON object.
    pub fn decode_json(
        &mut self,
        source: SocketAddr,
        received: Micros,
        payload: &[u8],
        each: &mut dyn FnMut(Map<String, Value>),
    ) -> Option<Micros> {
        self.datagram(source, received, payload, &mut JsonOutput::new(each))
    }

    /// Gives up on data whose template never came (at the end of input), so that the counts balance.
    pub fn finish(&mut self) {
        for source in self.sources.values_mut() {
            source.give_up_waiting();
        }
        self.waiting_bytes = 0;
    }

    /// Gives up what has waited too long at `now` for its template, and templates that have ceased to hold. To be called
    /// every few seconds while datagrams are received.
    pub fn tick(&mut self, now: Micros) {
        let before = if self.pending_age == 0 { Micros::MIN } else { now - self.pending_age };
        for source in self.sources.values_mut() {
            source.expire(now, before);
        }
        self.waiting_bytes = self.sources.values().map(|source| source.pending.weight()).sum();
        self.template_fields = self.sources.values().map(|source| source.templates.fields()).sum();
        self.names = self.sources.values().map(|source| source.options.entries()).sum();
    }

    /// What should outlive the process: templates, samplers and names of every exporter that has templates.
    pub fn state(&self) -> Vec<SourceState> {
        let worth = self.sources.values().filter(|source| source.templates.len() > 0);
        worth.map(|source| SourceState::of(source)).collect()
    }

    /// Names of interfaces that options data told: exporter, index, name.
    pub fn interface_names(&self) -> impl Iterator<Item = (ExporterKey, u32, &str)> {
        self.sources
            .values()
            .flat_map(|source| source.options.interfaces().map(|(index, name)| (source.key, index, name)))
    }

    /// Rises whenever [`interface_names`](Self::interface_names) would say something else.
    pub fn names_learnt(&self) -> u64 {
        self.sources.values().map(|source| source.options.changes()).sum()
    }

    /// Rises whenever [`state`](Self::state) would say something else.
    pub fn changes(&self) -> u64 {
        self.forgotten_changes + self.sources.values().map(|source| source.changes()).sum::<u64>()
    }

    /// Goes on with what an earlier process knew. Exporters that are known already, and those for which there is no
    /// room, are left out.
    pub fn restore(&mut self, states: impl IntoIterator<Item = SourceState>) {
        for state in states {
            let key = (state.key, state.domain);
            let fields: usize = state.templates.iter().map(|(_, known)| known.template.fields.len()).sum();
            let full = self.sources.len() >= self.settings.max_exporters
                || self.template_fields + fields > self.settings.max_fields_total;
            if full || self.sources.contains_key(&key) {
                continue;
            }
            let mut source = self.source(key, state.first_seen);
            source.restore(state, self.settings.max_templates);
            self.template_fields += source.templates.fields();
            self.sources.insert(key, source);
        }
    }

    /// Totals over all sources, the forgotten ones included.
    pub fn totals(&self) -> DecoderTotals {
        let mut totals = DecoderTotals {
            datagrams: self.datagrams,
            datagrams_used: self.datagrams_used,
            sources: self.forgotten,
            datagram_drops: self.datagram_drops,
            drops: self.drops,
            waiting_sets: 0,
        };
        for source in self.sources.values() {
            totals.sources.merge(&source.counters);
            totals.waiting_sets += source.pending.len() as u64;
        }
        let drops = totals.sources.drops;
        totals.drops.merge(&drops);
        totals.drops.merge(&self.datagram_drops);
        totals
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values().map(|source| &**source)
    }

    fn datagram<O: Output>(
        &mut self,
        source: SocketAddr,
        received: Micros,
        payload: &[u8],
        out: &mut O,
    ) -> Option<Micros> {
        self.datagrams += 1;
        let by_port = self.settings.port_sensitive.iter().any(|net| net.contains(&source.ip().to_canonical()));
        let exporter = ExporterKey::of(source, by_port);
        let mut rest = payload;
        let mut latest = None;
        let mut dropped = payload.is_empty().then_some(DropReason::HeaderTruncated);
        while !rest.is_empty() {
            let mut header = match header(rest) {
                Ok(header) => header,
                Err(_) if latest.is_some() && is_padding(rest) => break,
                Err(reason) => {
                    dropped = Some(reason);
                    break;
                }
            };
            let skew = (received > 0).then(|| header.exported - received);
            header.exported = plausible_export(header.exported, received);
            let Some(consumed) = self.message(exporter, received, &header, rest, latest.is_none(), out) else {
                dropped = Some(DropReason::TooManyExporters);
                break;
            };
            if let (Some(_), Some(source)) = (skew, self.sources.get_mut(&(exporter, header.domain))) {
                source.clock_skew = skew;
            }
            latest = latest.max(Some(header.exported));
            rest = rest.get(consumed..).unwrap_or_default();
        }
        // What follows a message that was read is no datagram lost.
        let drops = if latest.is_some() { &mut self.drops } else { &mut self.datagram_drops };
        dropped.into_iter().for_each(|reason| drops.add(reason, 1));
        self.datagrams_used += u64::from(latest.is_some());
        latest
    }

    /// One message; how many octets it took, `None` when there is no room for another exporter.
    fn message<O: Output>(
        &mut self,
        exporter: ExporterKey,
        received: Micros,
        header: &Header,
        bytes: &[u8],
        first: bool,
        out: &mut O,
    ) -> Option<usize> {
        let now = if received > 0 { received } else { header.exported };
        let key = (exporter, header.domain);
        if !self.sources.contains_key(&key) && !self.admit(key, now) {
            return None;
        }
        let room = self.settings.max_pending_total.saturating_sub(self.waiting_bytes);
        let source = self.sources.get_mut(&key)?;
        source.counters.datagrams += u64::from(first);
        source.counters.messages += 1;
        source.protocols.add(header.version);
        if let Some(field) = header.sampling {
            source.sampling = v5_interval(field);
        }
        source.seen(now);
        let fields_before = source.templates.fields();
        let names_before = source.options.entries();
        let fields_room = self.settings.max_fields_total.saturating_sub(self.template_fields);
        let mut walk = Walk {
            source,
            settings: &self.settings,
            room,
            fields_room: fields_room + fields_before,
            waiting_change: 0,
            names_limit: if self.names < self.settings.max_names_total { self.settings.max_samplers } else { 0 },
            header,
            out,
        };
        let message = &bytes[..header.length.min(bytes.len())];
        let consumed = walk.message(message);
        let change = walk.waiting_change;
        let source = walk.source;
        source.counters.bytes += consumed as u64;
        self.template_fields = (self.template_fields + source.templates.fields()).saturating_sub(fields_before);
        self.names = (self.names + source.options.entries()).saturating_sub(names_before);
        self.waiting_bytes = self.waiting_bytes.saturating_add_signed(change);
        Some(consumed)
    }

    /// Makes a source, if there is room or room can be made.
    fn admit(&mut self, key: (ExporterKey, u32), now: Micros) -> bool {
        if self.sources.len() >= self.settings.max_exporters {
            if now - self.last_sweep < SWEEP {
                return false;
            }
            self.last_sweep = now;
            let (forgotten, waiting) = (&mut self.forgotten, &mut self.waiting_bytes);
            let (fields, changes) = (&mut self.template_fields, &mut self.forgotten_changes);
            self.sources.retain(|_, source| {
                let keep = source.proven() && now - source.last_seen < IDLE;
                if !keep {
                    *waiting -= source.pending.weight();
                    source.give_up_waiting();
                    *fields -= source.templates.fields();
                    *changes += source.changes() + 1;
                    forgotten.merge(&source.counters);
                }
                keep
            });
            if self.sources.len() >= self.settings.max_exporters {
                return false;
            }
        }
        let source = self.source(key, now);
        self.sources.insert(key, source);
        true
    }

    /// An empty source.
    fn source(&self, key: (ExporterKey, u32), now: Micros) -> Box<Source> {
        let sampling = configured(&self.settings.sampling, key.0.address);
        let templates = Templates::new(Arc::clone(&self.pool), self.lifetime);
        Box::new(Source::new(key.0, key.1, now, sampling, templates))
    }
}
