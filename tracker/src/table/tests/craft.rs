//! Segments of a conversation between one client and one server, with the right numbers unless told otherwise.

use crate::Micros;
use crate::packet::{Packet, addr_of, flag, proto};
use crate::record::SessionRecord;
use crate::settings::TableSettings;
use crate::table::SessionTable;

pub const SECOND: Micros = 1_000_000;
pub const SYN: u16 = flag::SYN;
pub const ACK: u16 = flag::ACK;
pub const FIN: u16 = flag::FIN;
pub const RST: u16 = flag::RST;
pub const SYN_ACK: u16 = flag::SYN | flag::ACK;
pub const FIN_ACK: u16 = flag::FIN | flag::ACK;
pub const RST_ACK: u16 = flag::RST | flag::ACK;

/// A packet between two hosts.
pub fn between(time: Micros, src: (&str, u16), dst: (&str, u16), number: u8) -> Packet {
    let addr = |ip: &str| addr_of(ip.parse().unwrap());
    Packet { sport: src.1, dport: dst.1, ip_len: 40, ..Packet::new(time, addr(src.0), addr(dst.0), number) }
}

pub fn udp(time: Micros, src: (&str, u16), dst: (&str, u16)) -> Packet {
    Packet { payload: 12, ..between(time, src, dst, proto::UDP) }
}

/// A conversation: knows what each side has sent.
#[derive(Debug, Clone)]
pub struct Talk {
    pub client: (&'static str, u16),
    pub server: (&'static str, u16),
    /// Next sequence number of client and server.
    pub next: [u32; 2],
}

impl Talk {
    pub fn new(client_port: u16) -> Self {
        Self { client: ("10.0.0.1", client_port), server: ("10.0.0.2", 80), next: [1000, 900_000] }
    }

    /// A segment of a side (0 the client) with the numbers that are due.
    pub fn send(&mut self, time: Micros, side: usize, flags: u16, len: u32) -> Packet {
        let packet = self.peek(time, side, flags, len);
        self.next[side] = self.next[side]
            .wrapping_add(len)
            .wrapping_add(u32::from(flags & SYN != 0))
            .wrapping_add(u32::from(flags & FIN != 0));
        packet
    }

    /// The same without counting it as sent.
    pub fn peek(&self, time: Micros, side: usize, flags: u16, len: u32) -> Packet {
        let (src, dst) = if side == 0 { (self.client, self.server) } else { (self.server, self.client) };
        Packet {
            flags,
            seq: self.next[side],
            ack: if flags & ACK == 0 { 0 } else { self.next[1 - side] },
            window: 64_000,
            payload: len,
            ip_len: 40 + len,
            ..between(time, src, dst, proto::TCP)
        }
    }

    /// The three packets of a handshake.
    pub fn handshake(&mut self, time: Micros) -> Vec<Packet> {
        vec![self.send(time, 0, SYN, 0), self.send(time + 1, 1, SYN_ACK, 0), self.send(time + 2, 0, ACK, 0)]
    }
}

/// A table that keeps its records.
pub struct World {
    pub table: SessionTable,
    pub records: Vec<SessionRecord>,
}

impl World {
    pub fn new(settings: TableSettings) -> Self {
        Self { table: SessionTable::new(settings), records: Vec::new() }
    }

    pub fn see(&mut self, packet: Packet) {
        self.table.on_packet(&packet, packet.time, &mut self.records);
    }

    pub fn see_all(&mut self, packets: impl IntoIterator<Item = Packet>) {
        for packet in packets {
            self.see(packet);
        }
    }

    pub fn advance(&mut self, now: Micros) {
        self.table.advance(now, &mut self.records);
    }

    /// Ends everything and gives the outcomes in the order the sessions ended.
    pub fn outcomes(mut self) -> Vec<&'static str> {
        self.table.finish(&mut self.records);
        self.check();
        self.records.iter().map(|record| record.outcome.as_str()).collect()
    }

    /// What must always hold of the counters.
    pub fn check(&self) {
        let stats = self.table.stats();
        assert_eq!(stats.packets, stats.tracked + stats.untracked(), "{stats:?}");
        assert_eq!(stats.created, stats.ended + self.table.len() as u64, "{stats:?}");
        assert_eq!(self.records.len() as u64, stats.ended + stats.interim, "{stats:?}");
    }
}

/// The outcome of a single session.
pub fn outcome_of(packets: impl IntoIterator<Item = Packet>) -> &'static str {
    let mut world = World::new(TableSettings::default());
    world.see_all(packets);
    let outcomes = world.outcomes();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes[0]
}
