//! The strict phase machine of TCP: what counts, and what is ignored. It alone decides the outcome.
//!
//! A handshake counts when its acknowledgment numbers are right, a RST when its sequence number is acceptable
//! (RFC 9293 section 3.10.7). Must not know time-outs.

use crate::packet::flag;
use crate::zeek::{EndState, Segment};

use super::entry::{Entry, bit};

/// Where a TCP session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// No packet that counts; also every protocol without phases.
    Nothing,
    /// The client's SYN.
    SynSent,
    /// The server's SYN+ACK for it.
    SynRcvd,
    /// Both sides sent a SYN without ACK.
    Simultaneous,
    /// Handshake complete, or inferred.
    Established,
    /// FIN from both sides.
    Closed,
    /// Reset by the client after it established.
    ResetOrig,
    /// Reset by the server after it established.
    ResetResp,
    /// RST for the SYN.
    Refused,
    /// The client's RST for its own SYN.
    Aborted,
    /// The client's RST for the SYN+ACK.
    HalfResetOrig,
    /// The server's RST after its SYN+ACK.
    HalfResetResp,
    /// The first packet was data or an acknowledgment.
    Midstream,
    /// The first packet was a SYN+ACK.
    HalfSeen,
    /// The first packet was anything else.
    Stray,
}

impl Phase {
    /// Whether nothing more can change the outcome.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Closed
                | Self::ResetOrig
                | Self::ResetResp
                | Self::Refused
                | Self::Aborted
                | Self::HalfResetOrig
                | Self::HalfResetResp
        )
    }

    /// The name people read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "active",
            Self::SynSent => "syn_sent",
            Self::SynRcvd => "syn_received",
            Self::Simultaneous => "simultaneous",
            Self::Established => "established",
            Self::Closed => "closed",
            Self::ResetOrig | Self::ResetResp => "reset",
            Self::Refused => "refused",
            Self::Aborted => "aborted",
            Self::HalfResetOrig | Self::HalfResetResp => "half_open_reset",
            Self::Midstream => "midstream",
            Self::HalfSeen => "half_seen",
            Self::Stray => "stray",
        }
    }
}

/// What kind of probe a first packet may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Probe {
    None,
    Null,
    Fin,
    Xmas,
    Ack,
    SynFin,
    Maimon,
    /// A RST that nothing was seen to cause.
    Backscatter,
}

impl Probe {
    /// Every value, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::None, Self::Null, Self::Fin, Self::Xmas, Self::Ack, Self::SynFin, Self::Maimon, Self::Backscatter];
}

/// What was wrong with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A RST out of the window: ignored.
    Rst,
    /// An acknowledgment of a SYN that was not sent: ignored.
    Handshake,
}

/// How the first segment of a session begins it.
pub(super) fn opening(flags: u16, payload: u32) -> (Phase, Probe) {
    use flag::{ACK, FIN, PSH, RST, SYN, URG};
    let any = flags & (SYN | ACK | FIN | RST | PSH | URG);
    match flags & (SYN | ACK | FIN | RST) {
        SYN => (Phase::SynSent, Probe::None),
        f if f & (SYN | FIN) == SYN | FIN => (Phase::Stray, Probe::SynFin),
        f if f == SYN | ACK => (Phase::HalfSeen, Probe::None),
        f if f & SYN != 0 => (Phase::Stray, Probe::None),
        f if f & RST != 0 => (Phase::Stray, Probe::Backscatter),
        f if f == FIN | ACK && payload == 0 => (Phase::Stray, Probe::Maimon),
        FIN if any & (PSH | URG) == PSH | URG => (Phase::Stray, Probe::Xmas),
        FIN => (Phase::Stray, Probe::Fin),
        ACK if payload == 0 => (Phase::Midstream, Probe::Ack),
        f if f & ACK != 0 => (Phase::Midstream, Probe::None),
        _ if any == 0 => (Phase::Stray, Probe::Null),
        _ => (Phase::Stray, Probe::Xmas),
    }
}

pub(super) fn delta(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

/// Whether `low <= value <= high` modulo 2^32.
pub(super) fn within(value: u32, low: u32, high: u32) -> bool {
    value.wrapping_sub(low) <= high.wrapping_sub(low)
}

impl Entry {
    /// Moves the phase by one segment of the side `from`. Called before the sequence numbers are brought up to date.
    pub fn step(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        let result = match self.phase {
            Phase::Nothing => {
                let (phase, probe) = opening(segment.flags, segment.len);
                self.begin(phase, probe);
                if self.phase == Phase::HalfSeen {
                    self.server_isn = segment.seq;
                }
                if segment.has(flag::RST) {
                    self.mark(bit::RST_0, from);
                }
                if segment.has(flag::FIN) && !segment.has(flag::SYN) {
                    self.mark(bit::FIN_0, from);
                }
                Ok(())
            }
            Phase::SynSent | Phase::Refused => self.in_syn_sent(from, segment),
            Phase::SynRcvd => self.in_syn_rcvd(from, segment),
            Phase::Simultaneous => self.in_simultaneous(from, segment),
            Phase::Established => self.in_established(from, segment),
            Phase::HalfSeen => self.in_half_seen(from, segment),
            Phase::Midstream | Phase::Stray => self.in_midstream(from, segment),
            Phase::Closed
            | Phase::ResetOrig
            | Phase::ResetResp
            | Phase::Aborted
            | Phase::HalfResetOrig
            | Phase::HalfResetResp => Ok(()),
        };
        self.note(from, segment);
        result
    }

    /// Remembers what each side has sent.
    fn note(&mut self, from: usize, segment: &Segment) {
        if segment.has(flag::RST) {
            return;
        }
        self.mark(bit::OTHER_0, from);
        if segment.has(flag::ACK) {
            let unseen = self.ends[1 - from].state == EndState::Inactive;
            let seen_before = self.ends[1 - from].start;
            if unseen && self.marked(bit::ACKED_0, from) && delta(segment.ack.wrapping_sub(1), seen_before) > 0 {
                self.mark(bit::ADVANCED_0, from);
            }
            self.mark(bit::ACKED_0, from);
            if !segment.has(flag::SYN | flag::FIN) {
                self.mark(bit::PLAIN_0, from);
            }
        }
        if segment.len > 0 {
            self.mark(bit::DATA_0, from);
        }
    }

    /// Whether the acknowledgment covers the client's SYN, and no more than what was sent with it.
    fn acks_client_syn(&self, segment: &Segment) -> bool {
        let client = &self.ends[0];
        segment.has(flag::ACK) && within(segment.ack, client.start.wrapping_add(1), client.last)
    }

    /// Whether the acknowledgment covers the server's SYN, and no more than what the server sent.
    fn acks_server_syn(&self, segment: &Segment) -> bool {
        let first = self.server_isn.wrapping_add(1);
        // The server may have sent more behind its SYN, or before it as the capture has it.
        let more = self.marked(bit::DATA_0 | bit::FIN_0, 1);
        let ahead = if more { 0xffff } else { 0 };
        let last = first.wrapping_add(ahead);
        segment.has(flag::ACK) && within(segment.ack, first, last)
    }

    /// A side acknowledges payload of the other: the session works, whatever of its beginning was missed.
    fn progresses(&self, from: usize, segment: &Segment) -> bool {
        let peer = &self.ends[1 - from];
        segment.has(flag::ACK)
            && !segment.has(flag::RST | flag::SYN)
            && self.marked(bit::DATA_0, 1 - from)
            && delta(segment.ack, peer.start.wrapping_add(1)) > 0
            && delta(segment.ack, peer.last) <= 1 << 20
    }

    fn establish(&mut self, inferred: bool) {
        self.phase = Phase::Established;
        self.flags |= if inferred { bit::INFERRED } else { 0 };
        self.check_closed();
    }

    fn check_closed(&mut self) {
        if self.marked(bit::FIN_0, 0) && self.marked(bit::FIN_0, 1) {
            self.phase = Phase::Closed;
        }
    }

    fn in_syn_sent(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        let (syn, rst) = (segment.has(flag::SYN), segment.has(flag::RST));
        if from == 0 {
            if rst {
                if !within(segment.seq, self.ends[0].start, self.ends[0].last.wrapping_add(0xffff)) {
                    return Err(Fault::Rst);
                }
                self.mark(bit::RST_0, 0);
                if self.phase == Phase::SynSent && !self.marked(bit::PLAIN_0, 0) {
                    self.phase = Phase::Aborted;
                }
            } else {
                self.fin_or_progress(0, segment);
            }
            return Ok(());
        }
        if rst {
            if !self.acks_client_syn(segment) {
                return Err(Fault::Rst);
            }
            self.mark(bit::RST_0, 1);
            self.phase = Phase::Refused;
        } else if syn && segment.has(flag::ACK) {
            if segment.has(flag::FIN) || !self.acks_client_syn(segment) {
                return Err(Fault::Handshake);
            }
            self.server_isn = segment.seq;
            self.phase = Phase::SynRcvd;
        } else if syn && !segment.has(flag::FIN) {
            self.server_isn = segment.seq;
            self.phase = Phase::Simultaneous;
        } else {
            self.fin_or_progress(1, segment);
        }
        Ok(())
    }

    /// A segment that is no part of a handshake, where none was completed.
    fn fin_or_progress(&mut self, from: usize, segment: &Segment) {
        if segment.has(flag::FIN) && !segment.has(flag::SYN) {
            self.mark(bit::FIN_0, from);
        }
        if self.progresses(from, segment) {
            self.establish(true);
        }
    }

    fn in_syn_rcvd(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        if segment.has(flag::RST) {
            if !self.rst_counts(from, segment) {
                return Err(Fault::Rst);
            }
            self.mark(bit::RST_0, from);
            self.phase = if from == 0 { Phase::HalfResetOrig } else { Phase::HalfResetResp };
            return Ok(());
        }
        if from == 1 {
            if segment.has(flag::SYN) {
                if !self.acks_client_syn(segment) {
                    return Err(Fault::Handshake);
                }
                self.server_isn = segment.seq;
            } else if segment.has(flag::FIN) {
                self.mark(bit::FIN_0, 1);
            }
            return Ok(());
        }
        if segment.has(flag::SYN) {
            return Ok(());
        }
        if !self.acks_server_syn(segment) {
            return Err(Fault::Handshake);
        }
        if segment.has(flag::FIN) {
            self.mark(bit::FIN_0, 0);
        }
        self.establish(false);
        Ok(())
    }

    fn in_simultaneous(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        let acks_peer = if from == 0 { self.acks_server_syn(segment) } else { self.acks_client_syn(segment) };
        if segment.has(flag::RST) {
            if !acks_peer && !self.rst_counts(from, segment) {
                return Err(Fault::Rst);
            }
            self.mark(bit::RST_0, from);
            self.phase = if from == 0 { Phase::HalfResetOrig } else { Phase::HalfResetResp };
        } else if segment.has(flag::ACK) {
            if !acks_peer {
                return Err(Fault::Handshake);
            }
            if segment.has(flag::FIN) {
                self.mark(bit::FIN_0, from);
            }
            self.establish(false);
        }
        Ok(())
    }

    fn in_established(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        if segment.has(flag::RST) {
            if !self.rst_counts(from, segment) {
                return Err(Fault::Rst);
            }
            self.mark(bit::RST_0, from);
            self.phase = if from == 0 { Phase::ResetOrig } else { Phase::ResetResp };
        } else if segment.has(flag::FIN) && !segment.has(flag::SYN) {
            self.mark(bit::FIN_0, from);
            self.check_closed();
        }
        Ok(())
    }

    fn in_half_seen(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        if segment.has(flag::RST) {
            self.mark(bit::RST_0, from);
        } else if from == 1 {
            if segment.has(flag::FIN) {
                self.mark(bit::FIN_0, 1);
            }
        } else if segment.has(flag::SYN) {
            // The SYN was captured behind its answer.
            if !segment.has(flag::ACK) && segment.seq == self.ends[0].start {
                self.phase = Phase::SynRcvd;
            }
        } else if self.acks_server_syn(segment) {
            if segment.has(flag::FIN) {
                self.mark(bit::FIN_0, 0);
            }
            self.establish(true);
        } else {
            return Err(Fault::Handshake);
        }
        Ok(())
    }

    fn in_midstream(&mut self, from: usize, segment: &Segment) -> Result<(), Fault> {
        if segment.has(flag::RST) {
            if !self.rst_counts(from, segment) {
                return Err(Fault::Rst);
            }
            self.mark(bit::RST_0, from);
            return Ok(());
        }
        self.fin_or_progress(from, segment);
        Ok(())
    }
}
