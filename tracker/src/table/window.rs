//! The windows that both sides offer, and which RST they make acceptable (RFC 9293 section 3.10.7.4).

use crate::packet::{NO_SCALE, flag};
use crate::zeek::{EndState, Segment};

use super::entry::{Entry, bit};
use super::phase::{delta, within};

impl Entry {
    /// Whether a RST of this side counts: exactly what the peer expects next, or within the window it offers.
    pub(super) fn rst_counts(&self, from: usize, segment: &Segment) -> bool {
        let (end, peer) = (&self.ends[from], 1 - from);
        if self.marked(bit::ACKED_0, peer) {
            let unseen = end.state == EndState::Inactive;
            // An acknowledgment of bytes that were never sent moves nothing.
            let expected = match () {
                () if unseen => end.ack.wrapping_add(1),
                () if delta(end.ack, end.last) > 0 => end.last,
                () => end.ack,
            };
            let window = self.ends[peer].window_bits();
            let limit = if window == 0 { 0 } else { 1u32 << window.min(30) };
            return segment.seq.wrapping_sub(expected) <= limit;
        }
        // The peer has acknowledged nothing: what this side sent is all there is to go by.
        end.state == EndState::Inactive || within(segment.seq, end.start, end.last.wrapping_add(0xffff))
    }

    /// Keeps the largest window this side has offered, and its scale.
    pub fn note_window(&mut self, from: usize, segment: &Segment, scale: u8) {
        if segment.has(flag::SYN) {
            self.set_scale(from, if scale == NO_SCALE { 0 } else { scale });
        }
        if segment.has(flag::RST) {
            return;
        }
        let shift = match self.scale(from) {
            _ if segment.has(flag::SYN) => 0,
            // Without the SYN the shift is unknown: the widest keeps every RST that may be real.
            NO_SCALE => 14,
            shift => shift,
        };
        let bits = (u32::BITS - (u32::from(segment.window) << shift).leading_zeros()) as u8;
        self.ends[from].widen(bits);
    }
}
