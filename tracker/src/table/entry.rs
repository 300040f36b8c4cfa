//! One session in the table: both directions in one entry, laid out to be small.
//!
//! Index 0 of every pair is the client, 1 the server. Must not know how entries are found or expired.

use crate::Micros;
use crate::packet::{Addr, NO_SCALE, Packet, ip_of, proto};
use crate::record::Endpoint;
use crate::settings::Class;
use crate::zeek::End;
use crate::zeek::history::History;

use super::key::Key;
use super::phase::{Phase, Probe};

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// Bits of [`Entry::flags`]. Those named `..._0` are the client's; the server's is the next bit.
pub(super) mod bit {
    /// Sent a FIN that counts.
    pub const FIN_0: u32 = 1;
    /// Sent payload.
    pub const DATA_0: u32 = 1 << 2;
    /// Sent a segment with an acknowledgment (no RST).
    pub const ACKED_0: u32 = 1 << 4;
    /// Sent an acknowledgment without SYN and FIN.
    pub const PLAIN_0: u32 = 1 << 6;
    /// Sent a RST that counts.
    pub const RST_0: u32 = 1 << 8;
    /// Acknowledged more and more of a side that was not seen.
    pub const ADVANCED_0: u32 = 1 << 10;
    /// Sent something other than RST.
    pub const OTHER_0: u32 = 1 << 12;
    /// The client is `low` of the key.
    pub const CLIENT_LOW: u32 = 1 << 14;
    /// Established without a whole handshake in sight.
    pub const INFERRED: u32 = 1 << 15;
    /// Behind address translation.
    pub const NAT: u32 = 1 << 16;
    /// Rejected by a rule.
    pub const REJECTED: u32 = 1 << 17;
    /// An ICMP error spoke of it.
    pub const ICMP: u32 = 1 << 18;
    /// Later fragments were counted to it.
    pub const FRAGMENT: u32 = 1 << 19;
    /// A packet with a whole and correct transport header was seen.
    pub const WHOLE: u32 = 1 << 20;
    /// Zeek: both sides are done.
    pub const CANCELLED: u32 = 1 << 21;
    /// Continues a session whose record was already made.
    pub const REOPENED: u32 = 1 << 22;
    /// Its first packet came from the server.
    pub const SERVER_FIRST: u32 = 1 << 23;
    /// Zeek: the idle period is the long one.
    pub const HANDSHAKEN: u32 = 1 << 24;
    /// In the table.
    pub const LIVE: u32 = 1 << 25;
    /// Has an [`crate::zeek::Extra`].
    pub const EXTRA: u32 = 1 << 26;
}

/// A session. The layout is fixed, so that what one packet needs lies together.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct Entry {
    pub key: Key,
    /// Interim records so far. In the profile of Zeek, which makes none: how many sessions had this place before.
    pub turn: u16,
    pub last: Micros,
    pub start: Micros,
    pub history: History,
    bytes_low: [u32; 2],
    bytes_high: [u16; 2],
    pub ends: [End; 2],
    pub packets: [u32; 2],
    pub wheel_next: u32,
    pub wheel_prev: u32,
    pub list_next: u32,
    pub list_prev: u32,
    pub flags: u32,
    /// Sequence number of the server's SYN that counts.
    pub server_isn: u32,
    pub tcp_flags: [u16; 2],
    pub syn_count: u16,
    pub phase: Phase,
    pub class: Class,
    /// While a SYN waits for its answer: seconds between the last two; in the other phases the [`Probe`].
    detail: u8,
    /// Window scale of each side in four bits, all set where its SYN was not seen.
    scales: u8,
    pub icmp: [u8; 2],
}

/// Most bytes that are counted for one side: 2^48.
const MOST_BYTES: u64 = (1 << 48) - 1;

impl Entry {
    /// An entry for a session that begins with `packet`; nothing of the packet is counted yet.
    pub fn new(key: Key, packet: &Packet, client_low: bool) -> Self {
        Self {
            key,
            start: packet.time,
            last: packet.time,
            history: History::default(),
            bytes_low: [0; 2],
            bytes_high: [0; 2],
            ends: [End::default(); 2],
            packets: [0; 2],
            wheel_next: NONE,
            wheel_prev: NONE,
            list_next: NONE,
            list_prev: NONE,
            flags: if client_low { bit::CLIENT_LOW } else { 0 },
            server_isn: 0,
            tcp_flags: [0; 2],
            syn_count: 0,
            turn: 0,
            phase: Phase::Nothing,
            class: Class::OtherInitial,
            detail: 0,
            scales: u8::MAX,
            icmp: [0; 2],
        }
    }

    /// Bytes that a side has sent, IP headers included.
    pub fn bytes(&self, side: usize) -> u64 {
        u64::from(self.bytes_high[side]) << 32 | u64::from(self.bytes_low[side])
    }

    /// Counts one packet of a side.
    pub fn count(&mut self, side: usize, bytes: u32) {
        let sum = (self.bytes(side) + u64::from(bytes)).min(MOST_BYTES);
        self.bytes_low[side] = sum as u32;
        self.bytes_high[side] = (sum >> 32) as u16;
        self.packets[side] = self.packets[side].saturating_add(1);
    }

    /// What kind of probe the first packet may have been.
    pub fn probe(&self) -> Probe {
        match self.phase {
            Phase::SynSent => Probe::None,
            _ => Probe::ALL.get(usize::from(self.detail)).copied().unwrap_or(Probe::None),
        }
    }

    /// The first packet: where the session stands, and what it may be a probe for.
    pub fn begin(&mut self, phase: Phase, probe: Probe) {
        self.phase = phase;
        self.detail = probe as u8;
    }

    /// Seconds between the last two SYNs of a session that waits for an answer.
    pub fn syn_gap(&self) -> u8 {
        if self.phase == Phase::SynSent { self.detail } else { 0 }
    }

    /// Another SYN came so many microseconds after the last packet.
    pub fn note_syn_gap(&mut self, gap: Micros) {
        if self.phase == Phase::SynSent {
            self.detail = (gap / 1_000_000).clamp(0, 255) as u8;
        }
    }

    /// Window scale of a side, [`NO_SCALE`] where its SYN was not seen.
    pub fn scale(&self, side: usize) -> u8 {
        match self.scales >> (4 * side) & 15 {
            15 => NO_SCALE,
            shift => shift,
        }
    }

    /// Keeps the window scale (0 to 14) of a side.
    pub fn set_scale(&mut self, side: usize, shift: u8) {
        self.scales = self.scales & !(15 << (4 * side)) | shift.min(14) << (4 * side);
    }

    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Sets the bit of one side.
    pub fn mark(&mut self, bit_0: u32, side: usize) {
        self.flags |= bit_0 << side;
    }

    /// Whether the bit of one side is set.
    pub fn marked(&self, bit_0: u32, side: usize) -> bool {
        self.flags & (bit_0 << side) != 0
    }

    pub fn is_tcp(&self) -> bool {
        self.key.proto == proto::TCP
    }

    fn side(&self, low: bool) -> (Addr, u16) {
        if low { (self.key.low, self.key.low_port) } else { (self.key.high, self.key.high_port) }
    }

    /// Client and server. For ICMP the client has no port and the server's says what is asked: `type << 8 | code`.
    pub fn endpoints(&self) -> (Endpoint, Endpoint) {
        let low = self.has(bit::CLIENT_LOW);
        let (client, server) = (self.side(low), self.side(!low));
        let ports = match self.key.proto {
            proto::ICMP | proto::ICMP6 => (0, self.key.high_port),
            _ => (client.1, server.1),
        };
        (Endpoint { ip: ip_of(client.0), port: ports.0 }, Endpoint { ip: ip_of(server.0), port: ports.1 })
    }

    /// Address and port of the server, as the key holds them.
    pub fn server_side(&self) -> (Addr, u16) {
        self.side(!self.has(bit::CLIENT_LOW))
    }

    /// Which side a packet comes from: 0 the client, 1 the server.
    pub fn sender(&self, from_low: bool) -> usize {
        usize::from(from_low != self.has(bit::CLIENT_LOW))
    }

    /// Payload bytes of a protocol without sequence numbers are kept where TCP has those.
    pub fn add_payload(&mut self, side: usize, bytes: u32) {
        let end = &mut self.ends[side];
        let sum = (u64::from(end.last) << 32 | u64::from(end.ack)) + u64::from(bytes);
        end.last = (sum >> 32) as u32;
        end.ack = sum as u32;
    }

    /// What [`add_payload`](Self::add_payload) has added up.
    pub fn payload(&self, side: usize) -> u64 {
        u64::from(self.ends[side].last) << 32 | u64::from(self.ends[side].ack)
    }

    /// Client and server turn out to be the other way round. The layer of Zeek swaps its own part.
    pub fn swap_sides(&mut self) {
        const PAIRS: u32 = 0x3fff;
        let low_bits = self.flags & 0x1555;
        let high_bits = self.flags & 0x2aaa;
        self.flags = self.flags & !PAIRS | low_bits << 1 | high_bits >> 1;
        self.flags ^= bit::CLIENT_LOW;
        self.bytes_low.swap(0, 1);
        self.bytes_high.swap(0, 1);
        self.packets.swap(0, 1);
        self.tcp_flags.swap(0, 1);
        self.scales = self.scales.rotate_right(4);
    }

    /// Whether both sides have sent packets.
    pub fn two_way(&self) -> bool {
        self.packets[0] > 0 && self.packets[1] > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 160, "{} bytes", size_of::<Entry>());
    }

    #[test]
    fn swapping_sides_swaps_every_pair() {
        let parts = super::super::key::KeyParts { vlan: true, tunnel: true, icmp_by_type: false };
        let key = Key::of(&Packet::new(0, [1; 16], [2; 16], 6), parts).0;
        let mut entry = Entry::new(key, &Packet::new(0, [1; 16], [2; 16], 6), true);
        entry.flags |= bit::FIN_0 | bit::DATA_0 << 1 | bit::OTHER_0 | bit::INFERRED;
        entry.packets = [1, 2];
        entry.count(1, u32::MAX);
        entry.count(1, 2);
        entry.set_scale(0, 7);
        entry.swap_sides();
        assert_eq!(entry.flags, bit::FIN_0 << 1 | bit::DATA_0 | bit::OTHER_0 << 1 | bit::INFERRED);
        assert_eq!(entry.packets, [4, 1]);
        assert_eq!([entry.bytes(0), entry.bytes(1)], [(1 << 32) + 1, 0]);
        assert_eq!([entry.scale(0), entry.scale(1)], [NO_SCALE, 7]);
    }
}
