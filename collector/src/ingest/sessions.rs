//! Transport sessions of one worker: a decoder each, because their templates live and die with them (RFC 7011 section 8).
//!
//! Owns these decoders and what is left of them in the counts; must not know connections.

use std::net::SocketAddr;

use hashbrown::HashMap;
use tracker::Micros;

use crate::exporters::{ExporterStats, decoder_stats};
use crate::netflow::{Decoder, DecoderSettings, DecoderTotals, ExporterKey, FlowRecord};
use crate::receive::Datagram;

/// Sessions that share the bounds on memory of one decoder.
const SHARE: usize = 256;

/// The open sessions, and the sums of those that are over.
#[derive(Debug)]
pub(super) struct Sessions {
    settings: DecoderSettings,
    open: HashMap<u64, Decoder>,
    ended: DecoderTotals,
    past: HashMap<(ExporterKey, u32), ExporterStats>,
}

impl Sessions {
    /// No session yet. Each has a part of what these settings allow.
    pub(super) fn new(settings: &DecoderSettings) -> Self {
        let settings = DecoderSettings {
            // The port of a connection is another one each time.
            port_sensitive: Vec::new(),
            max_exporters: settings.max_exporters.div_ceil(SHARE),
            max_fields_total: settings.max_fields_total / SHARE,
            max_pending_total: settings.max_pending_total / SHARE,
            ..settings.clone()
        };
        Self { settings, open: HashMap::new(), ended: DecoderTotals::default(), past: HashMap::new() }
    }

    /// Decodes a message of a session.
    pub(super) fn decode(&mut self, session: u64, message: &Datagram, flows: &mut Vec<FlowRecord>) {
        let decoder = self.open.entry(session).or_insert_with(|| Decoder::new(self.settings.clone()));
        // The port says nothing of who it is.
        let source = SocketAddr::new(message.source.ip(), 0);
        decoder.decode(source, message.received, &message.payload, flows);
    }

    /// Forgets the templates of a session; its counts stay.
    pub(super) fn end(&mut self, session: u64, now: Micros) {
        let Some(mut decoder) = self.open.remove(&session) else { return };
        decoder.finish();
        self.ended.merge(&decoder.totals());
        for (key, mut stats) in decoder_stats(&decoder, now) {
            stats.templates = 0;
            let full = self.past.len() >= self.settings.max_exporters * SHARE;
            match self.past.get_mut(&(key, stats.domain)) {
                Some(past) => past.merge(&stats),
                None if full => {}
                None => {
                    self.past.insert((key, stats.domain), stats);
                }
            }
        }
    }

    /// Gives up what has waited too long.
    pub(super) fn tick(&mut self, now: Micros) {
        self.open.values_mut().for_each(|decoder| decoder.tick(now));
    }

    /// Gives up everything that waits.
    pub(super) fn finish(&mut self) {
        self.open.values_mut().for_each(Decoder::finish);
    }

    /// Totals over all sessions.
    pub(super) fn totals(&self) -> DecoderTotals {
        let mut totals = self.ended;
        self.open.values().for_each(|decoder| totals.merge(&decoder.totals()));
        totals
    }

    /// Statistics of every exporter, by session.
    pub(super) fn stats(&self, now: Micros) -> impl Iterator<Item = (ExporterKey, ExporterStats)> {
        let open = self.open.values().flat_map(move |decoder| decoder_stats(decoder, now));
        let past = self.past.iter().map(|(key, stats)| (key.0, stats.clone()));
        open.chain(past)
    }

    /// The decoders of the open sessions.
    pub(super) fn decoders(&self) -> impl Iterator<Item = &Decoder> {
        self.open.values()
    }
}
