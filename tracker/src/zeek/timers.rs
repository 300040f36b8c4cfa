//! Zeek's life times of a connection, on packet time: when it attempts, lingers, closes and goes idle.
//!
//! Used only with the `zeek` profile; otherwise time-outs are those of the session's class.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Micros;

use super::endpoint::{Effects, End, EndState};

/// The periods, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Periods {
    pub syn: Micros,
    pub attempt: Micros,
    pub session: Micros,
    pub linger: Micros,
    pub close: Micros,
    pub reset: Micros,
    pub partial_close: Micros,
    pub tcp_inactivity: Micros,
    pub tcp_inactivity_long: Micros,
    pub udp_inactivity: Micros,
    pub icmp_inactivity: Micros,
}

const SECOND: Micros = 1_000_000;

/// Zeek's defaults.
pub(crate) const DEFAULT: Periods = Periods {
    syn: 5 * SECOND,
    attempt: 5 * SECOND,
    session: 6 * SECOND,
    linger: 5 * SECOND,
    close: 5 * SECOND,
    reset: 5 * SECOND,
    partial_close: 3 * SECOND,
    tcp_inactivity: 300 * SECOND,
    tcp_inactivity_long: 3600 * SECOND,
    udp_inactivity: 60 * SECOND,
    icmp_inactivity: 60 * SECOND,
};

/// Responder ports whose connections stay idle for long (FTP, SSH, telnet, rlogin).
pub(crate) const LONG_PORTS: [u16; 4] = [21, 22, 23, 513];

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Expire,
    Attempt,
    PartialClose,
    Delete,
    Reset,
    Inactivity,
}

/// A timer that is due: whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub at: Micros,
    order: u64,
    pub kind: Kind,
    pub index: u32,
    pub generation: u16,
}

/// All timers, the earliest first; equal times in the order they were set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
    order: u64,
}

impl Timers {
    pub fn set(&mut self, at: Micros, kind: Kind, index: u32, generation: u16) {
        self.order += 1;
        self.heap.push(Reverse(Timer { at, order: self.order, kind, index, generation }));
    }

    /// The next timer that is due.
    pub fn due(&mut self, now: Micros) -> Option<Timer> {
        if self.heap.peek()?.0.at > now {
            return None;
        }
        self.heap.pop().map(|timer| timer.0)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Timer>()
    }
}

/// What a due timer means for its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The connection is over.
    Remove,
    /// Look again then.
    Again(Micros),
    /// Nothing.
    Ignore,
}

/// Judges a due timer. `last` is the connection's last packet, `active` false once its end was reported,
/// `cancelled` true once both sides were done.
pub(crate) fn judge(kind: Kind, now: Micros, ends: &[End; 2], last: Micros, idle: Micros, cancelled: bool) -> Verdict {
    let [orig, resp] = ends;
    let inactive = |end: &End| end.state == EndState::Inactive;
    let reset = orig.state == EndState::Reset || resp.state == EndState::Reset;
    match kind {
        Kind::Delete => Verdict::Remove,
        Kind::Inactivity if last + idle <= now => Verdict::Remove,
        Kind::Inactivity => Verdict::Again(last + idle),
        _ if cancelled => Verdict::Ignore,
        Kind::Reset => Verdict::Remove,
        Kind::Attempt => {
            let attempting = matches!(orig.state, EndState::SynSent | EndState::SynAckSent);
            if attempting && inactive(resp) { Verdict::Remove } else { Verdict::Ignore }
        }
        Kind::PartialClose => {
            let both_done = orig.did_close() && resp.did_close();
            if inactive(orig) || inactive(resp) || both_done || reset { Verdict::Ignore } else { Verdict::Remove }
        }
        Kind::Expire => {
            let closed = (orig.did_close() || resp.did_close())
                && (orig.did_close() && resp.did_close() || reset || inactive(orig) || inactive(resp));
            let nothing = inactive(orig) && inactive(resp);
            if last + DEFAULT.linger < now && (closed || nothing) {
                Verdict::Remove
            } else {
                Verdict::Again(now + DEFAULT.session)
            }
        }
    }
}

/// What closing one side sets in motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Both sides are done: the connection lingers, every other timer is void.
    Complete,
    /// Wait for the other side.
    Wait(Kind),
    /// Nothing new.
    Nothing,
}

/// Marks the sender as done where the packet says so.
pub(crate) fn close(ends: &mut [End; 2], from: usize, effects: Effects) -> Closing {
    if !effects.close || ends[from].did_close() {
        return Closing::Nothing;
    }
    ends[from].set_did_close();
    let (end, peer) = (ends[from], ends[1 - from]);
    if end.state == EndState::Reset || peer.did_close() || peer.state == EndState::Inactive {
        Closing::Complete
    } else if end.prev == EndState::Inactive {
        Closing::Wait(Kind::PartialClose)
    } else {
        Closing::Wait(Kind::Expire)
    }
}
