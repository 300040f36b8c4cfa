//! From entries to session records.

use std::sync::Arc;

use crate::packet::proto;
use crate::record::{ExportType, IcmpError, Origin, SessionRecord, SideTotals};
use crate::settings::TableSettings;
use crate::zeek::endpoint::summary;
use crate::zeek::{EndState, Extra, state};

use super::entry::{Entry, bit};
use super::judge::Judgement;

/// The record of a session.
pub(super) fn record(
    entry: &Entry,
    extra: Option<&Extra>,
    judged: Judgement,
    settings: &TableSettings,
    observer: u64,
) -> SessionRecord {
    let (client, server) = entry.endpoints();
    let id = entry.key.id(entry.start, observer);
    let mut record = SessionRecord::new(id, entry.start, entry.key.proto, client, server);
    let seen = summary(&entry.ends, entry.history, extra);
    let orig = entry.ends[0].state;
    let resp = entry.ends[1].state;
    let active = |end: EndState| end != EndState::Inactive;
    record.end = entry.last;
    record.perspective = settings.networks.perspective(client.ip, server.ip);
    record.outcome = judged.outcome;
    record.confidence = judged.confidence;
    record.inferred = judged.inferred;
    record.end_reason = judged.reason;
    record.sent = totals(entry, 0);
    record.received = totals(entry, 1);
    record.syn_count = u32::from(entry.syn_count);
    record.conn_state = Some(match entry.key.proto {
        proto::TCP => state::tcp(&state::Seen {
            orig,
            resp,
            orig_size: seen.sizes[0],
            resp_size: seen.sizes[1],
            history: &seen.history,
        }),
        proto::UDP => state::udp(active(orig), active(resp)),
        _ => "OTH",
    });
    if matches!(entry.key.proto, proto::TCP | proto::UDP) {
        record.history = Some(seen.history);
    }
    let payload = if entry.is_tcp() { seen.sizes } else { [entry.payload(0), entry.payload(1)] };
    record.client_payload = Some(payload[0]);
    record.server_payload = Some(payload[1]);
    record.icmp = entry.has(bit::ICMP).then(|| IcmpError { kind: entry.icmp[0], code: entry.icmp[1] });
    record.origin = Origin::Wire;
    record.export_type = ExportType::Packet;
    record.observer = Arc::clone(&settings.observer);
    record.vlan = entry.key.outer_vlan();
    record.tunnel = entry.key.tunnel_id();
    record
}

fn totals(entry: &Entry, side: usize) -> SideTotals {
    SideTotals {
        packets: u64::from(entry.packets[side]),
        bytes: entry.bytes(side),
        tcp_flags: entry.is_tcp().then_some(entry.tcp_flags[side]),
    }
}
