//! Which ports a fragmented packet had: only its first fragment says.
//!
//! Owns the cache; fragments are not reassembled.

use std::collections::{HashMap, VecDeque};

use crate::Micros;
use crate::packet::Addr;

/// How long fragments of one packet may be apart (RFC 8200 section 4.5 allows 60 s, senders take far less).
const LIFETIME: Micros = 30_000_000;

/// What all fragments of one packet share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FragmentKey {
    pub src: Addr,
    pub dst: Addr,
    pub id: u32,
    pub proto: u8,
}

#[derive(Debug)]
pub(super) struct Fragments {
    ports: HashMap<FragmentKey, (u16, u16, Micros)>,
    oldest: VecDeque<(FragmentKey, Micros)>,
    capacity: usize,
}

impl Fragments {
    pub fn new(capacity: usize) -> Self {
        Self { ports: HashMap::new(), oldest: VecDeque::new(), capacity }
    }

    /// Remembers the ports of a first fragment; the oldest gives way when there is no room.
    pub fn insert(&mut self, key: FragmentKey, ports: (u16, u16), now: Micros) {
        if self.capacity == 0 {
            return;
        }
        while let Some(&(old, since)) = self.oldest.front() {
            if self.oldest.len() < self.capacity && now - since < LIFETIME {
                break;
            }
            self.oldest.pop_front();
            if self.ports.get(&old).is_some_and(|entry| entry.2 == since) {
                self.ports.remove(&old);
            }
        }
        self.ports.insert(key, (ports.0, ports.1, now));
        self.oldest.push_back((key, now));
    }

    /// The ports of the packet that this later fragment belongs to.
    pub fn ports(&self, key: &FragmentKey, now: Micros) -> Option<(u16, u16)> {
        let &(source, destination, since) = self.ports.get(key)?;
        (now - since < LIFETIME).then_some((source, destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32) -> FragmentKey {
        FragmentKey { src: [1; 16], dst: [2; 16], id, proto: 17 }
    }

    #[test]
    fn remembers_forgets_and_stays_within_its_capacity() {
        let mut cache = Fragments::new(2);
        cache.insert(key(1), (10, 20), 0);
        assert_eq!(cache.ports(&key(1), 1), Some((10, 20)));
        assert_eq!(cache.ports(&key(1), LIFETIME), None);
        cache.insert(key(2), (11, 21), 5);
        cache.insert(key(3), (12, 22), 6);
        assert_eq!(cache.ports(&key(1), 6), None);
        assert_eq!(cache.ports(&key(3), 6), Some((12, 22)));
        assert!(cache.ports.len() <= 2 && cache.oldest.len() <= 2);
        for id in 0..1000 {
            cache.insert(key(id), (1, 2), LIFETIME + i64::from(id));
        }
        assert!(cache.ports.len() <= 2 && cache.oldest.len() <= 2);
    }
}
