//! What is known of each 5-tuple, by its hash: the sessions held, and the one that was handed out last.
//!
//! One table holds both, so that a record costs one look-up, and an entry lies where its hash says or right behind, so that
//! a look-up costs one line of memory, which can be [asked for ahead](Index::prepare). Must not know sessions or time.

use super::held::Slot;
use super::tombstone::Stone;

/// What is known under a hash. 64 bits under a secret seed: two 5-tuples with one hash are not expected, and share a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Known {
    hash: u64,
    /// The newest session held; it leads to the others.
    pub(super) newest: Option<Slot>,
    /// What is remembered of the session that was handed out last.
    pub(super) stone: Option<Stone>,
}

impl Known {
    fn is_nothing(&self) -> bool {
        self.newest.is_none() && self.stone.is_none()
    }
}

/// Entries of a line of memory.
const LINE: usize = 4;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line([Known; LINE]);

/// The table: open addressing with linear probing (Knuth 6.4, algorithm L) from the start of a line on, over a power of two
/// of lines, at most three quarters of their places taken.
#[derive(Debug)]
pub(super) struct Index {
    lines: Vec<Line>,
    taken: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { lines: vec![Line::default(); 16], taken: 0 }
    }
}

impl std::ops::Index<usize> for Index {
    type Output = Known;

    fn index(&self, place: usize) -> &Known {
        &self.lines[place / LINE].0[place % LINE]
    }
}

impl std::ops::IndexMut<usize> for Index {
    fn index_mut(&mut self, place: usize) -> &mut Known {
        &mut self.lines[place / LINE].0[place % LINE]
    }
}

impl Index {
    fn places(&self) -> usize {
        self.lines.len() * LINE
    }

    /// The place that a hash asks for. Its upper bits choose a line.
    fn home(&self, hash: u64) -> usize {
        (hash >> (64 - self.lines.len().trailing_zeros())) as usize * LINE
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places() - 1)
    }

    /// Where a hash is, or else the place that it would take.
    fn find(&self, hash: u64) -> Result<usize, usize> {
        let mut place = self.home(hash);
        loop {
            let known = &self[place];
            if known.is_nothing() {
                return Err(place);
            }
            if known.hash == hash {
                return Ok(place);
            }
            place = self.after(place);
        }
    }

    /// Has the memory that the next look-ups of these hashes need brought near. Nothing depends on what is read, so that the
    /// processor waits for all of it at once.
    pub(super) fn prepare(&self, hashes: impl Iterator<Item = u64>) {
        std::hint::black_box(hashes.fold(0, |read, hash| read ^ self[self.home(hash)].hash));
    }

    pub(super) fn get(&self, hash: u64) -> Option<Known> {
        self.find(hash).ok().map(|place| self[place])
    }

    /// A further session is held. Returns the one that was the newest.
    pub(super) fn hold(&mut self, hash: u64, slot: Slot) -> Option<Slot> {
        let place = match self.find(hash) {
            Ok(place) => return self[place].newest.replace(slot),
            Err(place) => place,
        };
        self[place] = Known { hash, newest: Some(slot), stone: None };
        self.taken += 1;
        if self.taken > self.places() / 4 * 3 {
            self.grow();
        }
        None
    }

    /// A session is handed out, and this is remembered of it. Returns the newest session where that is another one: the
    /// chain from there still leads to it.
    pub(super) fn release(&mut self, hash: u64, slot: Slot, next: Option<Slot>, stone: Stone) -> Option<Slot> {
        let place = self.find(hash).ok()?;
        let known = &mut self[place];
        known.stone = Some(stone);
        if known.newest == Some(slot) {
            known.newest = next;
            return None;
        }
        known.newest
    }

    /// This is remembered no longer, unless something newer is.
    pub(super) fn forget(&mut self, hash: u64, stone: Stone) {
        let Ok(place) = self.find(hash) else { return };
        let known = &mut self[place];
        if known.stone != Some(stone) {
            return;
        }
        known.stone = None;
        if known.newest.is_none() {
            self.taken -= 1;
            self.close_up(place);
        }
    }

    /// Moves what lies behind an emptied place, so that every look-up that passed it still ends where it should (Knuth 6.4,
    /// algorithm R).
    fn close_up(&mut self, mut empty: usize) {
        let mask = self.places() - 1;
        let mut place = empty;
        loop {
            place = self.after(place);
            let known = self[place];
            if known.is_nothing() {
                break;
            }
            let from_home = place.wrapping_sub(self.home(known.hash)) & mask;
            let from_empty = place.wrapping_sub(empty) & mask;
            if from_home >= from_empty {
                self[empty] = known;
                empty = place;
            }
        }
        self[empty] = Known::default();
    }

    fn grow(&mut self) {
        let lines = vec![Line::default(); self.lines.len() * 2];
        let old = std::mem::replace(&mut self.lines, lines);
        for known in old.into_iter().flat_map(|line| line.0).filter(|known| !known.is_nothing()) {
            if let Err(place) = self.find(known.hash) {
                self[place] = known;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// What a step does: a session is held, or handed out, or forgotten.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Hold,
        Release,
        Forget,
    }

    proptest! {
        /// Few hashes with equal upper bits, so that they crowd, beside enough others that the table grows.
        #[test]
        fn it_knows_what_a_map_knows(
            steps in proptest::collection::vec(
                (prop_oneof![0_u64..40, Just(u64::MAX), (0_u64..200).prop_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))],
                 prop_oneof![Just(Step::Hold), Just(Step::Release), Just(Step::Forget)]), 0..600),
        ) {
            let (mut index, mut map) = (Index::default(), HashMap::<u64, (Option<Slot>, Option<Stone>)>::new());
            for (number, &(hash, step)) in steps.iter().enumerate() {
                let known = map.get(&hash).copied();
                match (step, known) {
                    (Step::Hold, _) => {
                        let slot = Slot::new(number);
                        prop_assert_eq!(index.hold(hash, slot), known.and_then(|known| known.0));
                        map.insert(hash, (Some(slot), known.and_then(|known| known.1)));
                    }
                    (Step::Release, Some((Some(slot), _))) => {
                        let stone = Stone::new(1, number as u32);
                        prop_assert_eq!(index.release(hash, slot, None, stone), None);
                        map.insert(hash, (None, Some(stone)));
                    }
                    (Step::Forget, Some((slot, Some(stone)))) => {
                        index.forget(hash, stone);
                        if slot.is_some() { map.insert(hash, (slot, None)); } else { map.remove(&hash); }
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(index.taken, map.len());
            for (hash, (newest, stone)) in map {
                prop_assert_eq!(index.get(hash), Some(Known { hash, newest, stone }));
            }
        }
    }
}
