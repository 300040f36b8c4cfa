//! Round trip of records through Arrow.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::locality::Perspective;
use crate::outcome::{Confidence, EndReason, Outcome};
use crate::record::{ExportType, Origin};

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)], any::<u16>())
        .prop_map(|(ip, port)| Endpoint { ip: ip.to_canonical(), port })
}

fn totals() -> impl Strategy<Value = SideTotals> {
    (any::<u64>(), any::<u64>(), any::<Option<u16>>()).prop_map(|(packets, bytes, tcp_flags)| SideTotals {
        packets,
        bytes,
        tcp_flags,
    })
}

fn info() -> impl Strategy<Value = HostInfo> {
    (any::<Option<u32>>(), proptest::option::of("[a-z. ]{1,9}")).prop_map(|(asn, text)| HostInfo {
        asn,
        as_org: text.clone().map(Arc::from),
        country: text.clone().map(Arc::from),
        city: text.clone().map(Arc::from),
        host: text.map(Arc::from),
    })
}

fn record() -> impl Strategy<Value = SessionRecord> {
    let identity = (any::<u64>(), -1_000_000_000i64..4_000_000_000_000_000, any::<u8>(), endpoint(), endpoint());
    let judged = (
        proptest::sample::select(Outcome::ALL),
        proptest::sample::select(Perspective::ALL),
        proptest::sample::select(Confidence::ALL),
        proptest::sample::select(EndReason::ALL),
        any::<bool>(),
    );
    let seen = (totals(), totals(), any::<u32>(), proptest::option::of("[ShADfF]{0,12}"), any::<Option<(u8, u8)>>());
    let labels = (
        proptest::sample::select(ExportType::ALL),
        proptest::collection::vec("[a-z0-9]{1,6}", 0..3),
        any::<(u32, u32)>(),
        any::<(Option<u16>, Option<u32>, Option<u32>, Option<u32>)>(),
        proptest::option::of(proptest::sample::select(&CONN_STATES[..])),
        (info(), info()),
    );
    (identity, judged, seen, labels).prop_map(|(identity, judged, seen, labels)| {
        let (id, start, proto, client, server) = identity;
        let mut record = SessionRecord::new(id, start, proto, client, server);
        (record.outcome, record.perspective, record.confidence, record.end_reason, record.inferred) = judged;
        (record.sent, record.received, record.syn_count, record.history, _) = seen;
        record.client_payload = record.sent.tcp_flags.map(u64::from);
        record.server_payload = record.received.tcp_flags.map(u64::from);
        record.icmp = seen.4.map(|(kind, code)| IcmpError { kind, code });
        record.export_type = labels.0;
        record.origin = if labels.0 == ExportType::Packet { Origin::Wire } else { Origin::Flow };
        record.observers = labels.1.into_iter().map(Arc::from).collect();
        (record.domain, record.sampling) = labels.2;
        (record.vlan, record.tunnel, record.input_interface, record.output_interface) = labels.3;
        record.conn_state = labels.4;
        record.observer_name = labels.5.0.host.clone();
        (record.input_interface_name, record.output_interface_name) =
            (labels.5.1.host.clone(), labels.5.0.city.clone());
        (record.client_info, record.server_info) = labels.5;
        record
    })
}

proptest! {
    #[test]
    fn records_survive_a_round_trip(records in proptest::collection::vec(record(), 0..40)) {
        let mut builder = SessionBatchBuilder::default();
        for one in &records {
            builder.push(one);
        }
        prop_assert_eq!(builder.len(), records.len());
        let batch = builder.finish().unwrap();
        prop_assert!(builder.is_empty());
        prop_assert_eq!(batch.schema(), session_schema());
        prop_assert_eq!(read_batch(&batch).unwrap(), records);
    }
}

#[test]
fn a_missing_column_is_named() {
    let batch = SessionBatchBuilder::default().finish().unwrap();
    let narrow = batch.project(&[0, 1]).unwrap();
    assert!(read_batch(&narrow).unwrap().is_empty());
    let mut builder = SessionBatchBuilder::default();
    let nowhere = Endpoint { ip: IpAddr::from([10, 0, 0, 1]), port: 1 };
    builder.push(&SessionRecord::new(1, 0, 6, nowhere, nowhere));
    let narrow = builder.finish().unwrap().project(&[0]).unwrap();
    assert_eq!(read_batch(&narrow).unwrap_err().to_string(), r#"column "start" is missing or has another type"#);
}
