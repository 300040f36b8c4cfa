//! Stitching: flow records of both directions and all exporters to one session record.
//!
//! Owns which records are one session, when it is over, and the memory this takes; must not know how records are decoded
//! or where sessions go. Sans-IO: time comes in as an argument.

mod capability;
mod due;
mod exporters;
mod half;
mod handout;
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

use foldhash::quality::RandomState;
use tracker::Micros;
use tracker::outcome::EndReason;
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
use tombstone::{Late, Memory, Stone, Tombstones};

use crate::netflow::flow::flag::{FIN, RST};
use crate::netflow::{FirewallEvent, FlowRecord};

const TCP: u8 = 6;
/// Records and sessions that are looked at together. Nearly all of a stitcher's time is waiting for memory that nobody has
/// used for seconds: what a block needs is touched first, so that the waits overlap.
const AHEAD: usize = 32;
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

/// A record, and what leads to its session.
struct Sighting<'a> {
    flow: &'a FlowRecord,
    key: TupleKey,
    direction: Direction,
    /// Of the key.
    hash: u64,
    exporter: u32,
}

/// Room for the block that is being looked at.
#[derive(Debug, Default)]
struct Work {
    parts: Vec<(TupleKey, Direction, u64)>,
    entries: Vec<(Micros, Slot)>,
    stones: Vec<(u64, Stone)>,
    /// What is still to be handed out at the end, the earliest last.
    last: Vec<(Micros, Slot)>,
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
    work: Work,
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
            work: Work::default(),
            settings,
        }
    }

    /// Takes records. `now` is the time of arrival live, and the export time when files are read.
    pub fn on_flows(&mut self, flows: &[FlowRecord], now: Micros, out: &mut Vec<SessionRecord>) {
        let mut parts = std::mem::take(&mut self.work.parts);
        for block in flows.chunks(AHEAD) {
            parts.clear();
            parts.extend(block.iter().map(|flow| {
                let (key, direction) = TupleKey::of(flow);
                (key, direction, self.seed.hash_one(key))
            }));
            self.index.prepare(parts.iter().map(|&(_, _, hash)| hash));
            for (flow, &(key, direction, hash)) in block.iter().zip(&parts) {
                let exporter = self.exporters.of(flow, &self.settings.capabilities);
                self.on_flow(&Sighting { flow, key, direction, hash, exporter }, now, out);
            }
            self.forget(now);
        }
        self.work.parts = parts;
    }

    fn on_flow(&mut self, sighting: &Sighting<'_>, now: Micros, out: &mut Vec<SessionRecord>) {
        let &Sighting { flow, key, hash, exporter, .. } = sighting;
        self.counters.flows += 1;
        if matches!(flow.firewall, Some(FirewallEvent::Created | FirewallEvent::Alert)) {
            self.counters.ignored_events += 1;
            return;
        }
        let known = self.index.get(hash);
        if let Some(slot) = known.and_then(|known| self.find(known, sighting)) {
            self.counters.joined += 1;
            self.update(slot, sighting, now, out);
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
        self.update(slot, sighting, now, out);
    }

    /// When [`expire`](Self::expire) has something to do next, at the earliest.
    pub fn next_deadline(&self) -> Option<Micros> {
        self.due.first().map(|(at, _)| at)
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
    fn find(&self, known: Known, sighting: &Sighting<'_>) -> Option<Slot> {
        let &Sighting { flow, key, direction, exporter, .. } = sighting;
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
            let distance = (flow.start - session.last()).max(session.first() - flow.end).max(0);
            if session.key == key
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

    fn update(&mut self, slot: Slot, sighting: &Sighting<'_>, now: Micros, out: &mut Vec<SessionRecord>) {
        let (hold, active, settle) = (self.hold, self.active.max(self.hold), self.settle);
        let emit_certain = self.settings.emit_certain;
        let Some(session) = self.held.get_mut(slot) else { return };
        session.merge(sighting.flow, sighting.direction, sighting.exporter);
        let (mut wait, mut length) = if session.goes_on { (Wait::Active, active) } else { (Wait::Hold, hold) };
        if emit_certain && is_certain(session) {
            (wait, length) = (Wait::Settle, settle);
        }
        let deadline = now + length;
        if wait == Wait::Settle && (settle == 0 || !self.exporters.several()) {
            self.emit(slot, sighting.hash, EndReason::Closed, now, out);
            return;
        }
        // Otherwise an entry of this time is among those due already.
        if session.deadline != deadline {
            session.deadline = self.due.push(wait, deadline, slot);
            let held = &self.held;
            self.due.tidy(|at, slot| held.get(slot).is_some_and(|session| session.deadline == at));
        }
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
    if session.biflow_source().is_some() && (session.over || (session.key.proto == TCP && session.terminated())) {
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
