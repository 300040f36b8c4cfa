//! A timing wheel: entries that may be due at about the same time share a slot.
//!
//! Packets do not touch it; an entry found in its slot before its time is put into a later one. Owns slots, not times.

use crate::Micros;

use super::entry::{Entry, NONE};
use super::slab::Slab;

/// Width of a slot.
pub(super) const TICK: Micros = 250_000;
const SLOTS: usize = 4096;
/// In `wheel_prev`: the entry is the first of the slot in the other bits.
const HEAD: u32 = 1 << 31;

#[derive(Debug)]
pub(super) struct Wheel {
    heads: Vec<u32>,
    /// The tick up to which slots have been emptied.
    turned: i64,
    started: bool,
}

impl Wheel {
    pub fn new() -> Self {
        Self { heads: vec![NONE; SLOTS], turned: 0, started: false }
    }

    /// Puts an entry into the slot for `at`. Times beyond the wheel go into its last slot.
    pub fn insert(&mut self, entries: &mut Slab<Entry>, index: u32, at: Micros) {
        let tick = at.div_euclid(TICK).clamp(self.turned, self.turned + SLOTS as i64 - 1);
        let slot = tick.rem_euclid(SLOTS as i64) as usize;
        let next = self.heads[slot];
        entries[index].wheel_next = next;
        entries[index].wheel_prev = HEAD | slot as u32;
        if next != NONE {
            entries[next].wheel_prev = index;
        }
        self.heads[slot] = index;
    }

    /// Takes an entry out.
    pub fn remove(&mut self, entries: &mut Slab<Entry>, index: u32) {
        let (next, prev) = (entries[index].wheel_next, entries[index].wheel_prev);
        if prev == NONE {
            return;
        }
        if prev & HEAD == 0 {
            entries[prev].wheel_next = next;
        } else {
            self.heads[(prev & !HEAD) as usize] = next;
        }
        if next != NONE {
            entries[next].wheel_prev = prev;
        }
        entries[index].wheel_next = NONE;
        entries[index].wheel_prev = NONE;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.heads.capacity() * size_of::<u32>()
    }

    /// Whether there are slots to empty at `now`.
    #[inline]
    pub fn is_behind(&self, now: Micros) -> bool {
        !self.started || now.div_euclid(TICK) > self.turned
    }

    /// Moves on to `now`: gives the first entry of each slot that lies behind, through `next_entry` of the chain.
    pub fn turn(&mut self, now: Micros, due: &mut Vec<u32>, entries: &mut Slab<Entry>) {
        let tick = now.div_euclid(TICK);
        if !self.started {
            self.started = true;
            self.turned = tick;
            return;
        }
        let behind = (tick - self.turned).clamp(0, SLOTS as i64);
        for passed in (tick - behind)..tick {
            let slot = passed.rem_euclid(SLOTS as i64) as usize;
            let mut index = std::mem::replace(&mut self.heads[slot], NONE);
            while index != NONE {
                due.push(index);
                let next = entries[index].wheel_next;
                entries[index].wheel_next = NONE;
                entries[index].wheel_prev = NONE;
                index = next;
            }
        }
        self.turned = self.turned.max(tick);
    }
}
