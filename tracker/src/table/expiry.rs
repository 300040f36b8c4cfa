//! Time: which sessions are over, and what happens when they are.

use crate::Micros;
use crate::outcome::EndReason;
use crate::settings::{Class, Profile};

use super::entry::{Entry, bit};
use super::judge::judge;
use super::lists::Rank;
use super::phase::Phase;
use super::record::record;
use super::tombstone::{Memory, Tombstone};
use super::{SessionTable, Sink};

const SECOND: Micros = 1_000_000;
/// Time-out of half-open and one-way sessions while the table is short of room.
pub(super) const HURRIED: Micros = 2 * SECOND;
/// How many sessions an emergency ends in one turn of the wheel.
const SWEEP: usize = 16_384;

impl SessionTable {
    /// Lets time pass: ends the sessions that have timed out, and makes interim records.
    pub fn advance(&mut self, now: Micros, sink: &mut dyn Sink) {
        self.now = self.now.max(now);
        if self.settings.profile == Profile::Zeek {
            self.run_timers(now, sink);
        } else if self.wheel.is_behind(now) {
            self.turn(now, sink);
        }
    }

    /// Ends every session: the input is over.
    pub fn finish(&mut self, sink: &mut dyn Sink) {
        for index in 0..self.entries.places() {
            if self.is_live(index) {
                let over = self.settings.profile == Profile::Standard && self.deadline(index) <= self.now;
                self.end(index, if over { EndReason::Idle } else { EndReason::Forced }, sink);
            }
        }
    }

    fn turn(&mut self, now: Micros, sink: &mut dyn Sink) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.turn(now, &mut due, &mut self.entries);
        for index in due.drain(..) {
            if self.deadline(index) <= now {
                self.end(index, EndReason::Idle, sink);
            } else {
                self.interim(index, now, sink);
                self.schedule(index);
            }
        }
        self.due = due;
        self.tombstones.expire(now);
        if self.emergency {
            self.sweep(now, sink);
        }
    }

    /// While short of room: ends what has been half-open or one-way for long, and sees whether it is over.
    fn sweep(&mut self, now: Micros, sink: &mut dyn Sink) {
        for rank in [Rank::HalfOpen, Rank::OneWay] {
            for _ in 0..SWEEP {
                let Some(index) = self.lists.victim(&mut self.entries, rank) else { break };
                let entry = &self.entries[index];
                if entry.last + self.hurried[entry.class as usize] > now {
                    break;
                }
                self.evict_one(index, rank, sink);
            }
        }
        let most = self.settings.max_sessions;
        self.emergency = self.entries.len() > most - most / 5;
    }

    /// When a session times out if no packet comes.
    pub(super) fn deadline(&self, index: u32) -> Micros {
        let entry = &self.entries[index];
        let mut timeout = self.timeouts[entry.class as usize];
        if self.settings.profile == Profile::Zeek {
            return entry.last + Self::idle_period(entry);
        }
        if entry.class == Class::TcpInitial && entry.phase == Phase::SynSent && entry.syn_count > 1 {
            // A SYN is sent again after twice the last pause (RFC 6298): until then the attempt is not over.
            let memory = self.settings.syn_memory.as_micros() as Micros;
            timeout = timeout.max(memory.min(2 * Micros::from(entry.syn_gap()) * SECOND + 2 * SECOND));
        }
        entry.last + timeout
    }

    /// Puts a session on the wheel for the next time that something may have to be done.
    pub(super) fn schedule(&mut self, index: u32) {
        let mut at = self.deadline(index);
        if let Some(period) = self.interim_period() {
            let entry = &self.entries[index];
            at = at.min(entry.start + period.saturating_mul(Micros::from(entry.turn) + 1));
        }
        self.wheel.insert(&mut self.entries, index, at);
    }

    fn interim_period(&self) -> Option<Micros> {
        self.settings.interim.map(|period| (period.as_micros() as Micros).max(SECOND))
    }

    /// Makes an interim record, if one is due and there is something to tell.
    fn interim(&mut self, index: u32, now: Micros, sink: &mut dyn Sink) {
        let Some(period) = self.interim_period() else { return };
        let entry = &mut self.entries[index];
        let periods = ((now - entry.start) / period).min(Micros::from(u16::MAX)) as u16;
        if periods <= entry.turn {
            return;
        }
        let before = entry.start + period * Micros::from(entry.turn);
        entry.turn = periods;
        if entry.last >= before {
            self.stats.interim += 1;
            self.emit(index, EndReason::Active, sink);
        }
    }

    fn emit(&self, index: u32, reason: EndReason, sink: &mut dyn Sink) {
        let entry = &self.entries[index];
        let cut = reason != EndReason::Idle;
        let extra = if entry.has(bit::EXTRA) { self.extras.get(&index) } else { None };
        sink.record(record(entry, extra, judge(entry, reason, cut), &self.settings, self.observer));
    }

    /// Ends a session: its one final record is made, and it may be remembered.
    pub(super) fn end(&mut self, index: u32, reason: EndReason, sink: &mut dyn Sink) {
        self.emit(index, reason, sink);
        self.stats.ended += 1;
        let hash = self.entries[index].key.hash(&self.hasher);
        if reason == EndReason::Idle {
            self.remember(index, hash);
        }
        self.wheel.remove(&mut self.entries, index);
        self.lists.remove(&mut self.entries, index);
        if let Ok(found) = self.index.find_entry(hash, |&other| other == index) {
            found.remove();
        }
        let entry = &mut self.entries[index];
        entry.flags &= !bit::LIVE;
        if entry.has(bit::EXTRA) {
            self.extras.remove(&index);
        }
        self.entries.remove(index);
    }

    fn remember(&mut self, index: u32, hash: u64) {
        let entry = &self.entries[index];
        let Some(memory) = memory(entry) else { return };
        let span = match memory {
            Memory::Unanswered => self.settings.syn_memory,
            Memory::Closed => self.settings.closed_memory,
        };
        self.tombstones.insert(Tombstone {
            hash,
            start: entry.start,
            until: entry.last + span.as_micros() as Micros,
            isn: entry.ends[0].start,
            syn_count: entry.syn_count,
            memory,
        });
    }
}

/// Whether, and as what, an ended session is remembered.
fn memory(entry: &Entry) -> Option<Memory> {
    match entry.phase {
        _ if !entry.is_tcp() || entry.has(bit::REJECTED) => None,
        Phase::SynSent if entry.packets[1] == 0 => Some(Memory::Unanswered),
        phase if phase.is_final() => Some(Memory::Closed),
        _ => None,
    }
}
