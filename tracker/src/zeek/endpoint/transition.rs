//! How a segment moves the state of the endpoint that sent it.

use crate::packet::flag;

use super::{Conn, Effects, EndState, Segment};

impl Conn<'_> {
    fn set(&mut self, which: usize, state: EndState, effects: &mut Effects) {
        let peer = self.ends[1 - which].state;
        let end = &mut self.ends[which];
        if state == end.state {
            return;
        }
        effects.left_handshake |= !state.is_handshake() && end.state.is_handshake() && peer.is_handshake();
        end.prev = end.state;
        end.state = state;
    }

    pub(super) fn transition(&mut self, from: usize, segment: &Segment) -> Effects {
        let mut effects = Effects::default();
        match self.ends[from].state {
            EndState::Inactive => self.first(from, segment, &mut effects),
            EndState::SynSent | EndState::SynAckSent => {
                if segment.has(flag::FIN) {
                    self.set(from, EndState::Closed, &mut effects);
                    effects.close = true;
                }
                if segment.has(flag::RST) {
                    self.set(from, EndState::Reset, &mut effects);
                    effects.close = true;
                }
            }
            EndState::Established | EndState::Partial => self.established(from, segment, &mut effects),
            EndState::Closed => {
                if segment.has(flag::RST) && self.ends[1 - from].state != EndState::Closed {
                    self.set(from, EndState::Reset, &mut effects);
                    effects.close = !self.ends[from].did_close();
                    effects.reset = true;
                }
            }
            EndState::Reset => {}
        }
        effects
    }

    /// The first segment of this side.
    fn first(&mut self, from: usize, segment: &Segment, effects: &mut Effects) {
        let (is_orig, peer) = (from == 0, 1 - from);
        if segment.has(flag::SYN) {
            if is_orig {
                let state = if segment.has(flag::ACK) { EndState::SynAckSent } else { EndState::SynSent };
                self.set(from, state, effects);
                effects.attempt = true;
            } else {
                if !segment.has(flag::ACK) && self.ends[peer].state == EndState::SynAckSent {
                    // The SYN+ACK was captured before its SYN.
                    effects.flip = true;
                    self.set(peer, EndState::Established, effects);
                } else if self.ends[peer].state == EndState::SynSent {
                    self.set(peer, EndState::Established, effects);
                }
                self.set(from, EndState::Established, effects);
            }
        }
        if segment.has(flag::FIN) {
            self.set(from, EndState::Closed, effects);
            effects.close = true;
        }
        if segment.has(flag::RST) {
            self.set(from, EndState::Reset, effects);
            effects.close = true;
        }
        if self.ends[from].state != EndState::Inactive {
            return;
        }
        if !is_orig && segment.len == 0 && self.ends[peer].state == EndState::SynSent {
            // Some stacks acknowledge a SYN before they answer it.
        } else if segment.has(flag::ACK) && self.ends[peer].state == EndState::Established {
            // The SYN was missed, the SYN+ACK was not.
            self.set(from, EndState::Established, effects);
        } else {
            self.set(from, EndState::Partial, effects);
        }
    }

    fn established(&mut self, from: usize, segment: &Segment, effects: &mut Effects) {
        let peer = 1 - from;
        if segment.has(flag::SYN)
            && !segment.has(flag::ACK)
            && self.ends[from].state == EndState::Partial
            && self.ends[peer].state == EndState::Inactive
        {
            self.set(from, EndState::SynSent, effects);
        }
        if segment.has(flag::FIN) && !segment.has(flag::RST) {
            self.set(from, EndState::Closed, effects);
            if self.ends[peer].state == EndState::Reset && self.ends[peer].prev == EndState::Closed {
                // FIN, then RST, then the other's FIN: an ordinary end after all.
                self.set(peer, EndState::Closed, effects);
            }
            effects.close = true;
        }
        if segment.has(flag::RST) {
            self.set(from, EndState::Reset, effects);
            effects.close = true;
        }
    }

    /// The roles were guessed wrongly: the "originator" sent nothing but a SYN+ACK and is now acknowledged.
    pub fn answered_backwards(&self, from: usize, segment: &Segment) -> bool {
        from == 1 && self.history.is(b'H') && segment.has(flag::ACK) && !segment.has(flag::SYN | flag::FIN | flag::RST)
    }

    /// Swaps the roles of such a connection; the sender of the SYN+ACK is the responder and established.
    pub fn turn_round(&mut self) {
        self.flip();
        self.set(1, EndState::Established, &mut Effects::default());
    }

    /// Whether a SYN begins another connection on the same addresses and ports.
    pub fn is_reuse(&self, segment: &Segment) -> bool {
        if !segment.has(flag::SYN) {
            return false;
        }
        let ack = segment.has(flag::ACK);
        if ack && self.ends[0].state != EndState::Inactive {
            return false;
        }
        if self.ends[0].did_close() || self.ends[1].did_close() {
            return true;
        }
        let expected = self.ends[usize::from(ack)].start;
        let reversed = !ack
            && self.ends[0].state == EndState::SynAckSent
            && self.ends[1].state == EndState::Inactive
            && segment.seq == self.ends[1].start;
        segment.seq != expected && !reversed
    }
}
