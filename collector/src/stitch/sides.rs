//! Which side of a stitched session is the client.
//!
//! Owns the order of evidence: exporter's word, handshake, time, service; must not know outcomes.

use super::key::{Direction, is_icmp};
use super::session::Session;
use super::settings::ServiceRule;
use crate::netflow::flow::flag::{ACK, FIN, PSH, RST, SYN};
use tracker::service::{second_is_server, service_name};

const TCP: u8 = 6;
/// System ports end here (RFC 6335 section 6).
const SYSTEM_PORTS: u16 = 1024;

/// The direction in which the client sends.
pub(crate) fn client_direction(session: &Session, services: &[ServiceRule]) -> Direction {
    if let Some(direction) = session.initiator() {
        return direction;
    }
    let evidence = match session.key.proto {
        TCP => by_handshake(session)
            .or_else(|| by_time_of_syns(session))
            // A biflow's source should be the initiator (RFC 5103 section 5).
            .or_else(|| session.biflow_source().map(|source| by_service(session, services).unwrap_or(source))),
        proto if is_icmp(proto) => session.icmp_requester().or_else(|| only_half(session)),
        _ => by_service(session, services).or_else(|| by_time(session)).or_else(|| only_half(session)),
    };
    evidence.unwrap_or_else(|| by_ports(session, services))
}

/// SYN without ACK initiates; so does what a SYN+ACK, or an answer that has no SYN of its own, is sent to.
fn by_handshake(session: &Session) -> Option<Direction> {
    let flags = |direction: usize| session.halves[direction].as_ref().map(|half| (half.initial_flags, half.flags));
    let first_packet = |direction: usize| flags(direction).and_then(|(initial, _)| initial);
    for direction in 0..2 {
        match first_packet(direction).map(|flags| flags & (SYN | ACK)) {
            Some(bits) if bits == SYN => return Some(direction),
            Some(bits) if bits == SYN | ACK => return Some(1 - direction),
            _ => {}
        }
    }
    let merged = |direction: usize| flags(direction).and_then(|(_, flags)| flags);
    let opens = |direction: usize| merged(direction).is_some_and(|flags| flags & (SYN | ACK) == SYN);
    match (opens(0), opens(1)) {
        (true, false) => return Some(0),
        (false, true) => return Some(1),
        _ => {}
    }
    match (merged(0), merged(1)) {
        (Some(zero), Some(one)) if (zero ^ one) & SYN != 0 => Some(usize::from(zero & SYN == 0)),
        // A lone RST or a bare SYN+ACK answers; its receiver asked.
        (Some(flags), None) if answers(flags) => Some(1),
        (None, Some(flags)) if answers(flags) => Some(0),
        (Some(flags), None) if flags & SYN != 0 => Some(0),
        (None, Some(flags)) if flags & SYN != 0 => Some(1),
        _ => None,
    }
}

fn answers(flags: u16) -> bool {
    flags & (FIN | PSH) == 0 && (flags & (SYN | RST) == RST || flags & (SYN | ACK | RST) == SYN | ACK)
}

/// Where both sides sent SYNs, the earlier one is the client.
fn by_time_of_syns(session: &Session) -> Option<Direction> {
    let both = session.halves.iter().flatten().filter(|half| half.has(SYN)).count() == 2;
    both.then(|| by_time(session)).flatten()
}

fn by_time(session: &Session) -> Option<Direction> {
    match (&session.halves[0], &session.halves[1]) {
        (Some(a), Some(b)) if a.first != b.first => Some(usize::from(b.first < a.first)),
        _ => None,
    }
}

fn only_half(session: &Session) -> Option<Direction> {
    match (&session.halves[0], &session.halves[1]) {
        (Some(_), None) => Some(0),
        (None, Some(_)) => Some(1),
        _ => None,
    }
}

/// The side that is not the only configured or registered service.
fn by_service(session: &Session, services: &[ServiceRule]) -> Option<Direction> {
    let (low, high) = session.key.endpoints(0);
    let proto = session.key.proto;
    let only = |low: bool, high: bool| match (low, high) {
        (true, false) => Some(1),
        (false, true) => Some(0),
        _ => None,
    };
    let configured = |endpoint| services.iter().any(|rule| rule.matches(proto, endpoint));
    only(configured(low), configured(high))
        .or_else(|| only(service_name(proto, low.port).is_some(), service_name(proto, high.port).is_some()))
        .or_else(|| only((1..SYSTEM_PORTS).contains(&low.port), (1..SYSTEM_PORTS).contains(&high.port)))
}

fn by_ports(session: &Session, services: &[ServiceRule]) -> Direction {
    let (low, high) = session.key.endpoints(0);
    let proto = session.key.proto;
    let configured = |endpoint| services.iter().any(|rule| rule.matches(proto, endpoint));
    let high_is_server = second_is_server(proto, low, high, &configured);
    // Where ports say nothing, whoever was seen sending first is the client.
    if low.port == high.port && !configured(low) && !configured(high) {
        return by_time(session).or_else(|| only_half(session)).unwrap_or(0);
    }
    usize::from(!high_is_server)
}
