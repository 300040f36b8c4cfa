//! Life times as Zeek has them, for its profile.

use crate::Micros;
use crate::outcome::EndReason;
use crate::packet::proto;
use crate::zeek::endpoint::Effects;
use crate::zeek::timers::{Closing, DEFAULT as PERIODS, Kind, LONG_PORTS, Verdict, close, judge};

use super::entry::{Entry, bit};
use super::{SessionTable, Sink};

impl SessionTable {
    /// Runs the timers that are due.
    pub(super) fn run_timers(&mut self, now: Micros, sink: &mut dyn Sink) {
        while let Some(timer) = self.timers.due(now) {
            if !self.is_live(timer.index) || self.entries[timer.index].turn != timer.generation {
                continue;
            }
            let entry = &self.entries[timer.index];
            let idle = Self::idle_period(entry);
            match judge(timer.kind, now, &entry.ends, entry.last, idle, entry.has(bit::CANCELLED)) {
                Verdict::Remove => self.end(timer.index, EndReason::Idle, sink),
                Verdict::Again(at) => self.timers.set(at, timer.kind, timer.index, timer.generation),
                Verdict::Ignore => {}
            }
        }
    }

    /// How long a connection may be idle.
    pub(super) fn idle_period(entry: &Entry) -> Micros {
        match entry.key.proto {
            proto::TCP if !entry.has(bit::HANDSHAKEN) => PERIODS.udp_inactivity,
            proto::TCP if LONG_PORTS.contains(&entry.server_side().1) => PERIODS.tcp_inactivity_long,
            proto::TCP => PERIODS.tcp_inactivity,
            proto::ICMP | proto::ICMP6 => PERIODS.icmp_inactivity,
            _ => PERIODS.udp_inactivity,
        }
    }

    /// Sets the timers that a segment of the side `from` calls for.
    pub(super) fn set_timers(&mut self, index: u32, from: usize, effects: Effects) {
        let entry = &mut self.entries[index];
        let (last, generation) = (entry.last, entry.turn);
        if effects.left_handshake {
            entry.flags |= bit::HANDSHAKEN;
        }
        let closing = close(&mut entry.ends, from, effects);
        if closing == Closing::Complete {
            entry.flags |= bit::CANCELLED;
        }
        if effects.attempt {
            self.timers.set(last + PERIODS.attempt, Kind::Attempt, index, generation);
        }
        if effects.reset {
            self.timers.set(last + PERIODS.reset, Kind::Reset, index, generation);
        }
        match closing {
            Closing::Complete => self.timers.set(last + PERIODS.close, Kind::Delete, index, generation),
            Closing::Wait(Kind::PartialClose) => {
                self.timers.set(last + PERIODS.partial_close, Kind::PartialClose, index, generation);
            }
            Closing::Wait(kind) => self.timers.set(last + PERIODS.session, kind, index, generation),
            Closing::Nothing => {}
        }
    }
}
