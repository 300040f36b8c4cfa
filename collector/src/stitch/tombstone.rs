//! Sessions that were handed out and must not come back: late records, SYN retransmits and continuations find them here.
//!
//! Owns their bounded memory; must not know live sessions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashMap;
use tracker::Micros;
use tracker::outcome::{Outcome, OutcomeClass};
use tracker::record::SessionRecord;

use super::key::TupleKey;
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
    last: Micros,
    until: Micros,
    outcome: Outcome,
    terminated: bool,
}

/// The remembered sessions.
#[derive(Debug)]
pub(crate) struct Tombstones {
    stones: HashMap<TupleKey, Tombstone>,
    due: BinaryHeap<Reverse<(Micros, TupleKey)>>,
    limit: usize,
}

impl Tombstones {
    pub(crate) fn new(limit: usize) -> Self {
        Self { stones: HashMap::new(), due: BinaryHeap::new(), limit: limit.max(1) }
    }

    /// Remembers a session that is handed out at `now`.
    pub(crate) fn bury(
        &mut self,
        session: &Session,
        record: &SessionRecord,
        now: Micros,
        hold: Micros,
        retransmit: Micros,
        active: Micros,
    ) {
        let terminated = session.terminated() || record.outcome == Outcome::Closed;
        let lasting = record.outcome.class() == OutcomeClass::Established || record.outcome == Outcome::Midstream;
        let keep = if session.key.proto != TCP {
            hold
        } else if lasting && !terminated {
            active.max(hold)
        } else {
            retransmit.max(hold)
        };
        while self.stones.len() >= self.limit {
            let Some(Reverse((_, key))) = self.due.pop() else { break };
            self.stones.remove(&key);
        }
        let until = now + keep;
        self.stones.insert(session.key, Tombstone { last: record.end, until, outcome: record.outcome, terminated });
        self.due.push(Reverse((until, session.key)));
    }

    /// Forgets what is old enough.
    pub(crate) fn expire(&mut self, now: Micros) {
        while let Some(&Reverse((at, key))) = self.due.peek() {
            if at > now {
                break;
            }
            self.due.pop();
            if self.stones.get(&key).is_some_and(|stone| stone.until <= now) {
                self.stones.remove(&key);
            }
        }
    }

    /// Whether a record that fits no live session is of a remembered one.
    pub(crate) fn swallows(
        &mut self,
        key: &TupleKey,
        flow: &FlowRecord,
        now: Micros,
        hold: Micros,
        retransmit: Micros,
    ) -> Option<Late> {
        let stone = self.stones.get_mut(key).filter(|stone| stone.until > now)?;
        let after = flow.start - stone.last;
        let late = if after <= 0 {
            Some(Late::Record)
        } else if key.proto != TCP {
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
