//! When sessions are handed out, and how much is held.

use std::time::Duration;

use tracker::outcome::{EndReason, Outcome};
use tracker::record::SessionRecord;

use super::build::*;
use crate::netflow::{FlowEnd, FlowRecord, Traffic};
use crate::stitch::{StitchSettings, Stitcher};

fn live() -> Stitcher {
    Stitcher::new(StitchSettings::default())
}

fn feed(stitcher: &mut Stitcher, flow: &FlowRecord, now: i64) -> Vec<SessionRecord> {
    let mut out = Vec::new();
    stitcher.on_flows(&[*flow], now, &mut out);
    out
}

fn expire(stitcher: &mut Stitcher, now: i64) -> Vec<SessionRecord> {
    let mut out = Vec::new();
    stitcher.expire(now, &mut out);
    out
}

#[test]
fn a_certain_outcome_is_handed_out_at_once() {
    let pairs = [
        (tcp("S"), tcp("RA").answer(), Outcome::Refused),
        (tcp("SAPF").traffic(5, 500), tcp("SAPF").answer(), Outcome::Closed),
        (tcp("SAP").traffic(5, 500), tcp("SAR").answer(), Outcome::ResetResp),
    ];
    for (ask, answer, outcome) in pairs {
        let mut stitcher = live();
        assert!(feed(&mut stitcher, &ask, NOW).is_empty());
        let out = feed(&mut stitcher, &answer, NOW + 1);
        assert_eq!((out.len(), out[0].outcome, out[0].end_reason), (1, outcome, EndReason::Closed));
        // What comes late makes no second session.
        assert!(feed(&mut stitcher, &ask.at(0, S), NOW + 2).is_empty());
        assert!(feed(&mut stitcher, &answer, NOW + 3).is_empty());
        assert!(expire(&mut stitcher, NOW + 1_000 * S).is_empty());
        assert_eq!(stitcher.counters().ignored_late, 2);
    }
}

#[test]
fn a_biflow_is_whole() {
    let mut flow = tcp("S").because(FlowEnd::Idle);
    flow.reverse = Some(Traffic { flags: Some(0), ..Traffic::default() });
    let mut stitcher = live();
    let out = feed(&mut stitcher, &flow, NOW);
    assert_eq!(out[0].outcome, Outcome::NoAnswer);
    // A retransmit in a record of its own is the same attempt.
    assert!(feed(&mut stitcher, &flow.at(40 * S, 0), NOW + 41 * S).is_empty());
    assert_eq!(stitcher.counters().ignored_retransmits, 1);
    let mut refused = tcp("S").port(40_001).because(FlowEnd::Detected);
    refused.reverse = Some(Traffic { packets: 1, bytes: 40, flags: Some(bits("RA")), initial_flags: None });
    assert_eq!(feed(&mut stitcher, &refused, NOW)[0].outcome, Outcome::Refused);
}

#[test]
fn what_is_uncertain_waits_for_the_hold() {
    let mut stitcher = live();
    assert!(feed(&mut stitcher, &tcp("S"), NOW).is_empty());
    assert!(expire(&mut stitcher, NOW + 74 * S).is_empty());
    let out = expire(&mut stitcher, NOW + 75 * S);
    assert_eq!((out[0].outcome, out[0].end_reason), (Outcome::NoAnswer, EndReason::Idle));
    assert!(stitcher.is_empty());
}

#[test]
fn with_several_exporters_a_certain_outcome_settles_first() {
    let mut stitcher = live();
    feed(&mut stitcher, &tcp("S").port(1).from("192.0.2.2"), NOW);
    feed(&mut stitcher, &tcp("S"), NOW);
    assert!(feed(&mut stitcher, &tcp("RA").answer(), NOW).is_empty());
    assert!(feed(&mut stitcher, &tcp("S").from("192.0.2.2"), NOW + S).is_empty());
    let out = expire(&mut stitcher, NOW + 4 * S);
    assert_eq!((out.len(), out[0].outcome, out[0].observers.len()), (1, Outcome::Refused, 2));
}

#[test]
fn memory_is_bounded() {
    let mut stitcher = Stitcher::new(StitchSettings { max_sessions: 100, ..StitchSettings::default() });
    let mut out = Vec::new();
    for port in 1..=1_000 {
        stitcher.on_flows(&[tcp("S").port(port)], NOW + i64::from(port), &mut out);
        assert!(stitcher.len() <= 100);
    }
    assert_eq!(out.len(), 900);
    assert!(out.iter().all(|s| s.outcome == Outcome::Evicted && s.end_reason == EndReason::Resources));
    assert_eq!(stitcher.counters().evicted, 900);
    stitcher.finish(&mut out);
    let counters = stitcher.counters();
    assert_eq!((counters.opened, counters.emitted, counters.held), (1_000, 1_000, 0));
    assert!(out[900..].iter().all(|s| s.outcome == Outcome::NoAnswer && s.end_reason == EndReason::Forced));
}

#[test]
fn settings_are_durations_of_the_arrival_clock() {
    let settings = StitchSettings { hold: Duration::from_secs(1), ..StitchSettings::default() };
    let mut stitcher = Stitcher::new(settings);
    // The records are an hour old when they arrive.
    let now = NOW + 3_600 * S;
    feed(&mut stitcher, &tcp("S"), now);
    assert_eq!(stitcher.next_deadline(), Some(now + S));
    assert!(expire(&mut stitcher, now + S - 1).is_empty());
    assert_eq!(expire(&mut stitcher, now + S).len(), 1);
}

#[test]
fn exporters_are_told_apart_by_quality() {
    let mut stitcher = live();
    let mut out = Vec::new();
    for port in 1..20 {
        stitcher.on_flows(&[tcp("SAPF").traffic(5, 500).port(port)], NOW, &mut out);
        let mut silent = tcp("").traffic(5, 500).port(port).from("192.0.2.2");
        silent.dst.ip = "10.0.0.9".parse().unwrap();
        silent.forward.flags = None;
        stitcher.on_flows(&[silent], NOW, &mut out);
        let mut first = tcp("S").traffic(50, 5_000).port(port).from("192.0.2.3");
        first.dst.ip = "10.0.0.10".parse().unwrap();
        stitcher.on_flows(&[first], NOW, &mut out);
    }
    stitcher.finish(&mut out);
    let found: Vec<_> = stitcher.exporters().iter().map(|q| (q.capability.as_str(), q.coverage())).collect();
    assert_eq!(found, [("full_or", Some(0.0)), ("absent", Some(0.0)), ("first_packet", Some(1.0))]);
}

#[test]
fn the_session_that_waited_longest_makes_room() {
    let mut stitcher = Stitcher::new(StitchSettings { max_sessions: 2, ..StitchSettings::default() });
    let mut out = Vec::new();
    stitcher.on_flows(&[tcp("SAP").traffic(5, 500).port(1)], NOW, &mut out);
    stitcher.on_flows(&[tcp("S").port(2)], NOW + S, &mut out);
    // The older session is still alive.
    stitcher.on_flows(&[tcp("AP").traffic(5, 500).port(1).at(2 * S, 0)], NOW + 2 * S, &mut out);
    stitcher.on_flows(&[tcp("S").port(3)], NOW + 3 * S, &mut out);
    assert_eq!(out.iter().map(|session| session.client.port).collect::<Vec<_>>(), [2]);
}

#[test]
fn the_last_of_several_parts_ends_the_long_wait() {
    let mut stitcher = live();
    feed(&mut stitcher, &tcp("SAP").traffic(9, 900).because(FlowEnd::Active), NOW);
    assert!(expire(&mut stitcher, NOW + 1_000 * S).is_empty());
    let last = tcp("AP").traffic(9, 900).at(60 * S, 0).because(FlowEnd::Idle);
    feed(&mut stitcher, &last, NOW + 1_000 * S);
    assert_eq!(expire(&mut stitcher, NOW + 1_075 * S).len(), 1);
}

#[test]
fn a_firewall_may_use_a_port_again() {
    let mut stitcher = live();
    assert_eq!(feed(&mut stitcher, &asa(2, 0, 500, 900), NOW).len(), 1);
    assert_eq!(feed(&mut stitcher, &asa(2, 0, 500, 900).at(5 * S, S), NOW + 7 * S).len(), 1);
    // A denial repeated with every SYN is one.
    assert_eq!(feed(&mut stitcher, &asa(3, 1001, 0, 0).port(7), NOW).len(), 1);
    assert_eq!(feed(&mut stitcher, &asa(3, 1001, 0, 0).port(7).at(3 * S, 0), NOW + 3 * S).len(), 0);
}

#[test]
fn a_biflows_source_is_the_client_where_nothing_else_tells() {
    let mut flow = tcp("SAPF").traffic(5, 500).because(FlowEnd::Detected);
    (flow.src.port, flow.dst.port) = (50_001, 50_002);
    std::mem::swap(&mut flow.src.ip, &mut flow.dst.ip);
    flow.reverse = Some(Traffic { packets: 4, bytes: 400, flags: Some(bits("SAPF")), initial_flags: None });
    let session = &feed(&mut live(), &flow, NOW)[0];
    assert_eq!((session.client.port, session.outcome), (50_001, Outcome::Closed));
}
