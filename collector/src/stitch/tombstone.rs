//! Sessions that were handed out and must not come back: late records, SYN retransmits and continuations find them here.
//!
//! Owns their bounded memory; must not know live sessions.

use std::collections::VecDeque;

use hashbrown::HashTable;
use tracker::Micros;
use tracker::outcome::{Outcome, OutcomeClass};
use tracker::record::SessionRecord;

use super::session::Session;
use crate::netflow::FlowRecord;
use crate::netflow::flow::flag::SYN;

const TCP: u8 = 6;
/// A refused attempt that is repeated this soon is the same attempt.
const RETRY_AFTER_RESET: Micros = 3_000_000;

/// Why a record is of a session that was handed out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// It reports what was reported before, or the rest of it.
    Record,
    /// A SYN of the same attempt.
    Retransmit,
    /// A session that goes on.
    Continuation,
}

/// What is remembered of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tombstone {
    /// Hash of its key. 64 bits under a secret seed: that two sessions share one is not expected to happen.
    hash: u64,
    last: Micros,
    until: Micros,
    outcome: Outcome,
    terminated: bool,
}

/// How long sessions are remembered after they were handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Late records of any session.
    pub(crate) hold: Micros,
    /// SYN retransmits.
    pub(crate) retransmit: Micros,
    /// Continuations of sessions without an end in sight.
    pub(crate) active: Micros,
}

/// The remembered sessions.
#[derive(Debug)]
pub(crate) struct Tombstones {
    stones: HashTable<Tombstone>,
    /// In order of time for each of the spans of [`Memory`]: see `due`.
    due: [VecDeque<(Micros, u64)>; 3],
    memory: Memory,
    limit: usize,
}

impl Tombstones {
    pub(crate) fn new(limit: usize, memory: Memory) -> Self {
        Self { stones: HashTable::new(), due: Default::default(), memory, limit: limit.max(1) }
    }

    /// Remembers a session that is handed out at `now`.
    pub(crate) fn bury(&mut self, hash: u64, session: &Session, record: &SessionRecord, now: Micros) {
        let terminated = session.terminated() || record.outcome == Outcome::Closed;
        let lasting = record.outcome.class() == OutcomeClass::Established || record.outcome == Outcome::Midstream;
        let Memory { hold, retransmit, active } = self.memory;
        let (lane, keep) = if session.key.proto != TCP {
            (0, hold)
        } else if lasting && !terminated {
            (2, active.max(hold))
        } else {
            (1, retransmit.max(hold))
        };
        while self.stones.len() >= self.limit {
            let Some((_, oldest)) = self.pop_due(Micros::MAX) else { break };
            self.forget(oldest, |_| true);
        }
        let until = now + keep;
        let stone = Tombstone { hash, last: record.end, until, outcome: record.outcome, terminated };
        match self.stones.find_mut(hash, |known| known.hash == hash) {
            Some(known) => *known = stone,
            None => {
                self.stones.insert_unique(hash, stone, |known| known.hash);
            }
        }
        self.due[lane].push_back((until, hash));
    }

    /// Forgets what is old enough.
    pub(crate) fn expire(&mut self, now: Micros) {
        while let Some((_, hash)) = self.pop_due(now) {
            self.forget(hash, |stone| stone.until <= now);
        }
    }

    /// The earliest entry, if it is due.
    fn pop_due(&mut self, now: Micros) -> Option<(Micros, u64)> {
        let lane = self.due.iter_mut().filter(|lane| !lane.is_empty()).min_by_key(|lane| lane.front().copied())?;
        if lane.front()?.0 > now { None } else { lane.pop_front() }
    }

    fn forget(&mut self, hash: u64, when: impl Fn(&Tombstone) -> bool) {
        if let Ok(found) = self.stones.find_entry(hash, |stone| stone.hash == hash)
            && when(found.get())
        {
            found.remove();
        }
    }

    /// Whether a record that fits no live session is of a remembered one.
    pub(crate) fn swallows(&mut self, hash: u64, flow: &FlowRecord, now: Micros) -> Option<Late> {
        let Memory { hold, retransmit, .. } = self.memory;
        let stone = self.stones.find_mut(hash, |stone| stone.hash == hash).filter(|stone| stone.until > now)?;
        let after = flow.start - stone.last;
        let late = if after <= 0 {
            Some(Late::Record)
        } else if flow.proto != TCP {
            (after <= hold && stone.outcome.is_failed()).then_some(Late::Retransmit)
        } else if flow.nsel {
            // Events name their session; a denial is repeated with every SYN.
            stone.outcome.is_failed().then_some(Late::Retransmit)
        } else if flow.forward.flags.is_none_or(|flags| flags & SYN == 0) {
            Some(if stone.terminated { Late::Record } else { Late::Continuation })
        } else if stone.terminated {
            (stone.outcome.is_failed() && after <= RETRY_AFTER_RESET).then_some(Late::Retransmit)
        } else {
            let failed = stone.outcome.is_failed();
            (failed && after <= retransmit).then_some(Late::Retransmit)
        };
        if late == Some(Late::Retransmit) || late == Some(Late::Continuation) {
            stone.last = stone.last.max(flow.end);
        }
        late
    }
}
