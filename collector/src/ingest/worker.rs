//! A decode worker: what arrives in, flow records out, and what others may see of it.
//!
//! Owns the decoders of its exporters; must not know transports.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracker::Micros;

use super::Clock;
use super::keeper::Slot;
use super::sessions::Sessions;
use crate::enrich::InterfaceNames;
use crate::exporters::{ExporterStats, decoder_stats};
use crate::netflow::state::SourceState;
use crate::netflow::{Decoder, DecoderSettings, DecoderTotals, ExporterKey, FlowRecord};
use crate::receive::{Arrival, Queue};

/// How long to wait for work before looking after deadlines.
const PATIENCE: Duration = Duration::from_millis(100);
/// Views are renewed this often, and what is to be kept is handed over.
const PUBLISH: Micros = 250_000;
/// What has waited too long is given up this often.
const TICK: Micros = 2_000_000;
/// What takes its time is done so rarely that it takes at most this part of all time.
const PART: i64 = 50;
/// State is handed over this often even when nothing but times have changed.
const RENEW: Micros = 600_000_000;
/// Flow records handed on at once.
const BLOCK: usize = 8_192;

/// What others see of a worker.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) stats: Vec<(ExporterKey, ExporterStats)>,
    pub(super) totals: DecoderTotals,
}

/// What a worker is joined with.
#[derive(Clone)]
pub(super) struct Links {
    pub(super) queue: Arc<Queue<Arrival>>,
    pub(super) flows: Arc<Queue<Vec<FlowRecord>>>,
    pub(super) clock: Clock,
    pub(super) view: Arc<Mutex<View>>,
    /// Where its state goes to be kept.
    pub(super) slot: Slot,
    pub(super) names: Arc<InterfaceNames>,
}

/// Decodes what arrives.
pub(super) struct Worker {
    links: Links,
    decoder: Decoder,
    sessions: Sessions,
    published: Micros,
    ticked: Micros,
    /// Not before this time are statistics of exporters made again.
    stats_at: Micros,
    /// Changes of the state that was handed over, when, and when it may be again.
    kept: (u64, Micros, Micros),
    /// Changes of the names that were handed over.
    named: u64,
}

impl Worker {
    /// A worker that goes on with what an earlier process knew.
    pub(super) fn new(settings: DecoderSettings, links: Links, known: Vec<SourceState>) -> Self {
        let sessions = Sessions::new(&settings);
        let mut decoder = Decoder::new(settings);
        decoder.restore(known);
        Self { links, decoder, sessions, published: 0, ticked: 0, stats_at: 0, kept: (0, 0, 0), named: u64::MAX }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let queue = Arc::clone(&self.links.queue);
        let mut arrivals = Vec::new();
        while queue.take_all(PATIENCE, &mut arrivals).is_ok() {
            let mut flows = Vec::new();
            for arrival in arrivals.drain(..) {
                self.take(arrival, &mut flows);
                if flows.len() >= BLOCK {
                    self.links.flows.push(std::mem::take(&mut flows));
                }
            }
            if !flows.is_empty() {
                self.links.flows.push(flows);
            }
            let now = (self.links.clock)();
            if now - self.published >= PUBLISH {
                self.published = now;
                if now - self.ticked >= TICK {
                    self.ticked = now;
                    self.decoder.tick(now);
                    self.sessions.tick(now);
                }
                self.publish(now);
            }
        }
        self.decoder.finish();
        self.sessions.finish();
        (self.stats_at, self.kept.1, self.kept.2) = (Micros::MIN, Micros::MIN, Micros::MIN);
        self.publish((self.links.clock)());
    }

    fn take(&mut self, arrival: Arrival, flows: &mut Vec<FlowRecord>) {
        match arrival {
            Arrival::Datagram(datagram) => {
                self.decoder.decode(datagram.source, datagram.received, &datagram.payload, flows);
            }
            Arrival::Message(session, message) => self.sessions.decode(session, &message, flows),
            Arrival::Ended(session) => self.sessions.end(session, (self.links.clock)()),
        }
    }

    fn publish(&mut self, now: Micros) {
        let mut totals = self.decoder.totals();
        totals.merge(&self.sessions.totals());
        let stats = (now >= self.stats_at).then(|| {
            let began = Instant::now();
            let mut stats = decoder_stats(&self.decoder, now);
            stats.extend(self.sessions.stats(now));
            self.stats_at = now + pause(began);
            stats
        });
        {
            // The view is replaced as a whole, so a panicked writer leaves the former one.
            let mut view = self.links.view.lock().unwrap_or_else(PoisonError::into_inner);
            view.totals = totals;
            if let Some(stats) = stats {
                view.stats = stats;
            }
        }
        self.name();
        self.keep(now);
    }

    /// Hands over names of interfaces when there are new ones.
    fn name(&mut self) {
        let decoders = || self.sessions.decoders().chain([&self.decoder]);
        let named = decoders().map(Decoder::names_learnt).sum();
        if named != self.named {
            let all = decoders().flat_map(Decoder::interface_names);
            self.links.names.learn(all.map(|(exporter, index, name)| (exporter.to_string(), index, name)));
            self.named = named;
        }
    }

    /// Hands over what is to outlive the process, when it has changed or its times have become old.
    fn keep(&mut self, now: Micros) {
        let (changes, at, not_before) = self.kept;
        let changed = self.decoder.changes();
        if now < not_before || (changed == changes && now.saturating_sub(at) < RENEW) {
            return;
        }
        let began = Instant::now();
        let state = self.decoder.state();
        if !state.is_empty() || changes > 0 {
            *self.links.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
        }
        self.kept = (changed, now, now + pause(began));
    }
}

/// How long to leave alone what has just been done, in microseconds.
fn pause(began: Instant) -> Micros {
    Micros::try_from(began.elapsed().as_micros()).unwrap_or(Micros::MAX / PART).saturating_mul(PART)
}
