//! Export messages of the demo: IPFIX biflows (RFC 7011, RFC 5103) and unidirectional NetFlow v9 (RFC 3954).

use std::net::Ipv4Addr;

use tracker::Micros;

use super::world::{DemoSession, Fate};

/// Sessions per message, so that a datagram stays below 1,400 bytes.
pub const PER_MESSAGE: usize = 14;
/// Messages between two announcements of the template.
const TEMPLATE_EVERY: u32 = 64;
const REVERSE_PEN: u32 = 29_305;

const SYN: u16 = 0x02;
const RST_ACK: u16 = 0x14;
const SYN_ACK: u16 = 0x12;
const FULL: u16 = 0x1b; // FIN, SYN, PSH, ACK

/// What one side sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    packets: u32,
    bytes: u32,
    flags: u16,
}

/// What both sides of a session sent.
fn totals(session: &DemoSession) -> (Sent, Sent) {
    let sent = |packets, bytes, flags| Sent { packets, bytes, flags };
    match session.fate {
        Fate::Served => {
            let packets = 4 + session.reply_bytes / 1_400;
            (sent(packets, 420 + packets * 52, FULL), sent(packets, session.reply_bytes + packets * 52, FULL))
        }
        Fate::Refused => (sent(1, 60, SYN), sent(1, 40, RST_ACK)),
        Fate::Unanswered => (sent(3, 180, SYN), sent(0, 0, 0)),
        Fate::HalfOpen => (sent(1, 60, SYN), sent(3, 180, SYN_ACK)),
    }
}

/// Writes the messages of one exporting process.
#[derive(Debug, Clone)]
pub struct Exporter {
    version: Version,
    domain: u32,
    /// Messages so far.
    messages: u32,
    /// Data records so far (IPFIX) or packets so far (v9).
    sequence: u32,
    /// When the exporter booted, for v9's system uptime.
    booted: Micros,
}

/// Protocol of an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// IPFIX with one record for both directions.
    Ipfix,
    /// NetFlow v9 with one record for each direction.
    V9,
}

impl Exporter {
    /// An exporting process that booted at `booted`.
    pub const fn new(version: Version, domain: u32, booted: Micros) -> Self {
        Self { version, domain, messages: 0, sequence: 0, booted }
    }

    /// The next message carries the template.
    pub const fn announce(&mut self) {
        self.messages = 0;
    }

    /// One message with these sessions (at most [`PER_MESSAGE`]), exported at `now`; `None` for no sessions.
    pub fn message(&mut self, sessions: &[DemoSession], now: Micros) -> Option<Vec<u8>> {
        if sessions.is_empty() {
            return None;
        }
        let announce = self.messages.is_multiple_of(TEMPLATE_EVERY);
        self.messages = self.messages.wrapping_add(1);
        Some(match self.version {
            Version::Ipfix => self.ipfix(sessions, now, announce),
            Version::V9 => self.v9(sessions, now, announce),
        })
    }

    fn ipfix(&mut self, sessions: &[DemoSession], now: Micros, announce: bool) -> Vec<u8> {
        let mut out = Writer::default();
        out.u16(10).u16(0).u32(seconds(now)).u32(self.sequence).u32(self.domain);
        if announce {
            let set = out.open(2);
            out.u16(256).u16(16);
            for (id, length) in [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 2), (2, 4), (1, 4)] {
                out.u16(id).u16(length);
            }
            for (id, length) in [(152, 8), (153, 8), (136, 1), (10, 4), (14, 4)] {
                out.u16(id).u16(length);
            }
            for (id, length) in [(2, 4), (1, 4), (6, 2)] {
                out.u16(id | 0x8000).u16(length).u32(REVERSE_PEN);
            }
            out.close(set);
        }
        let set = out.open(256);
        for session in sessions {
            let (forward, reverse) = totals(session);
            let reason = if session.fate == Fate::Served { 3 } else { 1 };
            out.address(session.client.0).address(session.server.0).u16(session.client.1).u16(session.server.1);
            out.u8(6).u16(forward.flags).u32(forward.packets).u32(forward.bytes);
            out.u64(millis(session.start)).u64(millis(session.end)).u8(reason).u32(1).u32(2);
            out.u32(reverse.packets).u32(reverse.bytes).u16(reverse.flags);
        }
        out.close(set);
        self.sequence = self.sequence.wrapping_add(sessions.len() as u32);
        let length = out.bytes.len() as u16;
        out.patch(2, length);
        out.bytes
    }

    fn v9(&mut self, sessions: &[DemoSession], now: Micros, announce: bool) -> Vec<u8> {
        let uptime = |time: Micros| ((time - self.booted).max(0) / 1_000) as u32;
        let halves: Vec<_> = sessions
            .iter()
            .flat_map(|session| {
                let (forward, reverse) = totals(session);
                [(session, forward, false), (session, reverse, true)]
            })
            .filter(|(_, sent, _)| sent.packets > 0)
            .collect();
        let mut out = Writer::default();
        let records = halves.len() as u16 + u16::from(announce);
        out.u16(9).u16(records).u32(uptime(now)).u32(seconds(now)).u32(self.sequence).u32(self.domain);
        if announce {
            let set = out.open(0);
            out.u16(260).u16(10);
            for (id, length) in [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (2, 4), (1, 4), (22, 4), (21, 4)] {
                out.u16(id).u16(length);
            }
            out.close(set);
        }
        let set = out.open(260);
        for (session, sent, reverse) in halves {
            let (from, to) = if reverse { (session.server, session.client) } else { (session.client, session.server) };
            out.address(from.0).address(to.0).u16(from.1).u16(to.1).u8(6).u8(sent.flags as u8);
            out.u32(sent.packets).u32(sent.bytes).u32(uptime(session.start)).u32(uptime(session.end));
        }
        out.close(set);
        self.sequence = self.sequence.wrapping_add(1);
        out.bytes
    }
}

fn seconds(time: Micros) -> u32 {
    (time / 1_000_000) as u32
}

fn millis(time: Micros) -> u64 {
    (time / 1_000) as u64
}

/// Big-endian bytes.
#[derive(Debug, Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    fn address(&mut self, value: Ipv4Addr) -> &mut Self {
        self.bytes.extend(value.octets());
        self
    }

    fn patch(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
    }

    /// Begins a set; returns where it began.
    fn open(&mut self, id: u16) -> usize {
        let at = self.bytes.len();
        self.u16(id).u16(0);
        at
    }

    /// Ends a set: pads to 4 bytes and writes its length.
    fn close(&mut self, at: usize) {
        while !self.bytes.len().is_multiple_of(4) {
            self.u8(0);
        }
        let length = (self.bytes.len() - at) as u16;
        self.patch(at + 2, length);
    }
}
