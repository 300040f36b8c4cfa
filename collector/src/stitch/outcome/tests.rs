//! The outcome table, row by row, through whole sessions.

use tracker::outcome::{Confidence, EndReason, Outcome, OutcomeClass};
use tracker::record::SessionRecord;

use crate::netflow::FlowRecord;
use crate::stitch::tests::build::*;
use crate::stitch::{Capability, StitchSettings, Stitcher};

/// Judges records of one session, of an exporter whose flags are known to be the OR of all packets.
fn judge(flows: &[FlowRecord]) -> SessionRecord {
    judge_as(Capability::FullOr, flows)
}

fn judge_as(capability: Capability, flows: &[FlowRecord]) -> SessionRecord {
    let settings = StitchSettings {
        capabilities: vec![("0.0.0.0/0".parse().unwrap(), capability)],
        emit_certain: false,
        ..StitchSettings::default()
    };
    let mut stitcher = Stitcher::new(settings);
    let mut out = Vec::new();
    for flow in flows {
        stitcher.on_flows(&[*flow], flow.exported, &mut out);
    }
    stitcher.finish(&mut out);
    assert_eq!(out.len(), 1, "{out:#?}");
    out.remove(0)
}

/// Forward and reverse records of these flags, packets and octets.
fn pair(f: (&str, u64, u64), r: (&str, u64, u64)) -> Vec<FlowRecord> {
    vec![tcp(f.0).traffic(f.1, f.2), tcp(r.0).traffic(r.1, r.2).answer()]
}

fn outcome(flows: &[FlowRecord]) -> Outcome {
    judge(flows).outcome
}

#[test]
fn the_table_of_failures() {
    assert_eq!(outcome(&[tcp("S").traffic(1, 60)]), Outcome::NoAnswer);
    assert_eq!(outcome(&[tcp("S").traffic(7, 420)]), Outcome::NoAnswer);
    assert_eq!(outcome(&pair(("S", 1, 60), ("RA", 1, 40))), Outcome::Refused);
    assert_eq!(outcome(&pair(("S", 1, 60), ("R", 1, 40))), Outcome::Refused);
    assert_eq!(outcome(&pair(("SR", 2, 100), ("RA", 1, 40))), Outcome::Refused);
    assert_eq!(outcome(&pair(("S", 1, 60), ("SA", 1, 60))), Outcome::HalfOpen);
    assert_eq!(outcome(&pair(("SR", 2, 100), ("SA", 1, 60))), Outcome::HalfOpenResetOrig);
    assert_eq!(outcome(&pair(("SRA", 2, 100), ("SA", 1, 60))), Outcome::HalfOpenResetOrig);
    assert_eq!(outcome(&pair(("S", 1, 60), ("SAR", 2, 100))), Outcome::HalfOpenResetResp);
    assert_eq!(outcome(&[tcp("SR").traffic(2, 100)]), Outcome::AbortedOrig);
    assert_eq!(judge(&pair(("S", 1, 60), ("SA", 1, 60))).confidence, Confidence::Medium);
}

#[test]
fn the_table_of_established_sessions() {
    assert_eq!(outcome(&pair(("SAPF", 6, 600), ("SAPF", 5, 900))), Outcome::Closed);
    assert_eq!(outcome(&pair(("SAP", 6, 600), ("SAP", 5, 900))), Outcome::Open);
    assert_eq!(outcome(&pair(("SAPF", 6, 600), ("SAP", 5, 900))), Outcome::HalfClosedOrig);
    assert_eq!(outcome(&pair(("SAP", 6, 600), ("SAPF", 5, 900))), Outcome::HalfClosedResp);
    assert_eq!(outcome(&pair(("SAPR", 6, 600), ("SAP", 5, 900))), Outcome::ResetOrig);
    assert_eq!(outcome(&pair(("SAPR", 6, 600), ("SAPF", 5, 900))), Outcome::ResetOrig);
    assert_eq!(outcome(&pair(("SAPF", 6, 600), ("SAPR", 5, 900))), Outcome::ResetResp);
    let accepted = judge(&pair(("SA", 2, 112), ("SAR", 2, 100)));
    assert_eq!((accepted.outcome, accepted.confidence), (Outcome::ResetResp, Confidence::Medium));
    assert_eq!(outcome(&pair(("SAR", 3, 152), ("SA", 1, 60))), Outcome::ResetOrig);
}

#[test]
fn what_does_not_decide() {
    for flags in ["AR", "R", "SA"] {
        let record = judge(&[tcp(flags).traffic(1, 40)]);
        assert_eq!((flags, record.outcome), (flags, Outcome::Backscatter));
        assert_eq!(record.server.port, 40_000, "who answers is the server");
    }
    for flags in ["A", "AP", "AF"] {
        assert_eq!(outcome(&[tcp(flags).traffic(9, 4_000)]), Outcome::Midstream);
        assert_eq!(outcome(&pair((flags, 9, 4_000), ("AP", 9, 900))), Outcome::Midstream);
    }
    let mut sampled = tcp("S");
    sampled.sampling = 100;
    assert_eq!(outcome(&[sampled]), Outcome::Indeterminate);
    let mut aggregate = tcp("S");
    aggregate.new_connections = Some(12);
    assert_eq!(outcome(&[aggregate]), Outcome::Indeterminate);
}

#[test]
fn without_flags_only_traffic_both_ways_tells() {
    for flags in [None, Some(0)] {
        let one = |packets| {
            let mut flow = tcp("").traffic(packets, packets * 100);
            flow.forward.flags = flags;
            flow
        };
        let long = judge_as(Capability::Absent, &[one(3), one(3).answer()]);
        assert_eq!((long.outcome, long.inferred, long.confidence), (Outcome::Open, true, Confidence::Medium));
        assert_eq!(judge_as(Capability::Absent, &[one(3), one(2).answer()]).outcome, Outcome::Indeterminate);
        assert_eq!(judge_as(Capability::AlwaysZero, &[one(9)]).outcome, Outcome::Indeterminate);
    }
}

#[test]
fn probes_need_an_exporter_that_shows_all_flags() {
    let probes = [
        ("", Outcome::ScanNull, Outcome::ScanNullRejected),
        ("F", Outcome::ScanFin, Outcome::ScanFinRejected),
        ("FPU", Outcome::ScanXmas, Outcome::ScanXmasRejected),
        ("SF", Outcome::ScanSynFin, Outcome::ScanSynFinRejected),
    ];
    for (flags, silent, rejected) in probes {
        assert_eq!(outcome(&[tcp(flags).traffic(1, 40)]), silent);
        assert_eq!(outcome(&pair((flags, 1, 40), ("RA", 1, 40))), rejected);
        assert!(
            judge_as(Capability::FirstPacket, &[tcp(flags).traffic(1, 40)]).outcome.class() != OutcomeClass::Failed
        );
    }
    assert_eq!(outcome(&pair(("A", 1, 40), ("R", 1, 40))), Outcome::ScanAckRejected);
    assert_eq!(outcome(&pair(("FA", 1, 40), ("R", 1, 40))), Outcome::ScanMaimonRejected);
}

#[test]
fn a_syn_alone_on_much_traffic_is_a_first_packet_exporter() {
    for (packets, bytes) in [(8, 400), (5, 600)] {
        let record = judge(&[tcp("S").traffic(packets, bytes)]);
        assert_eq!((record.outcome, record.inferred), (Outcome::Open, true));
    }
    assert_eq!(judge_as(Capability::FirstPacket, &pair(("S", 1, 60), ("SA", 1, 60))).outcome, Outcome::Indeterminate);
    assert_eq!(judge_as(Capability::FirstPacket, &pair(("S", 4, 300), ("SA", 3, 200))).outcome, Outcome::Open);
}

#[test]
fn firewall_events() {
    let denied = judge(&[asa(3, 1001, 0, 0)]);
    assert_eq!((denied.outcome, denied.end_reason), (Outcome::AdminBlocked, EndReason::Blocked));
    assert_eq!(outcome(&[asa(3, 1004, 0, 0)]), Outcome::Midstream);
    assert_eq!(outcome(&[asa(2, 0, 500, 0)]), Outcome::NoAnswer);
    assert_eq!(outcome(&[asa(2, 0, 500, 900)]), Outcome::Closed);
    // The counters since the last update are in the tear-down; the session had an answer before.
    assert_eq!(outcome(&[asa(5, 0, 500, 900), asa(2, 0, 100, 0)]), Outcome::Closed);
    let mut udp = asa(2, 0, 500, 0);
    udp.proto = 17;
    assert_eq!(outcome(&[udp]), Outcome::UdpNoReply);
}

#[test]
fn a_firewalls_creation_event_opens_nothing() {
    let mut stitcher = Stitcher::new(StitchSettings::default());
    let mut out = Vec::new();
    stitcher.on_flows(&[asa(1, 0, 0, 0)], NOW, &mut out);
    // PAN-OS sends such an event without NSEL's other fields.
    let mut pan = tcp("S");
    pan.firewall = Some(crate::netflow::FirewallEvent::Created);
    stitcher.on_flows(&[pan], NOW, &mut out);
    stitcher.finish(&mut out);
    assert!(out.is_empty());
    assert_eq!(stitcher.counters().ignored_events, 2);
}

#[test]
fn yaf_says_which_side_opened() {
    let mut flow = tcp("SAPF").traffic(5, 500);
    flow.forward.initial_flags = Some(0x12);
    let mut back = tcp("SAPF").traffic(5, 500).answer();
    back.forward.initial_flags = Some(0x02);
    let record = judge(&[flow, back]);
    assert_eq!((record.client.port, record.outcome), (443, Outcome::Closed));
}
