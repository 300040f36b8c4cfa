//! Who goes first when the table is full: one list per rank, the oldest in front.

use crate::settings::Class;

use super::entry::{Entry, NONE, bit};
use super::phase::Phase;
use super::slab::Slab;

/// The order of eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// TCP that has not established.
    HalfOpen,
    /// One-way UDP, ICMP and others.
    OneWay,
    /// Closed, reset, refused, blocked.
    Closed,
    /// Established and ongoing.
    Live,
}

impl Rank {
    pub const ALL: [Self; 4] = [Self::HalfOpen, Self::OneWay, Self::Closed, Self::Live];

    pub fn of(class: Class) -> Self {
        match class {
            Class::TcpInitial => Self::HalfOpen,
            Class::UdpInitial
            | Class::Rfc4787UdpInitial
            | Class::IcmpInitial
            | Class::IpsecInitial
            | Class::OtherInitial => Self::OneWay,
            Class::TcpClosed | Class::TcpClosedNat | Class::Blocked => Self::Closed,
            Class::TcpEstablished
            | Class::UdpOngoing
            | Class::Rfc4787UdpOngoing
            | Class::IcmpOngoing
            | Class::IpsecOngoing
            | Class::OtherOngoing => Self::Live,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
    len: usize,
}

#[derive(Debug)]
pub(super) struct Lists([List; 4]);

/// How many live sessions are looked at for an idle one.
const SECOND_CHANCES: usize = 32;

impl Lists {
    pub fn new() -> Self {
        Self([List { head: NONE, tail: NONE, len: 0 }; 4])
    }

    /// Number of entries of a rank.
    pub fn len(&self, rank: Rank) -> usize {
        self.0[rank as usize].len
    }

    pub fn push(&mut self, entries: &mut Slab<Entry>, index: u32) {
        let list = &mut self.0[Rank::of(entries[index].class) as usize];
        entries[index].list_prev = list.tail;
        entries[index].list_next = NONE;
        if list.tail == NONE {
            list.head = index;
        } else {
            entries[list.tail].list_next = index;
        }
        list.tail = index;
        list.len += 1;
    }

    /// Takes an entry out of the list of its class.
    pub fn remove(&mut self, entries: &mut Slab<Entry>, index: u32) {
        let list = &mut self.0[Rank::of(entries[index].class) as usize];
        let (next, prev) = (entries[index].list_next, entries[index].list_prev);
        if prev == NONE {
            list.head = next;
        } else {
            entries[prev].list_next = next;
        }
        if next == NONE {
            list.tail = prev;
        } else {
            entries[next].list_prev = prev;
        }
        list.len -= 1;
    }

    /// The next entry of this rank to go: the oldest, or for live sessions the one of the oldest few that is idle longest.
    pub fn victim(&mut self, entries: &mut Slab<Entry>, rank: Rank) -> Option<u32> {
        let head = self.0[rank as usize].head;
        if head == NONE {
            return None;
        }
        if rank != Rank::Live {
            return Some(head);
        }
        let mut best = head;
        let mut seen = Vec::with_capacity(SECOND_CHANCES);
        let mut index = head;
        while index != NONE && seen.len() < SECOND_CHANCES {
            if entries[index].last < entries[best].last {
                best = index;
            }
            seen.push(index);
            index = entries[index].list_next;
        }
        for index in seen {
            if index != best {
                self.remove(entries, index);
                self.push(entries, index);
            }
        }
        Some(best)
    }
}

/// The class of a session in its present state.
pub(super) fn class_of(entry: &Entry) -> Class {
    use crate::packet::proto;
    let two_way = entry.two_way();
    let choose = |initial, ongoing| if two_way { ongoing } else { initial };
    if entry.has(bit::REJECTED) {
        return Class::Blocked;
    }
    match entry.key.proto {
        proto::TCP => match entry.phase {
            Phase::SynSent if super::icmp::is_prohibited(entry) => Class::Blocked,
            Phase::Established => Class::TcpEstablished,
            Phase::Midstream if two_way || entry.has(bit::ADVANCED_0 | bit::ADVANCED_0 << 1) => Class::TcpEstablished,
            Phase::SynSent if entry.has(bit::ADVANCED_0) => Class::TcpEstablished,
            phase if phase.is_final() => {
                if entry.has(bit::NAT) {
                    Class::TcpClosedNat
                } else {
                    Class::TcpClosed
                }
            }
            _ => Class::TcpInitial,
        },
        proto::UDP if !two_way && super::icmp::is_prohibited(entry) => Class::Blocked,
        proto::UDP if entry.has(bit::NAT) => choose(Class::Rfc4787UdpInitial, Class::Rfc4787UdpOngoing),
        proto::UDP => choose(Class::UdpInitial, Class::UdpOngoing),
        proto::ICMP | proto::ICMP6 => choose(Class::IcmpInitial, Class::IcmpOngoing),
        proto::ESP | proto::AH => choose(Class::IpsecInitial, Class::IpsecOngoing),
        _ => choose(Class::OtherInitial, Class::OtherOngoing),
    }
}
