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
            let hashes = self.approach(&entries);
            for (&(at, slot), hash) in entries.iter().zip(hashes) {
                if self.present(at, slot).is_some() {
                    self.emit(slot, hash, EndReason::Idle, now, out);
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
            let hashes = self.approach(block);
            for (number, &(at, slot)) in block.iter().enumerate().rev() {
                self.emit(slot, hashes[number], EndReason::Forced, at, out);
            }
            self.forget(block[0].0);
        }
        last.truncate(rest);
        self.work.last = last;
        rest > 0
    }

    /// Has the memory brought near that is needed to hand out these sessions, no more than [`AHEAD`]. The hashes of their keys.
    fn approach(&self, entries: &[(Micros, Slot)]) -> [u64; AHEAD] {
        let session = |&(_, slot): &(Micros, Slot)| self.held.get(slot);
        entries.iter().filter_map(session).for_each(Session::touch);
        let mut hashes = [0; AHEAD];
        for (hash, session) in hashes.iter_mut().zip(entries.iter().map(session)) {
            *hash = session.map_or(0, |session| self.seed.hash_one(session.key));
        }
        self.index.prepare(hashes.iter().copied());
        hashes
    }

    /// The session of an entry, if it is still held and the entry is for its present deadline.
    fn present(&self, at: Micros, slot: Slot) -> Option<&Session> {
        self.held.get(slot).filter(|session| session.deadline <= at)
    }

    /// Makes room: hands out the session that would be due first.
    pub(super) fn evict(&mut self, now: Micros, out: &mut Vec<SessionRecord>) {
        while let Some((at, slot)) = self.due.pop() {
            if let Some(session) = self.present(at, slot) {
                let hash = self.seed.hash_one(session.key);
                self.counters.evicted += 1;
                self.emit(slot, hash, EndReason::Resources, now, out);
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

    /// Hands out a session, of whose key this is the hash.
    pub(super) fn emit(&mut self, slot: Slot, hash: u64, reason: EndReason, now: Micros, out: &mut Vec<SessionRecord>) {
        let Some(session) = self.held.get(slot) else { return };
        let next = session.next;
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
