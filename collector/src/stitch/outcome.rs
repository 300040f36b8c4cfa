//! How a session ended, judged from merged flags and counters.
//!
//! Owns the rules by which flow records decide an outcome; must not know time-outs or exporters' identities.

use std::net::IpAddr;

use tracker::outcome::{Confidence, Outcome};

use super::capability::{Capability, MAX_SYN_BYTES, MAX_SYNS, more_than_syns};
use super::half::Half;
use super::key::{IcmpRole, icmp_role, is_icmp};
use super::session::Session;
use crate::netflow::FirewallEvent;
use crate::netflow::flow::flag::{ACK, FIN, PSH, RST, SYN, URG};

const TCP: u8 = 6;
const UDP: u8 = 17;
/// ASA extended event: the first packet of a connection was no SYN, which is no attempt to connect.
const FIRST_PACKET_NOT_SYN: u16 = 1004;
/// A packet without payload is at most this long (headers with all options).
const BARE: u64 = 80;
/// Bits that say what a segment is.
const MEANING: u16 = FIN | SYN | RST | PSH | ACK | URG;

/// An outcome and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) confidence: Confidence,
    /// Established without a full handshake in sight.
    pub(crate) inferred: bool,
}

fn verdict(outcome: Outcome, confidence: Confidence) -> Verdict {
    Verdict { outcome, confidence, inferred: false }
}

fn inferred(outcome: Outcome) -> Verdict {
    Verdict { outcome, confidence: Confidence::Medium, inferred: true }
}

fn unclear(outcome: Outcome) -> Verdict {
    verdict(outcome, Confidence::Low)
}

/// Judges a session whose client sends in `client`.
pub(crate) fn judge(session: &Session, client: usize, capability: Capability) -> Verdict {
    let forward = session.halves[client].as_ref();
    let reverse = session.halves[1 - client].as_ref();
    if session.firewall == Some(FirewallEvent::Denied) {
        return denied(session);
    }
    if session.sampling > 1 || session.aggregate || capability == Capability::Sampled {
        return unclear(Outcome::Indeterminate);
    }
    let proto = session.key.proto;
    if session.nsel || (session.firewall == Some(FirewallEvent::Deleted) && no_flags(forward, reverse)) {
        return torn_down(session, proto, forward, reverse);
    }
    match proto {
        TCP => tcp(forward, reverse, capability),
        UDP => udp(session, client, forward, reverse),
        proto if is_icmp(proto) => icmp(proto, forward, reverse),
        _ if forward.is_some() && reverse.is_some() => verdict(Outcome::Open, Confidence::High),
        _ if forward.is_some() => verdict(Outcome::OneSidedOrig, Confidence::High),
        _ => verdict(Outcome::OneSidedResp, Confidence::High),
    }
}

fn no_flags(forward: Option<&Half>, reverse: Option<&Half>) -> bool {
    [forward, reverse].into_iter().flatten().all(|half| half.flags.unwrap_or(0) == 0)
}

fn denied(session: &Session) -> Verdict {
    if session.key.proto == TCP && session.firewall_reason() == Some(FIRST_PACKET_NOT_SYN) {
        return verdict(Outcome::Midstream, Confidence::Medium);
    }
    verdict(Outcome::AdminBlocked, Confidence::High)
}

/// A firewall's tear-down event: whether the responder ever sent anything.
fn torn_down(session: &Session, proto: u8, forward: Option<&Half>, reverse: Option<&Half>) -> Verdict {
    let answered = reverse.is_some_and(|half| half.totals() != (0, 0));
    if session.firewall != Some(FirewallEvent::Deleted) {
        return if answered { inferred(Outcome::Open) } else { unclear(Outcome::Indeterminate) };
    }
    if answered {
        return inferred(if proto == TCP { Outcome::Closed } else { Outcome::Open });
    }
    match proto {
        // Without counters of either side nothing can be said.
        _ if session.biflow_source().is_none() => unclear(Outcome::Indeterminate),
        TCP => verdict(Outcome::NoAnswer, Confidence::Medium),
        UDP => verdict(Outcome::UdpNoReply, Confidence::Medium),
        proto if is_icmp(proto) && forward.is_some() => verdict(Outcome::IcmpNoReply, Confidence::Medium),
        _ => unclear(Outcome::OneSidedOrig),
    }
}

fn tcp(forward: Option<&Half>, reverse: Option<&Half>, capability: Capability) -> Verdict {
    let flags = |half: Option<&Half>| half.and_then(|half| half.flags).map(|flags| flags & MEANING);
    let (f, r) = (flags(forward), flags(reverse));
    let totals = |half: Option<&Half>| half.map_or((0, 0), Half::totals);
    let (sent, received) = (totals(forward), totals(reverse));
    let (f_bits, r_bits) = (f.unwrap_or(0), r.unwrap_or(0));
    if f_bits == 0 && r_bits & !RST & !ACK == 0 && f == Some(0) && capability.all_flags() && sent.0 <= 3 {
        return probe(Outcome::ScanNull, Outcome::ScanNullRejected, r_bits);
    }
    if f_bits == 0 && r_bits == 0 {
        return if sent.0 >= 3 && received.0 >= 3 { inferred(Outcome::Open) } else { unclear(Outcome::Indeterminate) };
    }
    if f_bits & SYN != 0 {
        return if f_bits & ACK != 0 {
            with_handshake(f_bits, r, sent, received)
        } else {
            attempt(f_bits, r, sent, received, capability)
        };
    }
    without_syn(f, r, sent, capability)
}

/// The client sent SYN and ACK.
fn with_handshake(f: u16, r: Option<u16>, sent: (u64, u64), received: (u64, u64)) -> Verdict {
    let Some(r) = r.filter(|&r| r != 0) else {
        if received.0 > 0 {
            return inferred(ending(f, 0));
        }
        // Nothing came back: an answer to a question from elsewhere, or a path seen one way.
        let bare_answer = f & (FIN | PSH) == 0 && sent.0 <= 2;
        return unclear(if bare_answer { Outcome::Backscatter } else { Outcome::OneSidedOrig });
    };
    let bare = |traffic: (u64, u64)| traffic.1 <= traffic.0.saturating_mul(BARE);
    if f & RST != 0 && f & (FIN | PSH) == 0 && sent.0 == 2 && bare(sent) && r & SYN != 0 {
        // SYN, then RST with an ACK in it: given up before the handshake was complete.
        return verdict(Outcome::HalfOpenResetOrig, Confidence::Medium);
    }
    if r & SYN == 0 && r & RST != 0 && r & (FIN | PSH) == 0 && received.0 <= 1 && f & (PSH | FIN) == 0 {
        // SYN and a stray ACK, answered by nothing but RST.
        return verdict(Outcome::Refused, Confidence::Medium);
    }
    if r & SYN == 0 {
        return inferred(ending(f, r));
    }
    let accepted_then_reset = r & RST != 0 && f & PSH == 0 && sent.0 <= 3 && bare(sent) && bare(received);
    verdict(ending(f, r), if accepted_then_reset { Confidence::Medium } else { Confidence::High })
}

/// How an established session ended.
fn ending(f: u16, r: u16) -> Outcome {
    match (f & FIN != 0, r & FIN != 0, f & RST != 0, r & RST != 0) {
        (true, true, ..) => Outcome::Closed,
        (_, true, true, _) | (false, false, true, _) => Outcome::ResetOrig,
        (_, _, _, true) => Outcome::ResetResp,
        (true, false, true, _) => Outcome::ResetOrig,
        (true, false, ..) => Outcome::HalfClosedOrig,
        (false, true, ..) => Outcome::HalfClosedResp,
        (false, false, false, false) => Outcome::Open,
    }
}

/// The client sent SYN and never ACK.
fn attempt(f: u16, r: Option<u16>, sent: (u64, u64), received: (u64, u64), capability: Capability) -> Verdict {
    if f & FIN != 0 && sent.0 <= 2 && r.is_none_or(|r| r & SYN == 0) {
        return probe(Outcome::ScanSynFin, Outcome::ScanSynFinRejected, r.unwrap_or(0));
    }
    let first_packet_only = more_than_syns(sent.0, sent.1);
    if first_packet_only || (capability == Capability::FirstPacket && sent.0 >= 3 && received.0 >= 3) {
        return inferred(Outcome::Open);
    }
    let Some(r) = r.filter(|&r| r != 0) else {
        if received.0 >= 3 {
            return inferred(Outcome::Open);
        }
        if received.0 > 0 {
            return unclear(Outcome::Indeterminate);
        }
        return unanswered(f, sent, capability);
    };
    match (r & SYN != 0 && r & ACK != 0, r & RST != 0) {
        (true, true) => verdict(Outcome::HalfOpenResetResp, Confidence::Medium),
        (true, false) if f & RST != 0 => verdict(Outcome::HalfOpenResetOrig, Confidence::Medium),
        // Of an exporter that reports the first packet alone this is every session.
        (true, false) if capability == Capability::FirstPacket => unclear(Outcome::Indeterminate),
        (true, false) => verdict(Outcome::HalfOpen, Confidence::Medium),
        (false, true) if received.0 <= sent.0.max(1) => verdict(Outcome::Refused, Confidence::High),
        (false, true) if received.0 <= MAX_SYNS => verdict(Outcome::Refused, Confidence::Medium),
        _ => unclear(Outcome::Indeterminate),
    }
}

fn unanswered(f: u16, sent: (u64, u64), capability: Capability) -> Verdict {
    if f & (RST | FIN) != 0 {
        return verdict(Outcome::AbortedOrig, Confidence::Medium);
    }
    let plain = sent.1 <= sent.0.saturating_mul(BARE);
    let confidence = match capability {
        Capability::FirstPacket => Confidence::Low,
        _ if plain && sent.1 <= sent.0 * MAX_SYN_BYTES => Confidence::High,
        _ => Confidence::Medium,
    };
    verdict(Outcome::NoAnswer, confidence)
}

/// No SYN of the client was seen.
fn without_syn(f: Option<u16>, r: Option<u16>, sent: (u64, u64), capability: Capability) -> Verdict {
    let (f_bits, r_bits) = (f.unwrap_or(0), r.unwrap_or(0));
    let few = sent.0 <= 3;
    if capability.all_flags() && few && f.is_some() && r_bits & !(RST | ACK) == 0 {
        match f_bits {
            FIN => return probe(Outcome::ScanFin, Outcome::ScanFinRejected, r_bits),
            XMAS => return probe(Outcome::ScanXmas, Outcome::ScanXmasRejected, r_bits),
            // A lone ACK or FIN+ACK is as likely the tail of a session; only the refusal tells.
            MAIMON if r_bits & RST != 0 => return verdict(Outcome::ScanMaimonRejected, Confidence::Medium),
            ACK if r_bits & RST != 0 && r_bits & ACK == 0 => {
                return verdict(Outcome::ScanAckRejected, Confidence::Medium);
            }
            _ => {}
        }
    }
    match (f, r) {
        (None, Some(r)) if r & (RST | SYN) != 0 && r & (PSH | FIN) == 0 => unclear(Outcome::Backscatter),
        (None, Some(r)) if r & SYN != 0 => unclear(Outcome::OneSidedResp),
        (Some(f), None) if f & RST != 0 && f & (PSH | FIN) == 0 => unclear(Outcome::Backscatter),
        // The server's SYN was seen and the client's was not.
        (Some(f), Some(r)) if r & SYN != 0 && f & ACK != 0 => inferred(ending(f, r)),
        _ => verdict(Outcome::Midstream, Confidence::Medium),
    }
}

const XMAS: u16 = FIN | PSH | URG;
const MAIMON: u16 = FIN | ACK;

fn probe(silent: Outcome, rejected: Outcome, r: u16) -> Verdict {
    verdict(if r & RST != 0 { rejected } else { silent }, Confidence::Medium)
}

fn udp(session: &Session, client: usize, forward: Option<&Half>, reverse: Option<&Half>) -> Verdict {
    let (_, server) = session.key.endpoints(client);
    match (forward, reverse) {
        (Some(_), Some(_)) => verdict(Outcome::Open, Confidence::High),
        (None, _) => verdict(Outcome::OneSidedResp, Confidence::Medium),
        // Nobody answers to a group.
        (Some(_), None) if to_many(server.ip) => verdict(Outcome::OneSidedOrig, Confidence::High),
        (Some(_), None) => verdict(Outcome::UdpNoReply, Confidence::Medium),
    }
}

fn to_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast() || v4.octets()[3] == 255,
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

fn icmp(proto: u8, forward: Option<&Half>, reverse: Option<&Half>) -> Verdict {
    let role = |half: Option<&Half>| half.and_then(|half| half.icmp).map(|(kind, _)| icmp_role(proto, kind));
    match (forward, reverse) {
        (Some(_), Some(_)) => verdict(Outcome::Open, Confidence::High),
        (None, _) => verdict(Outcome::OneSidedResp, Confidence::Medium),
        (Some(_), None) if role(forward) == Some(IcmpRole::Request) => {
            verdict(Outcome::IcmpNoReply, Confidence::Medium)
        }
        (Some(_), None) => verdict(Outcome::OneSidedOrig, Confidence::High),
    }
}

#[cfg(test)]
mod tests;
