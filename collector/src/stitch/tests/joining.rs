//! Which records are one session.

use tracker::outcome::Outcome;
use tracker::record::SessionRecord;

use super::build::*;
use crate::netflow::{FlowEnd, FlowRecord};
use crate::stitch::{ServiceRule, StitchSettings, Stitcher};

/// All sessions of these records, taken at their export times as from a file.
fn stitch(flows: &[FlowRecord]) -> Vec<SessionRecord> {
    let mut stitcher = Stitcher::new(StitchSettings { emit_certain: false, ..StitchSettings::default() });
    run(&mut stitcher, flows)
}

fn run(stitcher: &mut Stitcher, flows: &[FlowRecord]) -> Vec<SessionRecord> {
    let mut out = Vec::new();
    for flow in flows {
        stitcher.expire(flow.exported, &mut out);
        stitcher.on_flows(&[*flow], flow.exported, &mut out);
    }
    stitcher.finish(&mut out);
    out
}

#[test]
fn both_directions_in_either_order() {
    let (ask, answer) = (tcp("SAPF").traffic(6, 600), tcp("SAPF").traffic(5, 900).answer());
    for flows in [[ask, answer], [answer, ask]] {
        let sessions = stitch(&flows);
        assert_eq!(sessions.len(), 1);
        let session = &sessions[0];
        assert_eq!((session.client.port, session.server.port, session.outcome), (40_000, 443, Outcome::Closed));
        assert_eq!((session.sent.packets, session.received.packets), (6, 5));
        assert_eq!((session.input_interface, session.output_interface), (Some(1), Some(2)));
        assert_eq!((session.client_info.asn, session.server_info.asn), (Some(64_500), Some(64_501)));
        assert_eq!((session.start, session.end), (NOW, NOW + S / 2));
        assert!(session.observers.is_empty());
        assert_eq!(&*session.observer, "192.0.2.1");
    }
}

#[test]
fn syn_retransmits_are_one_attempt() {
    let flows: Vec<_> = [0, 1, 3, 7, 15, 31, 63, 127].iter().map(|&after| tcp("S").at(after * S, 0)).collect();
    let sessions = stitch(&flows);
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].syn_count, sessions[0].sent.packets), (8, 8));
}

#[test]
fn an_attempt_long_after_is_another() {
    assert_eq!(stitch(&[tcp("S"), tcp("S").at(600 * S, 0)]).len(), 2);
}

#[test]
fn records_split_by_an_active_time_out_are_one_session() {
    let mut flows = Vec::new();
    for minute in 0..30 {
        let flags = match minute {
            0 => "SAP",
            29 => "APF",
            _ => "AP",
        };
        let reason = if minute == 29 { FlowEnd::Detected } else { FlowEnd::Active };
        let part = tcp(flags).traffic(10, 1_000).at(minute * 60 * S, 60 * S - 1).because(reason);
        flows.push(part.answer());
        flows.push(part);
    }
    let sessions = stitch(&flows);
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].outcome, sessions[0].sent.packets), (Outcome::Closed, 300));
}

#[test]
fn a_continuation_after_the_session_was_handed_out_is_nothing_new() {
    let flows = [
        tcp("SAP").traffic(9, 900),
        tcp("SAP").traffic(9, 900).answer(),
        tcp("AP").traffic(9, 900).at(1_000 * S, S),
        tcp("AP").traffic(9, 900).at(1_500 * S, S).answer(),
    ];
    let mut stitcher = Stitcher::new(StitchSettings::default());
    let sessions = run(&mut stitcher, &flows);
    assert_eq!(sessions.len(), 1);
    assert_eq!((sessions[0].outcome, stitcher.counters().ignored_continuations), (Outcome::Open, 2));
}

#[test]
fn a_port_used_again_is_another_session() {
    let one = [tcp("SAPF").traffic(5, 500), tcp("SAPF").traffic(5, 500).answer()];
    let later = one.map(|flow| {
        let after = flow.start - NOW + 10 * S;
        flow.at(after, 0)
    });
    let sessions = stitch(&[one.to_vec(), later.to_vec()].concat());
    assert_eq!(sessions.iter().map(|session| session.outcome).collect::<Vec<_>>(), [Outcome::Closed; 2]);
    assert_ne!(sessions[0].session_id, sessions[1].session_id);
    assert!(sessions.iter().all(|session| session.sent.packets == 5 && session.received.packets == 5));
}

#[test]
fn several_exporters_see_one_session() {
    let ask = tcp("SAPF").traffic(5, 500);
    let answer = tcp("SAPF").traffic(4, 400).answer();
    let mut skewed = ask.from("192.0.2.2");
    skewed.start += 4 * S;
    skewed.end += 4 * S;
    let sessions = stitch(&[ask, answer, skewed, answer.from("192.0.2.3")]);
    assert_eq!(sessions.len(), 1);
    let names: Vec<&str> = sessions[0].observers.iter().map(|name| &**name).collect();
    assert_eq!(names, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert_eq!((sessions[0].sent.packets, sessions[0].received.packets), (5, 4));
}

#[test]
fn ingress_and_egress_records_are_not_added_up() {
    let ingress = tcp("SAPF").traffic(5, 500);
    let mut egress = ingress;
    egress.input_interface = Some(9);
    let sessions = stitch(&[ingress, egress, tcp("SAPF").traffic(4, 400).answer()]);
    assert_eq!((sessions.len(), sessions[0].sent.packets), (1, 5));
}

#[test]
fn vlans_of_one_exporter() {
    let vlan = |mut flow: FlowRecord, id| {
        flow.vlan = Some(id);
        flow
    };
    // The same addresses in two VLANs are two sessions.
    let tenants = [vlan(tcp("S"), 10), vlan(tcp("S"), 20)];
    assert_eq!(stitch(&tenants).len(), 2);
    // A session routed between VLANs is one.
    let routed = [vlan(tcp("S"), 10), vlan(tcp("RA").answer(), 20)];
    let sessions = stitch(&routed);
    assert_eq!((sessions.len(), sessions[0].outcome), (1, Outcome::Refused));
}

#[test]
fn udp_and_icmp() {
    let dns = |flow: FlowRecord| {
        let mut flow = flow.udp();
        flow.dst.port = 53;
        flow
    };
    let sessions = stitch(&[dns(tcp("")), dns(tcp("")).answer()]);
    assert_eq!((sessions.len(), sessions[0].outcome, sessions[0].server.port), (1, Outcome::Open, 53));
    assert_eq!(stitch(&[dns(tcp(""))])[0].outcome, Outcome::UdpNoReply);
    let answer_alone = &stitch(&[dns(tcp("")).answer()])[0];
    assert_eq!((answer_alone.outcome, answer_alone.server.port), (Outcome::OneSidedResp, 53));
    let mut group = dns(tcp(""));
    group.dst.ip = "239.1.1.1".parse().unwrap();
    assert_eq!(stitch(&[group])[0].outcome, Outcome::OneSidedOrig);

    let ping = |kind: u8, flow: FlowRecord| {
        let mut flow = flow.udp();
        (flow.proto, flow.icmp) = (1, Some((kind, 0)));
        (flow.src.port, flow.dst.port) = (0, 0);
        flow
    };
    let sessions = stitch(&[ping(8, tcp("")), ping(0, tcp("").answer())]);
    assert_eq!((sessions.len(), sessions[0].outcome), (1, Outcome::Open));
    assert_eq!((sessions[0].client.ip.to_string(), sessions[0].server.port), ("10.0.0.1".to_owned(), 8 << 8));
    assert_eq!(stitch(&[ping(8, tcp(""))])[0].outcome, Outcome::IcmpNoReply);
    assert_eq!(stitch(&[ping(0, tcp(""))])[0].client.ip.to_string(), "10.0.0.2");
    let notice = &stitch(&[ping(3, tcp(""))])[0];
    assert_eq!((notice.outcome, notice.icmp.map(|icmp| icmp.kind)), (Outcome::OneSidedOrig, Some(3)));
}

#[test]
fn without_a_handshake_the_service_is_the_server() {
    let session = &stitch(&[tcp("AP").answer(), tcp("AP")])[0];
    assert_eq!(session.server.port, 443);
    let configured = ServiceRule { network: None, proto: Some(6), port: 40_000 };
    let settings = StitchSettings { services: vec![configured], emit_certain: false, ..StitchSettings::default() };
    let session = &run(&mut Stitcher::new(settings), &[tcp("AP"), tcp("AP").answer()])[0];
    assert_eq!(session.server.port, 40_000);
}

#[test]
fn the_id_is_stable() {
    let session = &stitch(&[tcp("S")])[0];
    let again = &stitch(&[tcp("S").from("192.0.2.7")])[0];
    assert_eq!(session.session_id, again.session_id);
    assert_ne!(session.session_id, stitch(&[tcp("S").port(40_001)])[0].session_id);
}
