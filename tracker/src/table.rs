//! The session table: packets in, session records out.
//!
//! Sans-IO: time comes with the packets and through [`SessionTable::advance`], records leave through a [`Sink`]. One
//! table belongs to one thread. Must not know frames, files, sockets or stores.

mod create;
mod entry;
mod expiry;
mod flood;
mod icmp;
mod judge;
mod key;
mod life;
mod lists;
mod phase;
mod query;
mod record;
mod slab;
mod stats;
mod tombstone;
mod update;
mod view;
mod wheel;
mod window;

use std::hash::BuildHasher as _;
use std::hint::black_box;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};

use crate::Micros;
use crate::packet::Packet;
use crate::record::SessionRecord;
use crate::settings::{Class, Profile, TableSettings};
use crate::zeek::Extra;
use crate::zeek::timers::Timers;
use entry::{Entry, NONE, bit};
use flood::Evictions;
use key::{Key, KeyParts};
use lists::Lists;
pub use query::{Condition, Gathering, Glance, NoPosition, Position, STATES, SortBy, TableFilter, TableQuery};
use slab::Slab;
pub use stats::TableStats;
use tombstone::Tombstones;
pub use view::{EntryView, SessionView};
use wheel::Wheel;

/// Takes finished (and interim) records.
pub trait Sink {
    /// One record.
    fn record(&mut self, record: SessionRecord);
}

impl Sink for Vec<SessionRecord> {
    fn record(&mut self, record: SessionRecord) {
        self.push(record);
    }
}

impl Sink for crate::SessionBatchBuilder {
    fn record(&mut self, record: SessionRecord) {
        self.push(&record);
    }
}

/// Gives every record to a closure.
pub struct Each<F>(pub F);

impl<F: FnMut(SessionRecord)> Sink for Each<F> {
    fn record(&mut self, record: SessionRecord) {
        (self.0)(record);
    }
}

/// What few sessions need, by the place of the session.
type Extras = HashMap<u32, Extra, RandomState>;

/// All sessions that one capture thread, or one file, sees.
#[derive(Debug)]
pub struct SessionTable {
    settings: TableSettings,
    parts: KeyParts,
    timeouts: [Micros; Class::ALL.len()],
    /// Time-outs while the table is short of room.
    hurried: [Micros; Class::ALL.len()],
    max_half_open: usize,
    /// Stands for the observer's name in session ids.
    observer: u64,
    hasher: RandomState,
    index: HashTable<u32>,
    entries: Slab<Entry>,
    extras: Extras,
    wheel: Wheel,
    lists: Lists,
    tombstones: Tombstones,
    timers: Timers,
    evictions: Evictions,
    stats: TableStats,
    emergency: bool,
    now: Micros,
    due: Vec<u32>,
    /// ICMP errors that may speak of a session in a neighbouring table.
    strays: Vec<Packet>,
}

/// How many packets are looked up together, so that their cache misses overlap.
const BATCH: usize = 32;

/// A packet that has been looked up.
#[derive(Debug, Clone, Copy)]
struct Lookup {
    key: Key,
    hash: u64,
    from_low: bool,
    /// Where the session may be, or [`NONE`].
    hint: u32,
}

impl SessionTable {
    /// An empty table.
    pub fn new(mut settings: TableSettings) -> Self {
        let timeouts = settings.timeouts.by_class();
        let mut hurried = timeouts;
        for class in
            [Class::TcpInitial, Class::UdpInitial, Class::Rfc4787UdpInitial, Class::IcmpInitial, Class::OtherInitial]
        {
            let timeout = &mut hurried[class as usize];
            *timeout = (*timeout).min(expiry::HURRIED);
        }
        settings.max_sessions = settings.max_sessions.clamp(1, (1 << 31) - 1);
        let max_sessions = settings.max_sessions;
        let percent = usize::from(settings.half_open_percent.min(100));
        let observer = foldhash::fast::FixedState::with_seed(0).hash_one(settings.observer.as_ref());
        Self {
            parts: KeyParts {
                vlan: settings.key_vlan,
                tunnel: settings.key_tunnel,
                icmp_by_type: settings.profile == Profile::Zeek,
            },
            timeouts,
            hurried,
            max_half_open: (max_sessions / 100 * percent + max_sessions % 100 * percent / 100).max(1),
            observer,
            hasher: RandomState::default(),
            index: HashTable::new(),
            entries: Slab::new(max_sessions),
            extras: Extras::default(),
            wheel: Wheel::new(),
            lists: Lists::new(),
            tombstones: Tombstones::new(settings.max_tombstones),
            timers: Timers::default(),
            evictions: Evictions::default(),
            stats: TableStats::default(),
            emergency: false,
            now: Micros::MIN,
            due: Vec::new(),
            strays: Vec::new(),
            settings,
        }
    }

    /// Follows one packet. `now` is its time, or the clock's where that is ahead.
    pub fn on_packet(&mut self, packet: &Packet, now: Micros, sink: &mut dyn Sink) {
        let lookup = self.look_up(packet);
        self.advance(now, sink);
        self.follow(packet, &lookup, now, sink);
    }

    /// Follows packets in their order, each at its own time. Faster than one by one: the look-ups overlap.
    pub fn on_packets(&mut self, packets: &[Packet], sink: &mut dyn Sink) {
        let mut lookups = Vec::with_capacity(BATCH);
        for batch in packets.chunks(BATCH) {
            lookups.clear();
            lookups.extend(batch.iter().map(|packet| self.hash(packet)));
            for lookup in &mut lookups {
                // The first place whose hash may be this one: whether it is, is seen when its session has been read.
                lookup.hint = self.index.iter_hash(lookup.hash).next().copied().unwrap_or(NONE);
            }
            for lookup in &lookups {
                if let Some(entry) = self.entries.get(lookup.hint) {
                    // Reads the cache lines that following the packet will need.
                    black_box((entry.key.low[0], entry.last, entry.ends[1].last, entry.phase));
                }
            }
            for (packet, lookup) in batch.iter().zip(&lookups) {
                self.advance(packet.time, sink);
                self.follow(packet, lookup, packet.time, sink);
            }
        }
    }

    fn hash(&self, packet: &Packet) -> Lookup {
        let (key, from_low) = Key::of(packet, self.parts);
        Lookup { key, hash: key.hash(&self.hasher), from_low, hint: NONE }
    }

    fn look_up(&self, packet: &Packet) -> Lookup {
        let lookup = self.hash(packet);
        Lookup { hint: self.find(&lookup.key, lookup.hash), ..lookup }
    }

    fn find(&self, key: &Key, hash: u64) -> u32 {
        self.index.find(hash, |&index| self.entries[index].key == *key).copied().unwrap_or(NONE)
    }

    /// Whether the place holds a session.
    fn is_live(&self, index: u32) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.has(bit::LIVE))
    }

    /// The session of a packet that was looked up a moment ago.
    fn current(&self, lookup: &Lookup) -> Option<u32> {
        let hit = self.entries.get(lookup.hint).is_some_and(|entry| entry.has(bit::LIVE) && entry.key == lookup.key);
        let index = if hit { lookup.hint } else { self.find(&lookup.key, lookup.hash) };
        (index != NONE).then_some(index)
    }

    fn follow(&mut self, packet: &Packet, lookup: &Lookup, now: Micros, sink: &mut dyn Sink) {
        self.stats.packets += 1;
        if packet.is_icmp_error() {
            let matched = self.on_icmp_error(packet);
            // For Zeek an error is a session of its own, too.
            if self.settings.profile == Profile::Standard {
                self.count_icmp_error(packet, matched);
                return;
            }
        }
        if packet.bad_checksum && !update::is_noted_when_bad(packet) {
            self.stats.bad_checksum += 1;
            return;
        }
        let mut found = self.current(lookup);
        if let Some(index) = found
            && self.makes_room_for(index, packet, lookup, sink)
        {
            found = None;
        }
        let Some(index) = found.or_else(|| self.create(packet, lookup, now, sink)) else { return };
        self.update(index, packet, lookup);
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &TableSettings {
        &self.settings
    }

    /// The counters so far.
    pub fn stats(&self) -> TableStats {
        self.stats
    }

    /// Sessions in the table.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// TCP sessions in the table that have not established.
    pub fn half_open(&self) -> usize {
        self.lists.len(lists::Rank::HalfOpen)
    }

    /// Ended sessions that are remembered.
    pub fn tombstones(&self) -> usize {
        self.tombstones.len()
    }

    /// Whether the table is short of room.
    pub fn is_emergency(&self) -> bool {
        self.emergency
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.index.allocation_size()
            + self.entries.bytes()
            + self.extras.allocation_size()
            + self.tombstones.bytes()
            + self.timers.bytes()
            + self.wheel.bytes()
    }

    /// Whose sessions were evicted: server, port, count, the most first; and how many of servers not named.
    pub fn evicted_by_server(&self) -> (Vec<(IpAddr, u16, u64)>, u64) {
        self.evictions.report()
    }
}

#[cfg(test)]
mod tests;
