//! What comes late: SYNs sent again, packets of closed sessions, new sessions on old ports.

use super::craft::*;
use crate::outcome::EndReason;
use crate::packet::Packet;
use crate::settings::TableSettings;

fn syn(second: i64) -> Packet {
    Talk::new(1).send(second * SECOND, 0, SYN, 0)
}

#[test]
fn one_failed_connect_is_one_record() {
    // The pauses of Linux: 1, 2, 4, 8, 16, 32 seconds.
    let mut world = World::new(TableSettings::default());
    world.see_all([0, 1, 3, 7, 15, 31, 63].map(syn));
    world.advance(200 * SECOND);
    assert_eq!(world.records.len(), 1);
    assert_eq!((world.records[0].outcome.as_str(), world.records[0].syn_count), ("no_answer", 7));
    assert_eq!(world.records[0].sent.packets, 7);
    world.check();
}

#[test]
fn a_syn_that_comes_back_after_the_record_is_the_same_session() {
    let mut world = World::new(TableSettings::default());
    world.see_all([0, 1].map(syn));
    world.advance(20 * SECOND);
    assert_eq!(world.records.len(), 1);
    world.see(syn(100));
    world.table.finish(&mut world.records);
    assert_eq!(world.records.len(), 2);
    assert_eq!(world.records[0].session_id, world.records[1].session_id);
    assert_eq!((world.records[0].syn_count, world.records[1].syn_count), (2, 3));
    assert_eq!(world.table.stats().reopened, 1);
    // After the memory of it is gone, it is another one.
    let mut world = World::new(TableSettings::default());
    world.see(syn(0));
    world.advance(131 * SECOND);
    world.see(syn(132));
    world.table.finish(&mut world.records);
    assert_ne!(world.records[0].session_id, world.records[1].session_id);
}

#[test]
fn late_packets_of_a_closed_session_begin_nothing() {
    let mut world = World::new(TableSettings::default());
    let mut talk = Talk::new(1);
    world.see_all(talk.handshake(0));
    world.see(talk.send(10, 0, FIN_ACK, 0));
    world.see(talk.send(20, 1, FIN_ACK, 0));
    world.advance(5 * SECOND);
    assert_eq!((world.table.len(), world.records.len()), (0, 1));
    assert_eq!(world.records[0].end_reason, EndReason::Closed);
    world.see(talk.peek(6 * SECOND, 0, ACK, 0));
    world.see(talk.peek(7 * SECOND, 1, FIN_ACK, 0));
    world.see(talk.peek(8 * SECOND, 1, RST, 0));
    world.see(syn(9));
    assert_eq!((world.table.len(), world.table.stats().late), (0, 4));
    // A new session on the same ports begins at once.
    talk.next = [5_000_000, 7_000_000];
    world.see_all(talk.handshake(10 * SECOND));
    assert_eq!(world.table.len(), 1);
    assert_eq!(world.outcomes(), ["closed", "open"]);
}

#[test]
fn another_syn_on_a_live_session_ends_it() {
    let mut world = World::new(TableSettings::default());
    let mut talk = Talk::new(1);
    world.see_all(talk.handshake(0));
    talk.next = [5_000_000, 7_000_000];
    world.see_all(talk.handshake(10 * SECOND));
    assert_eq!(world.records.len(), 1);
    assert_eq!((world.records[0].outcome.as_str(), world.records[0].end_reason), ("open", EndReason::Reuse));
    assert_eq!(world.table.stats().reused, 1);
    // The same from the other side: the server becomes the client.
    let mut back = Talk { client: talk.server, server: talk.client, next: [1, 2] };
    world.see_all(back.handshake(20 * SECOND));
    world.table.finish(&mut world.records);
    assert_eq!(world.records[2].client.port, 80);
    assert_eq!(world.outcomes(), ["open", "open", "open"]);
}

#[test]
fn a_retransmitted_syn_is_no_other_session() {
    let mut talk = Talk::new(1);
    let again = talk.peek(1, 0, SYN, 0);
    let packets = talk.handshake(2);
    assert_eq!(outcome_of([again, packets[0], packets[1], again, packets[2], again]), "open");
}

#[test]
fn the_server_may_come_up_between_two_syns() {
    let mut talk = Talk::new(1);
    let first = talk.send(0, 0, SYN, 0);
    let refusal = talk.peek(1, 1, RST_ACK, 0);
    let again = Packet { time: 500_000, ..first };
    let answer = talk.send(500_001, 1, SYN_ACK, 0);
    let last = talk.send(500_002, 0, ACK, 0);
    assert_eq!(outcome_of([first, refusal, again, answer, last]), "open");
    assert_eq!(outcome_of([first, refusal, again]), "refused");
}

#[test]
fn packets_that_changed_places() {
    let mut talk = Talk::new(1);
    let [syn, answer, ack] = talk.handshake(0).try_into().unwrap();
    assert_eq!(outcome_of([answer, syn, ack]), "open");
    assert_eq!(outcome_of([answer, ack]), "open");
    assert_eq!(outcome_of([answer]), "backscatter");
}
