//! The two endpoints of a TCP connection as Zeek sees them: state, sequence numbers, history.
//!
//! An established connection needs only [`End`]; what few connections need is in [`Extra`], made on demand.

use crate::packet::{Packet, flag};

use super::history::{History, swap_case};

/// Zeek's endpoint states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum EndState {
    /// Nothing seen.
    #[default]
    Inactive,
    /// Sent a SYN.
    SynSent,
    /// Sent a SYN+ACK.
    SynAckSent,
    /// Sent packets, but no SYN was seen.
    Partial,
    /// The handshake got as far as the SYN+ACK.
    Established,
    /// Sent a FIN.
    Closed,
    /// Sent a RST.
    Reset,
}

impl EndState {
    fn is_handshake(self) -> bool {
        matches!(self, Self::Inactive | Self::SynSent | Self::SynAckSent)
    }
}

/// One side of a connection: sequence numbers (modulo 2^32), state, and which letters it already has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End {
    /// Sequence number of the SYN, or one before the first byte seen.
    pub start: u32,
    /// One past the highest byte sent.
    pub last: u32,
    /// The highest acknowledgment of this side's bytes.
    pub ack: u32,
    pub state: EndState,
    pub prev: EndState,
    /// Letters that are noted once (see `seen`).
    seen: u8,
    bits: u8,
}

/// Bits of [`End::seen`]; SYN also stands for SYN+ACK.
mod seen {
    pub const SYN: u8 = 1;
    pub const FIN: u8 = 2;
    pub const RST: u8 = 4;
    pub const DATA: u8 = 8;
    pub const ACK: u8 = 16;
    pub const FIN_RST: u8 = 32;
    pub const MULTI: u8 = 64;
}

/// Bits of [`End::bits`]; those above are the number of bits of the largest window offered.
const DID_CLOSE: u8 = 1;
const SENT_FIN: u8 = 2;
const WINDOW: u32 = 2;

impl End {
    /// Zeek considers this side finished.
    pub fn did_close(self) -> bool {
        self.bits & DID_CLOSE != 0
    }

    pub fn set_did_close(&mut self) {
        self.bits |= DID_CLOSE;
    }

    /// Number of bits of the largest window that this side has offered, 0 if it never offered one.
    pub fn window_bits(self) -> u8 {
        self.bits >> WINDOW
    }

    /// This side offers a window of so many bits.
    pub fn widen(&mut self, bits: u8) {
        if bits > self.window_bits() {
            self.bits = self.bits & (DID_CLOSE | SENT_FIN) | bits << WINDOW;
        }
    }

    /// Payload bytes by sequence numbers, gaps included.
    fn size(self, wraps: [u16; 2], peer: Self) -> u64 {
        let acked = self.ack.wrapping_sub(self.start) > 1;
        if self.prev == EndState::SynSent && self.state == EndState::Reset && peer.state == EndState::Inactive && acked
        {
            return 0;
        }
        let last = u64::from(wraps[0]) << 32 | u64::from(self.last);
        let ack = u64::from(wraps[1]) << 32 | u64::from(self.ack);
        let octets = last.max(ack).wrapping_sub(u64::from(self.start));
        octets.saturating_sub(1).saturating_sub(u64::from(octets > 1 && self.bits & SENT_FIN != 0))
    }
}

/// How many letters are kept in all.
const MAX_LETTERS: usize = 256;

/// What of a segment counts here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub flags: u16,
    pub seq: u32,
    pub ack: u32,
    pub window: u16,
    pub len: u32,
}

impl Segment {
    pub fn of(packet: &Packet) -> Self {
        Self { flags: packet.flags, seq: packet.seq, ack: packet.ack, window: packet.window, len: packet.payload }
    }

    pub fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// One past its last octet; SYN and FIN count as one each (RFC 9293 section 3.4), what a RST carries does not.
    fn one_past(&self) -> u32 {
        let payload = if self.has(flag::RST) { 0 } else { self.len };
        self.seq.wrapping_add(payload + u32::from(self.has(flag::SYN)) + u32::from(self.has(flag::FIN)))
    }
}

/// What a packet did that matters for life times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Effects {
    /// The sender is done (FIN or RST).
    pub close: bool,
    /// The originator's first SYN.
    pub attempt: bool,
    /// The connection left the handshake.
    pub left_handshake: bool,
    /// RST after FIN.
    pub reset: bool,
    /// The roles must be swapped.
    pub flip: bool,
}

/// A connection being updated: the parts of a table entry that belong to this layer.
pub(crate) struct Conn<'a> {
    pub ends: &'a mut [End; 2],
    pub history: &'a mut History,
    /// `None` also when there was no room for one: the finer letters are then not noted.
    pub extra: Option<&'a mut Extra>,
}

fn delta(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

const TOO_LARGE: i32 = 1 << 20;

impl Conn<'_> {
    fn add(&mut self, from: usize, letter: u8) {
        let letter = if from == 0 { letter.to_ascii_uppercase() } else { letter };
        if !self.history.push(letter)
            && let Some(extra) = self.extra.as_deref_mut()
            && extra.more.len() < MAX_LETTERS
        {
            extra.more.push(char::from(letter));
        }
    }

    /// Notes a letter once per side; true if it had been noted before.
    fn check(&mut self, from: usize, bit: u8, letter: u8) -> bool {
        if self.ends[from].seen & bit != 0 {
            return true;
        }
        self.ends[from].seen |= bit;
        self.add(from, letter);
        false
    }

    /// Notes a letter for the 1st, 10th, 100th ... time.
    fn scaled(&mut self, from: usize, which: usize, letter: u8) {
        let Some(extra) = self.extra.as_deref_mut() else { return };
        let count = &mut extra.counts[from][which];
        *count = count.saturating_add(1);
        let count = *count;
        if count == 10u32.pow(count.ilog10()) {
            self.add(from, letter);
        }
    }

    /// A packet with a wrong checksum: nothing else of it counts.
    pub fn bad_checksum(&mut self, from: usize) {
        self.scaled(from, 0, b'c');
    }

    /// A datagram of a protocol without connections.
    pub fn datagram(&mut self, from: usize) {
        self.check(from, seen::DATA, b'd');
        self.ends[from].state = EndState::Established;
    }

    /// Notes the segment and moves the sender's state.
    pub fn segment(&mut self, from: usize, segment: &Segment) -> Effects {
        let peer = 1 - from;
        let one_past = segment.one_past();
        self.init(from, segment, one_past);
        let wraps = self.extra.as_ref().map_or([[0; 2]; 2], |extra| extra.wraps);
        let end = self.ends[from];
        let relative = relative(end.start, segment.seq, end.last, wraps[from][0]);
        self.note(from, segment, relative as u32);
        if segment.window == 0
            && !segment.has(flag::RST)
            && self.ends[peer].state != EndState::Closed
            && self.ends[from].state != EndState::Reset
        {
            self.scaled(from, 2, b'w');
        }
        if segment.has(flag::FIN) {
            self.ends[from].bits |= SENT_FIN;
        }
        if segment.has(flag::ACK) {
            self.acknowledged(peer, segment, wraps[peer][1]);
        }
        self.advance(from, segment, one_past);
        self.transition(from, segment)
    }

    fn init(&mut self, from: usize, segment: &Segment, one_past: u32) {
        let end = &mut self.ends[from];
        let syn = segment.has(flag::SYN);
        let restart = match end.state {
            EndState::Inactive if !syn => {
                end.start = segment.seq.wrapping_sub(1);
                end.ack = end.start;
                end.last = segment.seq;
                return;
            }
            EndState::Inactive => true,
            EndState::SynSent | EndState::SynAckSent => syn && segment.seq != end.start,
            EndState::Established | EndState::Partial => syn,
            EndState::Reset => syn && end.prev == EndState::Inactive,
            EndState::Closed => false,
        };
        if restart {
            end.start = segment.seq;
            end.ack = segment.seq;
            end.last = one_past;
        }
    }

    fn note(&mut self, from: usize, segment: &Segment, relative: u32) {
        let (syn, fin, rst) = (segment.has(flag::SYN), segment.has(flag::FIN), segment.has(flag::RST));
        match u8::from(syn) + u8::from(fin) + u8::from(rst) {
            0 if segment.len > 0 => {
                self.check(from, seen::DATA, b'd');
            }
            0 if segment.has(flag::ACK) => {
                self.check(from, seen::ACK, b'a');
            }
            0 => {}
            1 => {
                let (which, bit, letter, at) = if syn {
                    (0, seen::SYN, if segment.has(flag::ACK) { b'h' } else { b's' }, relative)
                } else if fin {
                    // A FIN is told by where it ends.
                    (1, seen::FIN, b'f', relative.wrapping_add(segment.len))
                } else {
                    (2, seen::RST, b'r', relative)
                };
                let before = self.extra.as_ref().map(|extra| extra.last_flag[from][which]);
                if self.check(from, bit, letter) && before.is_some_and(|before| before != at) {
                    self.add(from, letter);
                }
                if let Some(extra) = self.extra.as_deref_mut() {
                    extra.last_flag[from][which] = at;
                }
            }
            _ if fin && rst => {
                self.check(from, seen::FIN_RST, b'i');
            }
            _ => {
                self.check(from, seen::MULTI, b'q');
            }
        }
    }

    /// The segment acknowledges bytes of `peer`.
    fn acknowledged(&mut self, peer: usize, segment: &Segment, wraps: u16) {
        let end = &mut self.ends[peer];
        if end.state == EndState::Inactive {
            // As if there had been a SYN, so that later bytes count from there.
            end.start = segment.ack.wrapping_sub(1);
            end.ack = end.start;
            end.last = end.start;
            return;
        }
        let underflow = wraps_after(segment.ack, end.ack, wraps) == 0 && delta(segment.ack, end.start) < 0;
        let ahead = delta(segment.ack, end.ack);
        let broken = segment.ack == 0 && ahead > TOO_LARGE;
        if underflow || segment.has(flag::RST) || broken || ahead <= 0 {
            return;
        }
        let wrapped = segment.ack < end.ack;
        end.ack = segment.ack;
        if wrapped && let Some(extra) = self.extra.as_deref_mut() {
            extra.wraps[peer][1] = extra.wraps[peer][1].saturating_add(1);
        }
    }

    /// The sender got as far as `one_past`, or repeated itself.
    fn advance(&mut self, from: usize, segment: &Segment, one_past: u32) {
        let end = &mut self.ends[from];
        if end.is_moved_by(segment) {
            let wrapped = one_past < end.last;
            end.last = one_past;
            if wrapped && let Some(extra) = self.extra.as_deref_mut() {
                extra.wraps[from][0] = extra.wraps[from][0].saturating_add(1);
            }
            return;
        }
        let ahead = delta(one_past, end.last);
        let wild = segment.has(flag::SYN | flag::RST) && !(-TOO_LARGE..=TOO_LARGE).contains(&ahead);
        if segment.len > 0 && !wild && end.state != EndState::Reset {
            self.scaled(from, 1, b't');
        }
    }

    /// Swaps the roles.
    pub fn flip(&mut self) {
        self.ends.swap(0, 1);
        let pushed_out = self.history.flip();
        if let Some(extra) = self.extra.as_deref_mut() {
            let rest = pushed_out.into_iter().chain(extra.more.bytes().map(swap_case));
            extra.more = rest.map(char::from).collect();
            extra.last_flag.swap(0, 1);
            extra.counts.swap(0, 1);
            extra.wraps.swap(0, 1);
        }
    }
}

/// How often the sequence space has wrapped at `seq`, given where it was at `last`.
fn wraps_after(seq: u32, last: u32, wraps: u16) -> u16 {
    match delta(seq, last) {
        ahead if ahead < 0 && wraps > 0 && seq > last => wraps - 1,
        ahead if ahead > 0 && seq < last => wraps.saturating_add(1),
        _ => wraps,
    }
}

/// The sequence number counted from the start of the connection.
fn relative(start: u32, seq: u32, last: u32, wraps: u16) -> u64 {
    match wraps_after(seq, last, wraps) {
        0 => i64::from(delta(seq, start)) as u64,
        wraps => (u64::from(wraps) << 32 | u64::from(seq)).wrapping_sub(u64::from(start)),
    }
}

mod extra;
mod summary;
#[cfg(test)]
mod tests;
mod transition;

pub(crate) use extra::Extra;
pub(crate) use summary::summary;
