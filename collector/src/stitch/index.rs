//! What is known of each 5-tuple, by its hash: the sessions held, and the one that was handed out last.
//!
//! One table holds both, so that a record costs one look-up. Must not know sessions or time.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::held::Slot;
use super::tombstone::Stone;

/// What is known under a hash. 64 bits under a secret seed: two 5-tuples with one hash are not expected, and share a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    hash: u64,
    /// The newest session held; it leads to the others.
    pub(super) newest: Option<Slot>,
    /// What is remembered of the session that was handed out last.
    pub(super) stone: Option<Stone>,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Index(HashTable<Known>);

impl Index {
    pub(super) fn get(&self, hash: u64) -> Option<Known> {
        self.0.find(hash, |known| known.hash == hash).copied()
    }

    /// A further session is held. Returns the one that was the newest.
    pub(super) fn hold(&mut self, hash: u64, slot: Slot) -> Option<Slot> {
        match self.0.entry(hash, |known| known.hash == hash, |known| known.hash) {
            Entry::Occupied(mut known) => known.get_mut().newest.replace(slot),
            Entry::Vacant(empty) => {
                empty.insert(Known { hash, newest: Some(slot), stone: None });
                None
            }
        }
    }

    /// A session is handed out, and this is remembered of it. Returns the newest session where that is another one: the
    /// chain from there still leads to it.
    pub(super) fn release(&mut self, hash: u64, slot: Slot, next: Option<Slot>, stone: Stone) -> Option<Slot> {
        let known = self.0.find_mut(hash, |known| known.hash == hash)?;
        known.stone = Some(stone);
        if known.newest == Some(slot) {
            known.newest = next;
            return None;
        }
        known.newest
    }

    /// This is remembered no longer, unless something newer is.
    pub(super) fn forget(&mut self, hash: u64, stone: Stone) {
        let Ok(mut known) = self.0.find_entry(hash, |known| known.hash == hash) else { return };
        if known.get().stone != Some(stone) {
            return;
        }
        known.get_mut().stone = None;
        if known.get().newest.is_none() {
            known.remove();
        }
    }
}
