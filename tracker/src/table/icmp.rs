//! ICMP errors: which session they speak of, and what they say. They decide only when the session ends.

use crate::community::icmp_answer;
use crate::outcome::Outcome;
use crate::packet::{Packet, Quoted, proto};

use super::entry::{Entry, bit};

const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
const UNREACHABLE_6: u8 = 1;
const TIME_EXCEEDED_6: u8 = 3;

/// Whether the error says that something did not get through. Path MTU messages, redirects and the like do not.
pub(super) fn is_failure(carrier: u8, kind: u8, code: u8) -> bool {
    match (carrier, kind) {
        (proto::ICMP, UNREACHABLE) => code != 4,
        (proto::ICMP, TIME_EXCEEDED) | (proto::ICMP6, UNREACHABLE_6 | TIME_EXCEEDED_6) => true,
        _ => false,
    }
}

fn is_v6(entry: &Entry) -> bool {
    entry.key.low[..12] != [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
}

/// What the session's last ICMP error makes of it, if it had no answer.
pub(super) fn outcome(entry: &Entry) -> Option<Outcome> {
    let [kind, code] = entry.icmp;
    if !entry.has(bit::ICMP) {
        return None;
    }
    Some(match (is_v6(entry), kind, code) {
        (false, UNREACHABLE, 9 | 10 | 13) | (true, UNREACHABLE_6, 1 | 5 | 6) => Outcome::AdminBlocked,
        (false, TIME_EXCEEDED, _) | (true, TIME_EXCEEDED_6, _) => Outcome::TtlExceeded,
        _ => Outcome::Unreachable,
    })
}

/// Whether policy refused the session.
pub(super) fn is_prohibited(entry: &Entry) -> bool {
    outcome(entry) == Some(Outcome::AdminBlocked)
}

/// Whether messages of this type ask for an answer.
pub(super) fn is_asked(number: u8, kind: u16) -> bool {
    icmp_answer(number, kind as u8).is_some_and(|answer| u16::from(answer) != kind)
}

/// Whether what the error quotes was sent by this session: for TCP the sequence number is one the sender has used.
pub(super) fn is_ours(entry: &Entry, quoted: &Quoted, sender: usize) -> bool {
    if quoted.proto != proto::TCP {
        return true;
    }
    let end = &entry.ends[sender];
    let sent = end.last.wrapping_sub(end.start);
    quoted.seq.is_some_and(|seq| entry.packets[sender] > 0 && seq.wrapping_sub(end.start) <= sent)
}

/// Remembers the error.
pub(super) fn note(entry: &mut Entry, packet: &Packet) {
    entry.flags |= bit::ICMP;
    entry.icmp = [packet.kind, packet.code];
}
