//! Sessions that were handed out and must not come back: late records, SYN retransmits and continuations find them here.
//!
//! Owns their bounded memory; must not know live sessions.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use tracker::Micros;
use tracker::outcome::{Outcome, OutcomeClass};
use tracker::record::SessionRecord;

use super::session::{RETRY_AFTER_RESET, Session};
use crate::netflow::FlowRecord;
use crate::netflow::flow::flag::SYN;

const TCP: u8 = 6;

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
struct Tombstone {
    /// Hash of its key.
    hash: u64,
    last: Micros,
    until: Micros,
    outcome: Outcome,
    terminated: bool,
}

/// Which tombstone: its lane, and its number in that lane, which wraps around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stone(NonZeroU32);

const NUMBER_BITS: u32 = 30;
const NUMBERS: u32 = (1 << NUMBER_BITS) - 1;

impl Stone {
    pub(super) fn new(lane: usize, number: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add((lane as u32) << NUMBER_BITS | number & NUMBERS))
    }

    fn lane(self) -> usize {
        ((self.0.get() - 1) >> NUMBER_BITS) as usize
    }

    fn number(self) -> u32 {
        (self.0.get() - 1) & NUMBERS
    }
}

/// Sessions that are remembered equally long, in the order in which they are forgotten: see `due`.
#[derive(Debug, Default)]
struct Lane {
    stones: VecDeque<Tombstone>,
    /// Number of the first.
    first: u32,
}

impl Lane {
    fn get_mut(&mut self, number: u32) -> Option<&mut Tombstone> {
        self.stones.get_mut((number.wrapping_sub(self.first) & NUMBERS) as usize)
    }

    fn push(&mut self, stone: Tombstone) -> u32 {
        self.stones.push_back(stone);
        self.first.wrapping_add(self.stones.len() as u32 - 1)
    }

    fn pop(&mut self) -> Option<(u64, u32)> {
        let stone = self.stones.pop_front()?;
        let number = self.first;
        self.first = self.first.wrapping_add(1);
        Some((stone.hash, number))
    }
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
    /// One for each of the spans of [`Memory`].
    lanes: [Lane; 3],
    memory: Memory,
    limit: usize,
}

impl Tombstones {
    pub(crate) fn new(limit: usize, memory: Memory) -> Self {
        Self { lanes: Default::default(), memory, limit: limit.clamp(1, NUMBERS as usize) }
    }

    /// Remembers a session that is handed out at `now`.
    pub(crate) fn bury(&mut self, hash: u64, session: &Session, record: &SessionRecord, now: Micros) -> Stone {
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
        let stone = Tombstone { hash, last: record.end, until: now + keep, outcome: record.outcome, terminated };
        Stone::new(lane, self.lanes[lane].push(stone))
    }

    /// Takes out what is to be forgotten, with the hashes of the keys, until `out` has `limit`: what is old enough, and
    /// where there are too many the oldest.
    pub(crate) fn pop_due(&mut self, now: Micros, limit: usize, out: &mut Vec<(u64, Stone)>) {
        let mut beyond = self.lanes.iter().map(|lane| lane.stones.len()).sum::<usize>().saturating_sub(self.limit);
        while beyond > 0 && out.len() < limit {
            let until = |lane: &Lane| lane.stones.front().map_or(Micros::MAX, |stone| stone.until);
            let Some(lane) = (0..self.lanes.len()).min_by_key(|&lane| until(&self.lanes[lane])) else { break };
            out.extend(self.lanes[lane].pop().map(|(hash, number)| (hash, Stone::new(lane, number))));
            beyond -= 1;
        }
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            while out.len() < limit && lane.stones.front().is_some_and(|stone| stone.until <= now) {
                out.extend(lane.pop().map(|(hash, stone)| (hash, Stone::new(number, stone))));
            }
        }
    }

    /// Whether a record that fits no live session is of this one.
    pub(crate) fn swallows(&mut self, stone: Stone, flow: &FlowRecord, now: Micros) -> Option<Late> {
        let Memory { hold, retransmit, .. } = self.memory;
        let stone = self.lanes[stone.lane()].get_mut(stone.number()).filter(|stone| stone.until > now)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stones_are_found_when_their_numbers_wrap_around() {
        let stone = |hash| Tombstone { hash, last: 0, until: 0, outcome: Outcome::Closed, terminated: true };
        for start in [0, NUMBERS - 2, u32::MAX - 2] {
            let mut lane = Lane { first: start, ..Lane::default() };
            let stones: Vec<Stone> = (0..5).map(|hash| Stone::new(2, lane.push(stone(hash)))).collect();
            for (hash, known) in (0..).zip(&stones) {
                assert_eq!((known.lane(), lane.get_mut(known.number()).map(|stone| stone.hash)), (2, Some(hash)));
            }
            assert_eq!(lane.pop().map(|(hash, number)| (hash, Stone::new(2, number))), Some((0, stones[0])));
            assert_eq!(lane.get_mut(stones[1].number()).map(|stone| stone.hash), Some(1));
        }
    }
}
