//! Filters: only the known side is named, the rest is learnt from the packets.

use super::craft::*;
use crate::locality::Perspective;
use crate::outcome::{EndReason, Outcome};
use crate::rules::Action;
use crate::settings::TableSettings;
use crate::table::TableQuery;

#[test]
fn return_traffic_finds_the_session_of_a_one_sided_rule() {
    let settings = TableSettings {
        rules: vec!["track tcp to 10.0.0.2 port 80".parse().unwrap()],
        default_action: Action::Ignore,
        ..TableSettings::default()
    };
    let mut world = World::new(settings);
    let mut talk = Talk { client: ("198.51.100.9", 51_515), ..Talk::new(0) };
    let mut packets = talk.handshake(0);
    packets.push(talk.send(9, 1, ACK, 100));
    world.see_all(packets);
    let mut other = Talk { server: ("10.0.0.2", 81), ..Talk::new(7) };
    world.see_all(other.handshake(20));
    let (sessions, _) = world.table.ask(TableQuery::default(), 20);
    assert_eq!(sessions.len(), 1);
    let session = &sessions[0];
    assert_eq!((session.forward.from.port, session.forward.to.port), (51_515, 80), "the other port was learnt");
    assert_eq!((session.forward.packets, session.reverse.packets), (2, 2));
    assert_eq!((session.reverse.from, session.reverse.to), (session.forward.to, session.forward.from));
    assert_eq!((session.state, session.perspective), ("established", Perspective::Private));
    assert_eq!(world.table.stats().ignored, 3);
}

#[test]
fn what_a_rule_rejects_shows_as_blocked() {
    let settings = TableSettings { rules: vec!["reject tcp to port 80".parse().unwrap()], ..TableSettings::default() };
    let mut world = World::new(settings);
    world.see(Talk::new(1).send(0, 0, SYN, 0));
    let (sessions, _) = world.table.ask(TableQuery::default(), 0);
    assert_eq!((sessions[0].state, sessions[0].outcome), ("blocked", Outcome::AdminBlocked));
    world.advance(11 * SECOND);
    assert_eq!(world.records[0].outcome, Outcome::AdminBlocked);
    assert_eq!(world.records[0].end_reason, EndReason::Blocked);
}

#[test]
fn a_configured_service_is_the_server() {
    let settings = TableSettings { services: vec!["tcp to port 50000".parse().unwrap()], ..TableSettings::default() };
    let mut world = World::new(settings);
    let talk = Talk { client: ("10.0.0.1", 443), server: ("10.0.0.2", 50_000), next: [5, 6] };
    world.see(talk.peek(0, 1, ACK, 9));
    world.table.finish(&mut world.records);
    assert_eq!(world.records[0].server.port, 50_000);
    assert_eq!(world.records[0].received.packets, 1);
}
