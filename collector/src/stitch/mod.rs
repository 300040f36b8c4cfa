//! Stitching: flow records of both directions and all exporters to one session record.
//!
//! Owns which records are one session, when it is over, and the memory this takes; must not know how records are decoded
//! or where sessions go. Sans-IO: time comes in as an argument.

mod capability;
mod due;
mod exporters;
mod held;
mod index;
mod key;
mod outcome;
mod record;
mod session;
mod settings;
mod sides;
mod tombstone;

use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::RandomState;
use tracker::Micros;
use tracker::outcome::{EndReason, OutcomeClass};
use tracker::record::SessionRecord;

pub use capability::Capability;
use due::{Due, Wait};
pub use exporters::ExporterQuality;
use exporters::Exporters;
use held::{Held, Slot};
use index::{Index, Known};
use key::{Direction, TupleKey};
use session::Session;
pub use settings::{ServiceRule, StitchSettings};
use tombstone::{Late, Memory, Tombstones};

use crate::netflow::flow::flag::{FIN, RST};
use crate::netflow::{FirewallEvent, FlowRecord};

const TCP: u8 = 6;
/// Sessions with one 5-tuple that are looked through for a record.
const MAX_CHAIN: usize = 8;

/// What became of flow records and sessions. `flows` = `joined` + `opened` + the ignored ones; `opened` = `emitted` +
/// held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StitchCounters {
    /// Flow records taken.
    pub flows: u64,
    /// Records that joined a session already known.
    pub joined: u64,
    /// Records that opened a session.
    pub opened: u64,
    /// Firewall events that say nothing of the outcome (created, alert).
    pub ignored_events: u64,
    /// Records of sessions that had been handed out already.
    pub ignored_late: u64,
    /// SYN retransmits of attempts that had been handed out already.
    pub ignored_retransmits: u64,
    /// Continuations of sessions that had been handed out already.
    pub ignored_continuations: u64,
    /// Sessions handed out.
    pub emitted: u64,
    /// Of these, sessions handed out early for lack of room.
    pub evicted: u64,
    /// Sessions held now.
    pub held: u64,
}

impl StitchCounters {
    /// Records that neither opened nor joined a session.
    pub fn ignored(&self) -> u64 {
        self.ignored_events + self.ignored_late + self.ignored_retransmits + self.ignored_continuations
    }
}

/// Makes sessions of flow records.
#[derive(Debug)]
pub struct Stitcher {
    settings: StitchSettings,
    hold: Micros,
    retransmit: Micros,
    active: Micros,
    settle: Micros,
    exporters: Exporters,
    seed: RandomState,
    index: Index,
    held: Held,
    due: Due,
    tombstones: Tombstones,
    counters: StitchCounters,
}

fn micros(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

impl Stitcher {
    /// An empty stitcher.
    pub fn new(settings: StitchSettings) -> Self {
        let hold = micros(settings.hold);
        let (retransmit, active) = (micros(settings.retransmit), micros(settings.active_timeout));
        Self {
            hold,
            retransmit,
            active,
            settle: micros(settings.settle),
            exporters: Exporters::default(),
            seed: RandomState::default(),
            index: Index::default(),
            held: Held::default(),
            due: Due::default(),
            tombstones: Tombstones::new(settings.max_sessions, Memory { hold, retransmit, active }),
            counters: StitchCounters::default(),
            settings,
        }
    }

    /// Takes one record. `now` is the time of arrival live, and the export time when files are read.
    pub fn on_flow(&mut self, flow: &FlowRecord, now: Micros, out: &mut Vec<SessionRecord>) {
        self.counters.flows += 1;
        let exporter = self.exporters.of(flow, &self.settings.capabilities);
        if matches!(flow.firewall, Some(FirewallEvent::Created | FirewallEvent::Alert)) {
            self.counters.ignored_events += 1;
            return;
        }
        let (key, direction) = TupleKey::of(flow);
        let hash = self.seed.hash_one(key);
        let known = self.index.get(hash);
        if let Some(slot) = known.and_then(|known| self.find(known, &key, flow, direction, exporter)) {
            self.counters.joined += 1;
            self.update(slot, flow, direction, exporter, now, out);
            return;
        }
        let stone = known.and_then(|known| known.stone);
        if let Some(late) = stone.and_then(|stone| self.tombstones.swallows(stone, flow, now)) {
            match late {
                Late::Record => self.counters.ignored_late += 1,
                Late::Retransmit => self.counters.ignored_retransmits += 1,
                Late::Continuation => self.counters.ignored_continuations += 1,
            }
            return;
        }
        if self.len() >= self.settings.max_sessions {
            self.evict(now, out);
        }
        self.counters.opened += 1;
        let slot = self.held.add(Session::new(key, flow, exporter));
        let next = self.index.hold(hash, slot);
        if let Some(session) = self.held.get_mut(slot) {
            session.next = next;
        }
        self.update(slot, flow, direction, exporter, now, out);
    }

    /// Hands out every session whose time has come.
    pub fn expire(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
        while let Some((at, slot)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.pop();
            if self.is_due(at, slot) {
                self.emit(slot, EndReason::Idle, now, out);
            }
        }
        self.forget(now);
    }

    /// Hands out everything, in order of the sessions' last packets.
    pub fn finish(&mut self, out: &mut Vec<SessionRecord>) {
        let mut open: Vec<(Micros, TupleKey, Slot)> =
            self.held.iter().map(|(slot, session)| (session.last, session.key, slot)).collect();
        open.sort_unstable();
        for (last, _, slot) in open {
            self.emit(slot, EndReason::Forced, last, out);
        }
        self.due.clear();
    }

    /// When [`expire`](Self::expire) has something to do next, at the earliest.
    pub fn next_deadline(&self) -> Option<Micros> {
        self.due.first().map(|(at, _)| at)
    }

    /// Whether an entry is for the present deadline of a session that is still held.
    fn is_due(&self, at: Micros, slot: Slot) -> bool {
        self.held.get(slot).is_some_and(|session| session.deadline <= at)
    }

    /// Sessions held.
    pub fn len(&self) -> usize {
        (self.counters.opened - self.counters.emitted) as usize
    }

    /// Whether no session is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What became of records and sessions so far.
    pub fn counters(&self) -> StitchCounters {
        StitchCounters { held: self.len() as u64, ..self.counters }
    }

    /// What is known of each exporter.
    pub fn exporters(&self) -> Vec<ExporterQuality> {
        self.exporters.qualities()
    }

    /// The session that a record belongs to.
    fn find(
        &self,
        known: Known,
        key: &TupleKey,
        flow: &FlowRecord,
        direction: Direction,
        exporter: u32,
    ) -> Option<Slot> {
        let mut at = known.newest;
        let mut best: Option<(Micros, Slot)> = None;
        for _ in 0..MAX_CHAIN {
            let Some(slot) = at else { break };
            let session = self.held.get(slot)?;
            at = session.next;
            let reach = if session.goes_on {
                self.active.max(self.hold)
            } else if session.only_attempts() {
                self.retransmit.max(self.hold)
            } else {
                self.hold
            };
            let distance = (flow.start - session.last).max(session.first - flow.end).max(0);
            if session.key == *key
                && distance <= reach
                && !session.precedes(flow, direction, exporter)
                && session.same_network(flow, direction, exporter)
                && best.is_none_or(|(least, _)| distance < least)
            {
                best = Some((distance, slot));
            }
        }
        best.map(|(_, slot)| slot)
    }

    fn update(
        &mut self,
        slot: Slot,
        flow: &FlowRecord,
        direction: Direction,
        exporter: u32,
        now: Micros,
        out: &mut Vec<SessionRecord>,
    ) {
        let (hold, active, settle) = (self.hold, self.active.max(self.hold), self.settle);
        let emit_certain = self.settings.emit_certain;
        let Some(session) = self.held.get_mut(slot) else { return };
        session.merge(flow, direction, exporter);
        let (mut wait, mut length) = if session.goes_on { (Wait::Active, active) } else { (Wait::Hold, hold) };
        if emit_certain && is_certain(session) {
            (wait, length) = (Wait::Settle, settle);
        }
        let deadline = now + length;
        // An entry of this time is among those due already.
        let waits = std::mem::replace(&mut session.deadline, deadline) == deadline;
        if wait == Wait::Settle && (settle == 0 || !self.exporters.several()) {
            self.emit(slot, EndReason::Closed, now, out);
            return;
        }
        if waits {
            return;
        }
        self.due.push(wait, deadline, slot);
        let held = &self.held;
        self.due.tidy(self.counters.opened.abs_diff(self.counters.emitted) as usize, |at, slot| {
            held.get(slot).is_some_and(|session| session.deadline <= at)
        });
    }

    /// Makes room: hands out the session that would be due first.
    fn evict(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
        while let Some((at, slot)) = self.due.pop() {
            if self.is_due(at, slot) {
                self.counters.evicted += 1;
                self.emit(slot, EndReason::Resources, now, out);
                return;
            }
        }
    }

    /// Takes a session out of the chain that leads from another one to it.
    fn unlink(&mut self, newest: Slot, slot: Slot, next: Option<Slot>) {
        let mut at = Some(newest);
        while let Some(session) = at.and_then(|at| self.held.get_mut(at)) {
            if session.next == Some(slot) {
                session.next = next;
                return;
            }
            at = session.next;
        }
    }

    /// Forgets sessions that were handed out long ago, or are too many.
    fn forget(&mut self, now: Micros) {
        while let Some((hash, stone)) = self.tombstones.pop_due(now) {
            self.index.forget(hash, stone);
        }
    }

    fn emit(&mut self, slot: Slot, reason: EndReason, now: Micros, out: &mut Vec<SessionRecord>) {
        let Some(session) = self.held.get(slot) else { return };
        let next = session.next;
        let hash = self.seed.hash_one(session.key);
        let record = record::record(session, reason, &self.exporters, &self.settings);
        if session.key.proto == TCP {
            let classified = record.outcome.class() != OutcomeClass::Indeterminate;
            for exporter in session.exporters() {
                self.exporters.count(exporter, classified);
            }
        }
        let stone = self.tombstones.bury(hash, session, &record, now);
        out.push(record);
        if let Some(newest) = self.index.release(hash, slot, next, stone) {
            self.unlink(newest, slot, next);
        }
        self.held.remove(slot);
        self.counters.emitted += 1;
        self.forget(now);
    }
}

/// Whether further records cannot change the outcome.
fn is_certain(session: &Session) -> bool {
    if matches!(session.firewall, Some(FirewallEvent::Denied | FirewallEvent::Deleted)) {
        return session.nsel || session.firewall == Some(FirewallEvent::Denied);
    }
    if session.goes_on || session.nsel {
        return false;
    }
    if session.biflow_source.is_some() && (session.over || (session.key.proto == TCP && session.terminated())) {
        return true;
    }
    let (Some(low), Some(high)) = (&session.halves[0], &session.halves[1]) else { return false };
    if session.key.proto != TCP {
        return false;
    }
    let flags_known = low.flags.is_some() && high.flags.is_some();
    let reset = low.has(RST) || high.has(RST);
    let finished = low.has(FIN) && high.has(FIN);
    (flags_known && (reset || finished)) || (low.detected && high.detected)
}

#[cfg(test)]
mod tests;
