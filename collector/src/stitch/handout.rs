//! Handing sessions out: when they are due, for lack of room, and at the end; and forgetting those handed out long ago.
//!
//! Must not know how records become sessions.

use std::hash::BuildHasher;

use tracker::Micros;
use tracker::outcome::{EndReason, OutcomeClass};
use tracker::record::SessionRecord;

use super::held::Slot;
use super::session::Session;
use super::{AHEAD, Stitcher, TCP, record};

/// Blocks that are handed out at once.
const BLOCKS: usize = 8;

impl Stitcher {
    /// Hands out every session whose time has come.
    pub fn expire(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
        while self.expire_some(now, out) {}
    }

    /// Hands out some of the sessions whose time has come: few enough that they are still near when they are stored.
    /// Returns whether there may be more.
    pub fn expire_some(&mut self, now: Micros, out: &mut Vec<SessionRecord>) -> bool {
        let mut entries = std::mem::take(&mut self.work.entries);
        for _ in 0..BLOCKS {
            entries.clear();
            entries.extend(std::iter::from_fn(|| self.due.pop_due(now)).take(AHEAD));
            let held = || entries.iter().filter_map(|&(_, slot)| self.held.get(slot));
            held().for_each(Session::touch);
            self.work.hashes.clear();
            self.work.hashes.extend(held().map(|session| self.seed.hash_one(session.key)));
            self.index.prepare(self.work.hashes.iter().copied());
            for &(at, slot) in &entries {
                if self.is_due(at, slot) {
                    self.emit(slot, EndReason::Idle, now, out);
                }
            }
            self.forget(now);
            if entries.len() < AHEAD {
                break;
            }
        }
        let more = entries.len() == AHEAD;
        self.work.entries = entries;
        more
    }

    /// Hands out everything, in order of the sessions' last packets.
    pub fn finish(&mut self, out: &mut Vec<SessionRecord>) {
        while self.finish_some(out) {}
    }

    /// Hands out some of everything, as [`expire_some`](Self::expire_some) does of what is due. No records may come between
    /// one call and the next. Returns whether there is more.
    pub fn finish_some(&mut self, out: &mut Vec<SessionRecord>) -> bool {
        let mut last = std::mem::take(&mut self.work.last);
        if last.is_empty() {
            self.due.clear();
            last.extend(self.held.iter().map(|(slot, session)| (session.last(), slot)));
            last.sort_unstable_by(|a, b| b.cmp(a));
        }
        let rest = last.len().saturating_sub(AHEAD * BLOCKS);
        for block in last[rest..].rchunks(AHEAD) {
            block.iter().filter_map(|&(_, slot)| self.held.get(slot)).for_each(Session::touch);
            for &(at, slot) in block.iter().rev() {
                self.emit(slot, EndReason::Forced, at, out);
            }
            self.forget(block[0].0);
        }
        last.truncate(rest);
        self.work.last = last;
        rest > 0
    }

    /// Whether an entry is for the present deadline of a session that is still held.
    fn is_due(&self, at: Micros, slot: Slot) -> bool {
        self.held.get(slot).is_some_and(|session| session.deadline <= at)
    }

    /// Makes room: hands out the session that would be due first.
    pub(super) fn evict(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
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
    pub(super) fn forget(&mut self, now: Micros) {
        let stones = &mut self.work.stones;
        loop {
            stones.clear();
            self.tombstones.pop_due(now, AHEAD, stones);
            self.index.prepare(stones.iter().map(|&(hash, _)| hash));
            for &(hash, stone) in &*stones {
                self.index.forget(hash, stone);
            }
            if stones.len() < AHEAD {
                break;
            }
        }
    }

    pub(super) fn emit(&mut self, slot: Slot, reason: EndReason, now: Micros, out: &mut Vec<SessionRecord>) {
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
    }
}
