//! Bringing a session up to date with a packet of it.

use crate::outcome::EndReason;
use crate::packet::{Packet, proto};
use crate::settings::Profile;
use crate::zeek::{Conn, EndState, Extra, Segment};

use super::create::is_request;
use super::entry::{Entry, bit};
use super::icmp;
use super::key::Key;
use super::lists;
use super::phase::{Fault, Phase};
use super::slab::Slab;
use super::{Lookup, SessionTable, Sink};

/// How many ICMP errors may wait for the neighbours.
const MAX_STRAYS: usize = 1024;

impl SessionTable {
    /// Ends a session that is over, or that the packet begins anew; true if it did.
    pub(super) fn makes_room_for(&mut self, index: u32, packet: &Packet, lookup: &Lookup, sink: &mut dyn Sink) -> bool {
        let entry = &mut self.entries[index];
        let reuse = if self.settings.profile == Profile::Zeek {
            let segment = Segment::of(packet);
            packet.proto == proto::TCP
                && Conn { ends: &mut entry.ends, history: &mut entry.history, extra: None }.is_reuse(&segment)
        } else {
            if self.deadline(index) <= packet.time {
                self.end(index, EndReason::Idle, sink);
                return true;
            }
            let entry = &self.entries[index];
            is_request(packet) && begins_anew(entry, packet, entry.sender(lookup.from_low))
        };
        if reuse {
            self.stats.reused += 1;
            self.end(index, EndReason::Reuse, sink);
        }
        reuse
    }

    /// Counts a packet to its session and moves its states.
    pub(super) fn update(&mut self, index: u32, packet: &Packet, lookup: &Lookup) {
        let is_tcp = packet.proto == proto::TCP;
        let mut from = self.entries[index].sender(lookup.from_low);
        if packet.bad_checksum {
            self.note_bad_checksum(index, from);
            if is_tcp || self.settings.profile == Profile::Standard {
                self.stats.bad_checksum += 1;
                return;
            }
            // Zeek counts it, and does not look at its time.
            self.entries[index].count(from, packet.ip_len);
            self.stats.tracked += 1;
            return;
        }
        if packet.fragment {
            self.entries[index].flags |= bit::FRAGMENT;
            self.entries[index].mark(bit::OTHER_0, from);
            self.count(index, from, packet);
        } else if is_tcp {
            from = self.turn_round(index, from, packet);
            self.on_segment(index, from, packet);
        } else {
            self.entries[index].flags |= bit::WHOLE;
            self.entries[index].mark(bit::OTHER_0, from);
            self.count(index, from, packet);
            self.entries[index].add_payload(from, packet.payload);
            let entry = &mut self.entries[index];
            Conn { ends: &mut entry.ends, history: &mut entry.history, extra: None }.datagram(from);
        }
        self.reclassify(index);
    }

    fn count(&mut self, index: u32, from: usize, packet: &Packet) {
        let entry = &mut self.entries[index];
        // Zeek's clock of a connection stops when both sides are done.
        let stopped = self.settings.profile == Profile::Zeek && entry.ends[0].did_close() && entry.ends[1].did_close();
        if !stopped {
            entry.last = entry.last.max(packet.time);
        }
        entry.count(from, packet.ip_len);
        self.stats.tracked += 1;
    }

    fn on_segment(&mut self, index: u32, from: usize, packet: &Packet) {
        let segment = Segment::of(packet);
        let entry = &mut self.entries[index];
        entry.flags |= bit::WHOLE;
        entry.tcp_flags[from] |= packet.flags;
        if is_request(packet) && from == 0 {
            if entry.syn_count > 0 && !entry.has(bit::REOPENED) {
                entry.note_syn_gap(packet.time - entry.last);
            }
            entry.syn_count = entry.syn_count.saturating_add(1);
        }
        match entry.step(from, &segment) {
            Ok(()) => {}
            Err(Fault::Rst) => self.stats.invalid_rst += 1,
            Err(Fault::Handshake) => self.stats.invalid_handshake += 1,
        }
        self.entries[index].note_window(from, &segment, packet.scale);
        self.count(index, from, packet);
        self.provide_extra(index, from, &segment, false);
        let mut conn = conn(&mut self.entries, &mut self.extras, index);
        let effects = conn.segment(from, &segment);
        if self.settings.profile == Profile::Zeek {
            if effects.flip {
                conn.flip();
                self.entries[index].swap_sides();
            }
            self.set_timers(index, if effects.flip { 1 - from } else { from }, effects);
        }
    }

    /// Zeek: swaps roles that were guessed wrongly. Gives the side that the packet comes from afterwards.
    fn turn_round(&mut self, index: u32, from: usize, packet: &Packet) -> usize {
        if self.settings.profile != Profile::Zeek {
            return from;
        }
        let mut conn = conn(&mut self.entries, &mut self.extras, index);
        if !conn.answered_backwards(from, &Segment::of(packet)) {
            return from;
        }
        conn.turn_round();
        self.entries[index].swap_sides();
        1 - from
    }

    fn note_bad_checksum(&mut self, index: u32, from: usize) {
        self.provide_extra(index, from, &Segment { flags: 0, seq: 0, ack: 0, window: 1, len: 0 }, true);
        conn(&mut self.entries, &mut self.extras, index).bad_checksum(from);
    }

    /// Makes the cold part of an entry, if this packet may need it.
    fn provide_extra(&mut self, index: u32, from: usize, segment: &Segment, bad: bool) {
        let entry = &self.entries[index];
        if entry.has(bit::EXTRA) || !Conn::needs_extra(&entry.ends, entry.history, from, segment, bad) {
            return;
        }
        if self.extras.len() < self.settings.max_sessions / 4 + 1024 {
            let extra = Extra::of(&entry.ends);
            self.extras.insert(index, extra);
            self.entries[index].flags |= bit::EXTRA;
        } else {
            self.stats.detail_lost += 1;
        }
    }

    /// Puts the session into the class of its state, and its time-out with it.
    fn reclassify(&mut self, index: u32) {
        let class = lists::class_of(&self.entries[index]);
        if class == self.entries[index].class {
            return;
        }
        self.lists.remove(&mut self.entries, index);
        self.entries[index].class = class;
        self.lists.push(&mut self.entries, index);
        if self.settings.profile == Profile::Standard {
            self.wheel.remove(&mut self.entries, index);
            self.schedule(index);
        }
    }

    /// Counts an ICMP error, and keeps it for the neighbours if it spoke of no session here.
    pub(super) fn count_icmp_error(&mut self, packet: &Packet, matched: bool) {
        let may_be_elsewhere = self.settings.has_neighbours && packet.quoted.is_some() && !packet.bad_checksum;
        if matched {
            self.stats.icmp_matched += 1;
        } else if may_be_elsewhere && self.strays.len() < MAX_STRAYS {
            self.strays.push(*packet);
            self.stats.icmp_handed_on += 1;
        } else {
            self.stats.icmp_unmatched += 1;
        }
    }

    /// The ICMP errors that spoke of no session here, for the tables that share the traffic with this one.
    pub fn take_strays(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.strays)
    }

    /// An ICMP error that a neighbouring table had no session for; false if this one has none either, or not yet.
    pub fn adopt(&mut self, error: &Packet) -> bool {
        let adopted = self.on_icmp_error(error);
        self.stats.icmp_adopted += u64::from(adopted);
        adopted
    }

    /// An ICMP error: finds the session it speaks of; false if there is none.
    pub(super) fn on_icmp_error(&mut self, packet: &Packet) -> bool {
        let found = packet.quoted.as_ref().and_then(|quoted| {
            let (key, from_low) = Key::quoted(quoted, packet, self.parts);
            let index = self.find(&key, key.hash(&self.hasher));
            let entry = self.entries.get(index)?;
            icmp::is_ours(entry, quoted, entry.sender(from_low)).then_some(index)
        });
        let Some(index) = found.filter(|_| !packet.bad_checksum) else {
            return false;
        };
        if icmp::is_failure(packet.proto, packet.kind, packet.code) {
            icmp::note(&mut self.entries[index], packet);
            self.reclassify(index);
        }
        true
    }
}

/// Whether a packet with a wrong checksum is noted in the history of its session.
pub(super) fn is_noted_when_bad(packet: &Packet) -> bool {
    matches!(packet.proto, proto::TCP | proto::UDP)
}

/// The part of an entry that belongs to the layer of Zeek.
fn conn<'a>(entries: &'a mut Slab<Entry>, extras: &'a mut super::Extras, index: u32) -> Conn<'a> {
    let entry = &mut entries[index];
    let extra = if entry.has(bit::EXTRA) { extras.get_mut(&index) } else { None };
    Conn { ends: &mut entry.ends, history: &mut entry.history, extra }
}

/// Whether a SYN on the addresses and ports of a session begins another one.
fn begins_anew(entry: &Entry, packet: &Packet, sender: usize) -> bool {
    if !entry.has(bit::WHOLE) {
        return false;
    }
    let end = &entry.ends[sender];
    if sender == 0 {
        return packet.seq != end.start;
    }
    match entry.phase {
        // Both sides open at once.
        Phase::SynSent => false,
        Phase::Simultaneous | Phase::SynRcvd => packet.seq != entry.server_isn,
        _ => end.state == EndState::Inactive || packet.seq != end.start,
    }
}
