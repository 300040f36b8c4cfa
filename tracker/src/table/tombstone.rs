//! Sessions that are over and must not be begun again by their own late packets.
//!
//! A tombstone is told by the hash of the session's key; the hash is seeded, so none can be forged.

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::Micros;

/// Why a session is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// Its SYN was not answered: another SYN with the same number is the same attempt.
    Unanswered,
    /// It ended: late packets belong to it.
    Closed,
}

/// A session that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tombstone {
    pub hash: u64,
    pub start: Micros,
    pub until: Micros,
    /// The sequence number of its SYN.
    pub isn: u32,
    pub syn_count: u16,
    pub memory: Memory,
}

#[derive(Debug)]
pub(super) struct Tombstones {
    table: HashTable<Tombstone>,
    /// Hash and end of each, in the order they were made; one queue for each kind of memory.
    queues: [VecDeque<(u64, Micros)>; 2],
    capacity: usize,
}

impl Tombstones {
    pub fn new(capacity: usize) -> Self {
        Self { table: HashTable::new(), queues: [VecDeque::new(), VecDeque::new()], capacity }
    }

    pub fn insert(&mut self, tombstone: Tombstone) {
        if self.capacity == 0 {
            return;
        }
        self.remove(tombstone.hash);
        while self.queues[0].len() + self.queues[1].len() >= self.capacity {
            let queue = usize::from(self.queues[1].len() > self.queues[0].len());
            self.drop_oldest(queue);
        }
        self.queues[tombstone.memory as usize].push_back((tombstone.hash, tombstone.until));
        self.table.insert_unique(tombstone.hash, tombstone, |stone| stone.hash);
    }

    fn drop_oldest(&mut self, queue: usize) {
        if let Some((hash, until)) = self.queues[queue].pop_front()
            && let Ok(found) = self.table.find_entry(hash, |stone| stone.hash == hash && stone.until == until)
        {
            found.remove();
        }
    }

    /// The tombstone of this key that is still remembered.
    pub fn get(&self, hash: u64, now: Micros) -> Option<Tombstone> {
        if self.table.is_empty() {
            return None;
        }
        self.table.find(hash, |stone| stone.hash == hash).filter(|stone| stone.until > now).copied()
    }

    pub fn remove(&mut self, hash: u64) {
        if let Ok(found) = self.table.find_entry(hash, |stone| stone.hash == hash) {
            found.remove();
        }
    }

    /// Forgets what has been remembered long enough.
    pub fn expire(&mut self, now: Micros) {
        for queue in 0..2 {
            while self.queues[queue].front().is_some_and(|oldest| oldest.1 <= now) {
                self.drop_oldest(queue);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.table.allocation_size()
            + self.queues.iter().map(|queue| queue.capacity() * size_of::<(u64, Micros)>()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stone(hash: u64, until: Micros, memory: Memory) -> Tombstone {
        Tombstone { hash, start: 0, until, isn: 1, syn_count: 1, memory }
    }

    #[test]
    fn remembered_for_a_while_and_never_too_many() {
        let mut stones = Tombstones::new(3);
        stones.insert(stone(1, 10, Memory::Closed));
        assert!(stones.get(1, 9).is_some() && stones.get(1, 10).is_none() && stones.get(2, 9).is_none());
        for hash in 2..100 {
            stones.insert(stone(hash, hash as i64, Memory::Unanswered));
            assert!(stones.len() <= 3);
        }
        stones.insert(stone(99, 500, Memory::Closed));
        assert_eq!(stones.get(99, 99).unwrap().until, 500);
        stones.expire(1000);
        assert_eq!(stones.len(), 0);
        assert!(stones.queues.iter().all(VecDeque::is_empty));
    }
}
