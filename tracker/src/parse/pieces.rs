//! Puts fragmented packets together as far as lengths and headers go: the profile of Zeek counts the whole once.
//!
//! Keeps the beginning of the packet, where the headers are, and which parts have come; never the payload.

use std::collections::{HashMap, VecDeque};

use super::fragments::FragmentKey;
use super::ip::Part;

/// How many bytes of a packet's beginning are kept.
const HEAD: usize = 128;
/// How many separate pieces of one packet may wait for what lies between them.
const MAX_PIECES: usize = 64;

/// A packet of which parts are missing.
#[derive(Debug, Default)]
struct Incomplete {
    head: Vec<u8>,
    /// Ranges of bytes that have come, in order and apart from each other.
    have: Vec<(u32, u32)>,
    /// Length, once the last piece has come.
    length: Option<u32>,
}

/// A packet whose pieces have all come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub head: Vec<u8>,
    pub length: u32,
}

/// Packets that wait for pieces, the oldest giving way when there is no room.
#[derive(Debug)]
pub(super) struct Pieces {
    waiting: HashMap<FragmentKey, Incomplete>,
    oldest: VecDeque<FragmentKey>,
    capacity: usize,
}

impl Pieces {
    pub fn new(capacity: usize) -> Self {
        Self { waiting: HashMap::new(), oldest: VecDeque::new(), capacity }
    }

    /// Adds a piece of `length` bytes, of which `body` was captured; gives the packet when it was the last one missing.
    pub fn add(&mut self, key: FragmentKey, part: Part, body: &[u8], length: u32) -> Option<Whole> {
        if !self.waiting.contains_key(&key) {
            while self.oldest.len() >= self.capacity {
                self.waiting.remove(&self.oldest.pop_front()?);
            }
            self.oldest.push_back(key);
        }
        let packet = self.waiting.entry(key).or_default();
        let start = part.offset as usize;
        if start < HEAD {
            let bytes = &body[..body.len().min(HEAD - start)];
            packet.head.resize(packet.head.len().max(start + bytes.len()), 0);
            packet.head[start..start + bytes.len()].copy_from_slice(bytes);
        }
        let end = part.offset.saturating_add(length);
        if !part.more {
            packet.length = Some(end);
        }
        packet.cover(part.offset, end);
        let done = packet.length.is_some_and(|length| packet.have.first().is_some_and(|have| *have == (0, length)));
        if !done && packet.have.len() <= MAX_PIECES {
            return None;
        }
        self.oldest.retain(|other| *other != key);
        let packet = self.waiting.remove(&key)?;
        packet.length.filter(|_| done).map(|length| Whole { head: packet.head, length })
    }
}

impl Incomplete {
    fn cover(&mut self, start: u32, end: u32) {
        self.have.push((start, end));
        self.have.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.have.len());
        for &(start, end) in &self.have {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        self.have = merged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32) -> FragmentKey {
        FragmentKey { src: [1; 16], dst: [2; 16], id, proto: 17 }
    }

    fn part(offset: u32, more: bool) -> Part {
        Part { id: 1, offset, more }
    }

    #[test]
    fn whole_in_whatever_order() {
        let pieces = [(0u32, true), (8, true), (16, false)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
            let mut cache = Pieces::new(4);
            let mut found = None;
            for (turn, at) in order.into_iter().enumerate() {
                assert_eq!(found, None, "{order:?} {turn}");
                let (offset, more) = pieces[at];
                found = cache.add(key(1), part(offset, more), &[offset as u8; 8], 8);
            }
            let head = [[0; 8], [8; 8], [16; 8]].concat();
            assert_eq!(found, Some(Whole { head, length: 24 }));
            assert!(cache.waiting.is_empty() && cache.oldest.is_empty());
        }
    }

    #[test]
    fn never_too_many() {
        let mut cache = Pieces::new(3);
        for id in 0..50 {
            assert_eq!(cache.add(key(id), part(0, true), &[1; 300], 300), None);
            assert!(cache.waiting.len() <= 3 && cache.oldest.len() <= 3);
        }
        for piece in 0..200 {
            assert_eq!(cache.add(key(49), part(1000 + piece * 16, true), &[], 8), None);
        }
        assert!(cache.waiting.values().all(|packet| packet.have.len() <= MAX_PIECES + 1));
    }
}
