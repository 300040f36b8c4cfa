//! What few connections need, and how to tell that one does.
//!
//! Nearly every connection sends a FIN or a RST once, right where its side has got to. As long as that is so, their places
//! follow from the side itself.

use crate::packet::flag;

use super::super::history::{CAPACITY, History};
use super::{Conn, End, EndState, Segment, TOO_LARGE, delta, seen};

impl End {
    /// Whether the segment moves [`last`](Self::last). Says nothing of a side that has not sent before.
    pub(super) fn is_moved_by(&self, segment: &Segment) -> bool {
        let ahead = delta(segment.one_past(), self.last);
        let wild = segment.has(flag::SYN | flag::RST) && !(-TOO_LARGE..=TOO_LARGE).contains(&ahead);
        let only_syn_before = segment.has(flag::FIN) && self.last == self.start.wrapping_add(1);
        !wild && (only_syn_before || self.state != EndState::Reset && ahead > 0)
    }

    /// Where the FIN and the RST of a side that has no [`Extra`] were, relative to its start: a FIN right before `last`,
    /// a RST at it.
    fn flags_at(&self) -> [u32; 2] {
        [self.last.wrapping_sub(1), self.last].map(|at| at.wrapping_sub(self.start))
    }

    /// Whether after this segment [`flags_at`](Self::flags_at) would not be true, or is needed for it.
    fn loses_flags(&self, segment: &Segment) -> bool {
        let (syn, fin, rst) = (segment.has(flag::SYN), segment.has(flag::FIN), segment.has(flag::RST));
        let (had_fin, had_rst) = (self.seen & seen::FIN != 0, self.seen & seen::RST != 0);
        let first = self.state == EndState::Inactive;
        match (syn, fin, rst) {
            // A SYN of a side that is done does not begin it anew: its place is not the start.
            (true, ..) => had_fin || had_rst || matches!(self.state, EndState::Closed | EndState::Reset),
            (_, true, false) => had_fin || had_rst || !(first || self.is_moved_by(segment)),
            (_, false, true) if first || segment.seq == self.last => had_rst,
            (_, false, true) => had_rst || had_fin || !self.is_moved_by(segment),
            _ => (had_fin || had_rst) && self.is_moved_by(segment),
        }
    }
}

/// What few connections need.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    /// Relative sequence number of the last SYN, FIN and RST of each side.
    pub(super) last_flag: [[u32; 3]; 2],
    /// Bad checksums, retransmissions and zero windows of each side.
    pub(super) counts: [[u32; 3]; 2],
    /// How often `last` and `ack` of each side went through zero.
    pub(super) wraps: [[u16; 2]; 2],
    /// The letters that did not fit.
    pub(super) more: String,
}

impl Extra {
    /// For a connection that had none so far.
    pub fn of(ends: &[End; 2]) -> Self {
        let last_flag = ends.map(|end| {
            let [fin, rst] = end.flags_at();
            [0, if end.seen & seen::FIN == 0 { 0 } else { fin }, if end.seen & seen::RST == 0 { 0 } else { rst }]
        });
        Self { last_flag, ..Self::default() }
    }
}

impl Conn<'_> {
    /// Whether a packet may need the connection's [`Extra`].
    pub fn needs_extra(ends: &[End; 2], history: History, from: usize, segment: &Segment, bad: bool) -> bool {
        let (end, peer) = (&ends[from], &ends[1 - from]);
        let one_past = segment.one_past();
        let ahead = delta(one_past, end.last);
        let (syn, rst) = (segment.has(flag::SYN), segment.has(flag::RST));
        let first = end.state == EndState::Inactive;
        let repeats = segment.len > 0 && (syn || if first { rst } else { ahead <= 0 });
        let wraps = one_past < segment.seq
            || one_past < end.last && (ahead > 0 || end.is_moved_by(segment))
            || segment.has(flag::ACK) && segment.ack < peer.ack && delta(segment.ack, peer.ack) > 0;
        bad || repeats
            || wraps
            || syn && end.seen & seen::SYN != 0
            || segment.window == 0 && !rst
            || end.loses_flags(segment)
            || history.len() + 4 > CAPACITY
    }
}
