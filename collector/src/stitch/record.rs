//! A finished session as a record.
//!
//! Owns how what was collected maps to the stored fields; must not know when sessions are finished.

use std::sync::Arc;

use tracker::outcome::{EndReason, Outcome};
use tracker::record::{HostInfo, IcmpError, Origin, SessionRecord, SideTotals};

use super::capability::Capability;
use super::exporters::{Entry, Exporters};
use super::half::Half;
use super::key::is_icmp;
use super::session::Session;
use super::settings::StitchSettings;
use super::{TCP, outcome, sides};
use crate::netflow::FirewallEvent;
use crate::netflow::flow::flag::SYN;

/// The record of a session that is handed out for this reason.
pub(super) fn record(
    session: &Session,
    cause: EndReason,
    exporters: &Exporters,
    settings: &StitchSettings,
) -> SessionRecord {
    let client = sides::client_direction(session, &settings.services);
    let entries = || session.exporters().filter_map(|index| exporters.get(index));
    let capability = entries()
        .map(Entry::capability)
        .find(|capability| capability.all_flags())
        .or_else(|| entries().map(Entry::capability).next())
        .unwrap_or(Capability::Learning);
    let verdict = outcome::judge(session, client, capability);
    let (mut from, mut to) = session.key.endpoints(client);
    let (sent, received) = (session.halves[client].as_ref(), session.halves[1 - client].as_ref());
    let mut icmp = None;
    if is_icmp(session.key.proto) {
        let (kind, code) = sent.or(received).and_then(|half| half.icmp).unwrap_or((0, 0));
        if sent.is_some() {
            to.port = u16::from(kind) << 8 | u16::from(code);
        }
        from.port = 0;
        icmp = Some(IcmpError { kind, code }).filter(|_| is_error(session.key.proto, kind));
    }
    let start = session.first();
    let mut record = SessionRecord::new(session.key.session_id(start), start, session.key.proto, from, to);
    record.end = session.last();
    record.perspective = settings.networks.perspective(from.ip, to.ip);
    record.outcome = verdict.outcome;
    record.confidence = verdict.confidence;
    record.inferred = verdict.inferred;
    record.end_reason = end_reason(session, verdict.outcome, cause);
    if cause == EndReason::Resources && by_absence(verdict.outcome) {
        record.outcome = Outcome::Evicted;
    }
    record.sent = totals(sent);
    record.received = totals(received);
    record.syn_count = syn_count(sent);
    record.icmp = icmp;
    record.origin = Origin::Flow;
    record.export_type = session.export_type;
    if let Some(first) = entries().next() {
        record.observer = Arc::clone(&first.name);
        record.observers = observers(first, entries().skip(1));
        record.domain = first.domain;
    }
    record.sampling = session.sampling;
    record.vlan = session.vlan;
    record.tunnel = session.tunnel();
    let (input, output) = match (sent, received) {
        (Some(half), _) => (half.input_interface(), half.output_interface()),
        (None, Some(half)) => (half.output_interface(), half.input_interface()),
        (None, None) => (None, None),
    };
    record.input_interface = input;
    record.output_interface = output;
    let asn = |own: Option<u32>, other: Option<u32>| HostInfo { asn: own.or(other), ..HostInfo::default() };
    record.client_info = asn(sent.and_then(|half| half.src_as), received.and_then(|half| half.dst_as));
    record.server_info = asn(sent.and_then(|half| half.dst_as), received.and_then(|half| half.src_as));
    record
}

/// All observers, where there is more than one. Several domains of one exporter are one observer.
fn observers<'a>(first: &Entry, others: impl Iterator<Item = &'a Entry>) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for entry in others {
        if entry.name != first.name && !names.contains(&entry.name) {
            if names.is_empty() {
                names.push(Arc::clone(&first.name));
            }
            names.push(Arc::clone(&entry.name));
        }
    }
    names
}

fn totals(half: Option<&Half>) -> SideTotals {
    half.map_or_else(SideTotals::default, |half| {
        let (packets, bytes) = half.totals();
        SideTotals { packets, bytes, tcp_flags: half.flags }
    })
}

fn syn_count(sent: Option<&Half>) -> u32 {
    let Some(half) = sent else { return 0 };
    let one = u32::from(half.has(SYN));
    half.syns.max(one)
}

fn is_error(proto: u8, kind: u8) -> bool {
    if proto == 1 { matches!(kind, 3..=5 | 11 | 12) } else { matches!(kind, 1..=4) }
}

/// Whether the outcome rests on something that did not come, and might have with more time.
fn by_absence(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::NoAnswer | Outcome::UdpNoReply | Outcome::IcmpNoReply | Outcome::HalfOpen)
}

fn end_reason(session: &Session, outcome: Outcome, cause: EndReason) -> EndReason {
    if outcome == Outcome::AdminBlocked {
        return EndReason::Blocked;
    }
    let ended = session.halves.iter().flatten().any(|half| half.detected)
        || session.firewall == Some(FirewallEvent::Deleted)
        || (session.key.proto == TCP && session.terminated());
    match cause {
        _ if ended => EndReason::Closed,
        // Handed out early without an end in sight: its exporter had given up on it.
        EndReason::Closed => EndReason::Idle,
        cause => cause,
    }
}
