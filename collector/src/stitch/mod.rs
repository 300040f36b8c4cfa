//! Stitching: flow records of both directions and all exporters to one session record.
//!
//! Owns which records are one session, when it is over, and the memory this takes; must not know how records are decoded
//! or where sessions go. Sans-IO: time comes in as an argument.

mod capability;
mod exporters;
mod key;
mod outcome;
mod record;
mod session;
mod settings;
mod sides;
mod tombstone;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use tracker::Micros;
use tracker::outcome::{EndReason, OutcomeClass};
use tracker::record::SessionRecord;

pub use capability::Capability;
pub use exporters::ExporterQuality;
use exporters::Exporters;
use key::{Direction, TupleKey};
use session::Session;
pub use settings::{ServiceRule, StitchSettings};
use tombstone::{Late, Tombstones};

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
    /// First session of each key.
    heads: HashMap<TupleKey, usize>,
    slots: Vec<Option<Session>>,
    free: Vec<usize>,
    /// How often each slot was used: tells entries of `due` for a former session.
    uses: Vec<u32>,
    /// Deadlines, by slot and use; an entry may be earlier than its session's deadline, and is then entered again.
    due: BinaryHeap<Reverse<(Micros, usize, u32)>>,
    tombstones: Tombstones,
    counters: StitchCounters,
}

fn micros(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

impl Stitcher {
    /// An empty stitcher.
    pub fn new(settings: StitchSettings) -> Self {
        Self {
            hold: micros(settings.hold),
            retransmit: micros(settings.retransmit),
            active: micros(settings.active_timeout),
            settle: micros(settings.settle),
            exporters: Exporters::default(),
            heads: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            uses: Vec::new(),
            due: BinaryHeap::new(),
            tombstones: Tombstones::new(settings.max_sessions),
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
        if let Some(slot) = self.find(&key, flow, direction, exporter) {
            self.counters.joined += 1;
            self.update(slot, flow, direction, exporter, now, out);
            return;
        }
        if let Some(late) = self.tombstones.swallows(&key, flow, now, self.hold, self.retransmit) {
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
        let slot = self.insert(Session::new(key, flow), now);
        self.update(slot, flow, direction, exporter, now, out);
    }

    /// Hands out every session whose time has come.
    pub fn expire(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
        while let Some(&Reverse((at, slot, used))) = self.due.peek() {
            if at > now {
                break;
            }
            self.due.pop();
            match self.due_session(slot, used) {
                Some(deadline) if deadline > now => self.due.push(Reverse((deadline, slot, used))),
                Some(_) => self.emit(slot, EndReason::Idle, now, out),
                None => {}
            }
        }
        self.tombstones.expire(now);
    }

    /// Hands out everything, in order of the sessions' last packets.
    pub fn finish(&mut self, out: &mut Vec<SessionRecord>) {
        let mut open: Vec<(Micros, TupleKey, usize)> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, session)| session.as_ref().map(|session| (session.last, session.key, slot)))
            .collect();
        open.sort_unstable();
        for (last, _, slot) in open {
            self.emit(slot, EndReason::Forced, last, out);
        }
        self.due.clear();
        self.free = (0..self.slots.len()).collect();
    }

    /// When [`expire`](Self::expire) has something to do next, at the earliest.
    pub fn next_deadline(&self) -> Option<Micros> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }

    /// Deadline of the session that an entry of `due` was made for, `None` when it is gone.
    fn due_session(&self, slot: usize, used: u32) -> Option<Micros> {
        let session = self.slots.get(slot)?.as_ref()?;
        (self.uses.get(slot) == Some(&used)).then_some(session.deadline)
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
    fn find(&self, key: &TupleKey, flow: &FlowRecord, direction: Direction, exporter: u32) -> Option<usize> {
        let mut at = self.heads.get(key).copied();
        let mut best: Option<(Micros, usize)> = None;
        for _ in 0..MAX_CHAIN {
            let Some(slot) = at else { break };
            let session = self.slots.get(slot)?.as_ref()?;
            at = session.next;
            let reach = if session.goes_on {
                self.active.max(self.hold)
            } else if session.only_attempts() {
                self.retransmit.max(self.hold)
            } else {
                self.hold
            };
            let distance = (flow.start - session.last).max(session.first - flow.end).max(0);
            if distance <= reach
                && !session.precedes(flow, direction, exporter)
                && session.same_network(flow, direction, exporter)
                && best.is_none_or(|(least, _)| distance < least)
            {
                best = Some((distance, slot));
            }
        }
        best.map(|(_, slot)| slot)
    }

    fn insert(&mut self, mut session: Session, now: Micros) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.uses.push(0);
            self.slots.len() - 1
        });
        self.uses[slot] = self.uses[slot].wrapping_add(1);
        session.deadline = now + self.hold;
        match self.heads.entry(session.key) {
            Entry::Occupied(mut head) => session.next = Some(head.insert(slot)),
            Entry::Vacant(empty) => {
                empty.insert(slot);
            }
        }
        self.due.push(Reverse((session.deadline, slot, self.uses[slot])));
        self.slots[slot] = Some(session);
        slot
    }

    fn update(
        &mut self,
        slot: usize,
        flow: &FlowRecord,
        direction: Direction,
        exporter: u32,
        now: Micros,
        out: &mut Vec<SessionRecord>,
    ) {
        let Some(session) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        session.merge(flow, direction, exporter);
        let wait = if session.goes_on { self.active.max(self.hold) } else { self.hold };
        let deadline = now + wait;
        if deadline < session.deadline {
            self.due.push(Reverse((deadline, slot, self.uses[slot])));
        }
        session.deadline = deadline;
        if self.settings.emit_certain && is_certain(session) {
            if !self.exporters.several() || self.settle == 0 {
                self.emit(slot, EndReason::Closed, now, out);
                return;
            }
            session.deadline = now + self.settle;
            self.due.push(Reverse((session.deadline, slot, self.uses[slot])));
        }
    }

    /// Makes room: hands out the session that would be due first.
    fn evict(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
        while let Some(Reverse((at, slot, used))) = self.due.pop() {
            match self.due_session(slot, used) {
                // It has had records since this entry was made.
                Some(deadline) if deadline > at => self.due.push(Reverse((deadline, slot, used))),
                Some(_) => {
                    self.counters.evicted += 1;
                    self.emit(slot, EndReason::Resources, now, out);
                    return;
                }
                None => {}
            }
        }
    }

    fn unlink(&mut self, key: TupleKey, slot: usize, next: Option<usize>) {
        let Some(&head) = self.heads.get(&key) else { return };
        if head == slot {
            match next {
                Some(next) => self.heads.insert(key, next),
                None => self.heads.remove(&key),
            };
            return;
        }
        let mut at = Some(head);
        while let Some(index) = at {
            let Some(session) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
            if session.next == Some(slot) {
                session.next = next;
                return;
            }
            at = session.next;
        }
    }

    fn emit(&mut self, slot: usize, reason: EndReason, now: Micros, out: &mut Vec<SessionRecord>) {
        let Some(session) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.unlink(session.key, slot, session.next);
        self.free.push(slot);
        self.counters.emitted += 1;
        let record = record::record(&session, reason, &self.exporters, &self.settings);
        if session.key.proto == TCP {
            let classified = record.outcome.class() != OutcomeClass::Indeterminate;
            for &exporter in &session.exporters {
                self.exporters.count(exporter, classified);
            }
        }
        self.tombstones.bury(&session, &record, now, self.hold, self.retransmit, self.active);
        out.push(record);
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
