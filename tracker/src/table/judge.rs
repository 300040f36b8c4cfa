//! The outcome of a session, decided once, when its record is made. The tracker's part of the definition of "failed".

use crate::outcome::{Confidence, EndReason, Outcome};
use crate::packet::proto;

use super::entry::{Entry, bit};
use super::icmp;
use super::phase::{Phase, Probe};

/// What a record says of how a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judgement {
    pub outcome: Outcome,
    pub confidence: Confidence,
    pub inferred: bool,
    pub reason: EndReason,
}

/// Judges a session that ends (or is looked at) for `reason`; `cut` says that it had time left.
pub(super) fn judge(entry: &Entry, reason: EndReason, cut: bool) -> Judgement {
    let outcome = outcome(entry);
    let evicted = reason == EndReason::Resources && (undecided(entry) || outcome == Outcome::UdpNoReply);
    let ended = entry.is_tcp() && entry.phase.is_final();
    let blocked = entry.class == crate::settings::Class::Blocked;
    let inferred = entry.has(bit::INFERRED) || entry.has(bit::ADVANCED_0 | bit::ADVANCED_0 << 1);
    Judgement {
        outcome: if evicted { Outcome::Evicted } else { outcome },
        confidence: match outcome {
            _ if inferred => Confidence::Medium,
            _ if cut && undecided(entry) => Confidence::Medium,
            _ => Confidence::High,
        },
        inferred,
        reason: match reason {
            EndReason::Idle if blocked => EndReason::Blocked,
            EndReason::Idle | EndReason::Forced if ended => EndReason::Closed,
            reason => reason,
        },
    }
}

/// Whether more packets could still have decided.
fn undecided(entry: &Entry) -> bool {
    match entry.phase {
        Phase::SynSent | Phase::SynRcvd | Phase::Simultaneous | Phase::HalfSeen => true,
        Phase::Nothing if !entry.is_tcp() => !entry.two_way(),
        _ => false,
    }
}

/// The outcome of the session as it stands.
pub(super) fn outcome(entry: &Entry) -> Outcome {
    if entry.has(bit::REJECTED) {
        return Outcome::AdminBlocked;
    }
    if !entry.has(bit::WHOLE) {
        return if entry.has(bit::FRAGMENT) { Outcome::FragmentOnly } else { Outcome::BadChecksum };
    }
    if entry.is_tcp() { tcp(entry) } else { other(entry) }
}

fn tcp(entry: &Entry) -> Outcome {
    match entry.phase {
        Phase::SynSent => syn_sent(entry),
        Phase::SynRcvd | Phase::Simultaneous => Outcome::HalfOpen,
        Phase::Established => match (entry.marked(bit::FIN_0, 0), entry.marked(bit::FIN_0, 1)) {
            (true, _) => Outcome::HalfClosedOrig,
            (_, true) => Outcome::HalfClosedResp,
            _ => Outcome::Open,
        },
        Phase::Closed => Outcome::Closed,
        Phase::ResetOrig => Outcome::ResetOrig,
        Phase::ResetResp => Outcome::ResetResp,
        Phase::Refused => Outcome::Refused,
        Phase::Aborted => Outcome::AbortedOrig,
        Phase::HalfResetOrig => Outcome::HalfOpenResetOrig,
        Phase::HalfResetResp => Outcome::HalfOpenResetResp,
        Phase::HalfSeen if entry.marked(bit::DATA_0, 1) && entry.packets[0] == 0 => Outcome::OneSidedResp,
        Phase::HalfSeen => Outcome::Backscatter,
        Phase::Midstream | Phase::Stray => begun_late(entry),
        Phase::Nothing => Outcome::Indeterminate,
    }
}

/// Nothing answered the SYN with a SYN+ACK or an acceptable RST.
fn syn_sent(entry: &Entry) -> Outcome {
    let answered = entry.marked(bit::OTHER_0, 1);
    if let (false, Some(outcome)) = (answered, icmp::outcome(entry)) {
        return outcome;
    }
    if entry.marked(bit::PLAIN_0, 0) && !answered {
        // The client acknowledges what was not seen: the answers take another way.
        return Outcome::OneSidedOrig;
    }
    if entry.marked(bit::FIN_0, 0) { Outcome::AbortedOrig } else { Outcome::NoAnswer }
}

/// The first packet was no SYN, and nothing shows that the session works.
fn begun_late(entry: &Entry) -> Outcome {
    let [client, server] = entry.packets;
    let server_only_reset = server > 0 && !entry.marked(bit::OTHER_0, 1);
    let rejected = server_only_reset && entry.marked(bit::RST_0, 1);
    let silent = server == 0;
    match entry.probe() {
        Probe::Null if rejected => Outcome::ScanNullRejected,
        Probe::Null => Outcome::ScanNull,
        Probe::Fin if rejected => Outcome::ScanFinRejected,
        Probe::Fin => Outcome::ScanFin,
        Probe::Xmas if rejected => Outcome::ScanXmasRejected,
        Probe::Xmas => Outcome::ScanXmas,
        Probe::SynFin if rejected => Outcome::ScanSynFinRejected,
        Probe::SynFin => Outcome::ScanSynFin,
        Probe::Maimon if rejected => Outcome::ScanMaimonRejected,
        Probe::Maimon if silent => Outcome::ScanMaimon,
        Probe::Ack if rejected && !entry.marked(bit::DATA_0, 0) => Outcome::ScanAckRejected,
        Probe::Ack if silent && client == 1 => Outcome::ScanAck,
        Probe::Backscatter if client == 0 || silent => Outcome::Backscatter,
        _ if silent && client > 1 => Outcome::OneSidedOrig,
        _ if client == 0 && server > 1 => Outcome::OneSidedResp,
        _ => Outcome::Midstream,
    }
}

fn other(entry: &Entry) -> Outcome {
    let [client, server] = entry.packets;
    match entry.key.proto {
        _ if client > 0 && server > 0 => Outcome::Open,
        _ if client == 0 => Outcome::OneSidedResp,
        proto::UDP => icmp::outcome(entry).unwrap_or(Outcome::UdpNoReply),
        proto::ICMP | proto::ICMP6 if icmp::is_asked(entry.key.proto, entry.key.high_port >> 8) => {
            icmp::outcome(entry).unwrap_or(Outcome::IcmpNoReply)
        }
        proto::ICMP | proto::ICMP6 => Outcome::Indeterminate,
        _ => icmp::outcome(entry).unwrap_or(Outcome::OneSidedOrig),
    }
}
