//! Beginning a session: whose it is, whether it is wanted, and whether there is room.

use crate::Micros;
use crate::community::icmp_request;
use crate::outcome::EndReason;
use crate::packet::{Packet, flag, ip_of, proto};
use crate::record::Endpoint;
use crate::rules::Action;
use crate::service::second_is_server;
use crate::settings::Profile;
use crate::zeek::timers::{DEFAULT as PERIODS, Kind};

use super::entry::{Entry, bit};
use super::lists::{self, Rank};
use super::phase::{Phase, Probe, opening};
use super::tombstone::{Memory, Tombstone};
use super::{Lookup, SessionTable, Sink};

/// The first chunk of an SCTP association and of its answer (RFC 9260 section 3.2).
const SCTP_INIT: u8 = 1;
const SCTP_INIT_ACK: u8 = 2;

/// Whether the packet is a SYN that asks for a connection.
pub(super) fn is_request(packet: &Packet) -> bool {
    packet.proto == proto::TCP
        && !packet.fragment
        && packet.flags & (flag::SYN | flag::ACK | flag::RST | flag::FIN) == flag::SYN
}

impl SessionTable {
    /// Begins the session of a packet; `None` if there is to be none, which is counted.
    pub(super) fn create(&mut self, packet: &Packet, lookup: &Lookup, now: Micros, sink: &mut dyn Sink) -> Option<u32> {
        let reopened = match self.tombstones.get(lookup.hash, now) {
            Some(stone) if is_request(packet) => {
                let same = stone.isn == packet.seq;
                if same && stone.memory == Memory::Closed {
                    self.stats.late += 1;
                    return None;
                }
                self.tombstones.remove(lookup.hash);
                same.then_some(stone)
            }
            Some(stone) if stone.memory == Memory::Closed => {
                self.stats.late += 1;
                return None;
            }
            _ => None,
        };
        let source_is_client = self.source_is_client(packet);
        let mut entry = Entry::new(lookup.key, packet, lookup.from_low == source_is_client);
        if !source_is_client {
            entry.flags |= bit::SERVER_FIRST;
            entry.history.push(b'^');
        }
        self.apply_rules(&mut entry)?;
        if let Some(stone) = reopened {
            reopen(&mut entry, &stone);
            self.stats.reopened += 1;
        }
        entry.class = lists::class_of(&entry);
        self.make_room(packet, &entry, sink)?;
        self.insert(entry, lookup.hash)
    }

    fn insert(&mut self, mut entry: Entry, hash: u64) -> Option<u32> {
        entry.flags |= bit::LIVE;
        if self.settings.profile == Profile::Zeek {
            entry.turn = self.entries.next_free().map_or(0, |place| self.entries[place].turn.wrapping_add(1));
        }
        let (start, generation) = (entry.last, entry.turn);
        let Some(index) = self.entries.insert(entry) else {
            self.stats.refused += 1;
            return None;
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, index, |&other| entries[other].key.hash(hasher));
        self.lists.push(&mut self.entries, index);
        self.stats.created += 1;
        if self.settings.profile == Profile::Zeek {
            self.timers.set(start + PERIODS.syn, Kind::Expire, index, generation);
            self.timers.set(start + PERIODS.udp_inactivity, Kind::Inactivity, index, generation);
        } else {
            self.schedule(index);
        }
        Some(index)
    }

    /// Asks the rules; `None` if the session is not to be looked at.
    fn apply_rules(&mut self, entry: &mut Entry) -> Option<()> {
        if self.settings.rules.is_empty()
            && self.settings.nat.is_empty()
            && self.settings.default_action == Action::Track
        {
            return Some(());
        }
        let (client, server) = entry.endpoints();
        let number = entry.key.proto;
        let rule = self.settings.rules.iter().find(|rule| rule.what.matches(number, client, server));
        match rule.map_or(self.settings.default_action, |rule| rule.action) {
            Action::Track => {}
            Action::Reject => entry.flags |= bit::REJECTED,
            Action::Ignore => {
                self.stats.ignored += 1;
                return None;
            }
        }
        if self.settings.nat.iter().any(|nat| nat.matches(number, client, server)) {
            entry.flags |= bit::NAT;
        }
        Some(())
    }

    /// Makes sure that there is a place; `None` if the packet may not begin a session now.
    fn make_room(&mut self, packet: &Packet, entry: &Entry, sink: &mut dyn Sink) -> Option<()> {
        let (used, most) = (self.entries.len(), self.settings.max_sessions);
        if !self.emergency && used >= most - most / 10 {
            self.emergency = true;
            self.stats.emergencies += 1;
        }
        if self.emergency && packet.proto == proto::TCP && !is_request(packet) {
            self.stats.emergency_refused += 1;
            return None;
        }
        if Rank::of(entry.class) == Rank::HalfOpen && self.lists.len(Rank::HalfOpen) >= self.max_half_open {
            self.evict(&[Rank::HalfOpen], sink);
        }
        if self.entries.is_full() && !self.evict(&Rank::ALL, sink) {
            self.stats.refused += 1;
            return None;
        }
        Some(())
    }

    /// Evicts one session of the first of these ranks that has one.
    fn evict(&mut self, ranks: &[Rank], sink: &mut dyn Sink) -> bool {
        for &rank in ranks {
            if let Some(index) = self.lists.victim(&mut self.entries, rank) {
                self.evict_one(index, rank, sink);
                return true;
            }
        }
        false
    }

    /// Ends a session for lack of room, and counts it to its server.
    pub(super) fn evict_one(&mut self, index: u32, rank: Rank, sink: &mut dyn Sink) {
        self.evictions.count(self.entries[index].server_side());
        *match rank {
            Rank::HalfOpen => &mut self.stats.evicted_half_open,
            Rank::OneWay => &mut self.stats.evicted_one_way,
            Rank::Closed => &mut self.stats.evicted_closed,
            Rank::Live => &mut self.stats.evicted_live,
        } += 1;
        self.end(index, EndReason::Resources, sink);
    }

    /// Whether the sender of a first packet is the client.
    fn source_is_client(&self, packet: &Packet) -> bool {
        if self.settings.profile == Profile::Zeek {
            return !self.zeek_flips(packet);
        }
        if packet.fragment {
            return true;
        }
        match packet.proto {
            proto::TCP => match opening(packet.flags, packet.payload) {
                (Phase::SynSent, _) | (_, Probe::Null | Probe::Fin | Probe::Xmas | Probe::SynFin) => true,
                (Phase::HalfSeen, _) | (_, Probe::Backscatter) => false,
                _ => self.destination_is_server(packet),
            },
            proto::SCTP if packet.kind == SCTP_INIT => true,
            proto::SCTP if packet.kind == SCTP_INIT_ACK => false,
            proto::UDP | proto::SCTP => self.destination_is_server(packet),
            proto::ICMP | proto::ICMP6 => icmp_request(packet.proto, packet.kind) == packet.kind,
            _ => true,
        }
    }

    fn destination_is_server(&self, packet: &Packet) -> bool {
        let source = Endpoint { ip: ip_of(packet.src), port: packet.sport };
        let destination = Endpoint { ip: ip_of(packet.dst), port: packet.dport };
        let services = &self.settings.services;
        let configured = |endpoint: Endpoint| {
            services
                .iter()
                .any(|service| service.proto.is_none_or(|own| own == packet.proto) && service.to.matches(endpoint))
        };
        second_is_server(packet.proto, source, destination, &configured)
    }

    /// Zeek's guess that a first packet comes from the responder.
    fn zeek_flips(&self, packet: &Packet) -> bool {
        let likely = |port| self.settings.likely_ports.contains(packet.proto, port);
        let (source, destination) = (likely(packet.sport), likely(packet.dport));
        let syn = packet.flags & flag::SYN != 0;
        match packet.proto {
            proto::TCP if syn && packet.flags & flag::ACK == 0 => false,
            proto::TCP if source && destination => !syn && packet.sport < packet.dport,
            proto::TCP => source,
            proto::UDP => source && !destination,
            _ => false,
        }
    }
}

/// Goes on with a session whose SYN is sent again after its record was made: same id, same count of SYNs.
fn reopen(entry: &mut Entry, stone: &Tombstone) {
    entry.start = stone.start;
    entry.syn_count = stone.syn_count;
    entry.flags |= bit::REOPENED;
}
