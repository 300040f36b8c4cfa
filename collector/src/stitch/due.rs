//! When sessions are due, in order.
//!
//! Every wait has one of a few lengths, and the clock of arrival only moves forward: entries of one length are due in the
//! order in which they were made, so a queue for each length keeps them sorted. Must not know sessions.

use std::collections::VecDeque;

use tracker::Micros;

use super::held::Slot;

/// How long a session waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// For records of its other half.
    Hold,
    /// For the next part of a session that goes on.
    Active,
    /// For other exporters' records of a session that is over.
    Settle,
}

/// The entries of all sessions. A session whose deadline has moved has several; the one at its deadline counts.
#[derive(Debug, Default)]
pub(super) struct Due {
    lanes: [VecDeque<(Micros, Slot)>; 3],
    /// Entries that were left when stale ones were last cleared out.
    left: usize,
}

/// Entries beyond twice those that were left before stale ones are cleared out again.
const SLACK: usize = 4_096;

impl Due {
    /// Adds a session that is due at `at`, and gives the time at which it is: a clock that was set back must not put an entry
    /// before those that wait already.
    pub(super) fn push(&mut self, wait: Wait, at: Micros, slot: Slot) -> Micros {
        let lane = &mut self.lanes[wait as usize];
        let at = lane.back().map_or(at, |&(last, _)| at.max(last));
        lane.push_back((at, slot));
        at
    }

    /// The earliest entry: its time and session.
    pub(super) fn first(&self) -> Option<(Micros, Slot)> {
        self.lanes.iter().filter_map(VecDeque::front).min().copied()
    }

    /// Takes the earliest entry out.
    pub(super) fn pop(&mut self) -> Option<(Micros, Slot)> {
        self.pop_due(Micros::MAX)
    }

    /// Takes the earliest entry out, if its time has come.
    pub(super) fn pop_due(&mut self, now: Micros) -> Option<(Micros, Slot)> {
        let next = |lane: &VecDeque<(Micros, Slot)>| lane.front().map_or(Micros::MAX, |&(at, _)| at);
        let lane = self.lanes.iter_mut().min_by_key(|lane| next(lane))?;
        lane.pop_front_if(|&mut (at, _)| at <= now)
    }

    /// Clears out entries that no longer count, once there may be as many of them as of others: an entry is looked at twice on
    /// average, however many stay.
    pub(super) fn tidy(&mut self, counts: impl Fn(Micros, Slot) -> bool) {
        if self.len() > 2 * self.left + SLACK {
            for lane in &mut self.lanes {
                lane.retain(|&(at, slot)| counts(at, slot));
            }
            self.left = self.len();
        }
    }

    fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    pub(super) fn clear(&mut self) {
        self.lanes.iter_mut().for_each(VecDeque::clear);
        self.left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_in_order_of_time() {
        let mut due = Due::default();
        for (now, wait, length) in
            [(0, Wait::Hold, 75), (1, Wait::Active, 1_800), (2, Wait::Hold, 75), (3, Wait::Settle, 1)]
        {
            due.push(wait, now + length, Slot::new(now as usize));
        }
        assert_eq!(due.first(), Some((4, Slot::new(3))));
        let order: Vec<_> = std::iter::from_fn(|| due.pop()).map(|(_, slot)| slot).collect();
        assert_eq!(order, [3, 0, 2, 1].map(Slot::new));
    }

    #[test]
    fn stale_entries_are_cleared_out() {
        let mut due = Due::default();
        for at in 0..10_000 {
            due.push(Wait::Hold, at, Slot::new(7));
            due.tidy(|at, _| at == 9_999);
        }
        assert!(due.len() <= SLACK + 3);
    }

    #[test]
    fn entries_that_all_count_are_not_looked_at_again_and_again() {
        let (mut due, looks) = (Due::default(), std::cell::Cell::new(0));
        for at in 0..100_000 {
            due.push(Wait::Active, at, Slot::new(0));
            due.tidy(|_, _| {
                looks.set(looks.get() + 1);
                true
            });
        }
        assert!(looks.get() <= 200_000, "{looks:?}");
    }
}
