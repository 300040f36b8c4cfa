//! Every line of the table of time-outs, to the second.

use std::time::Duration;

use super::craft::*;
use crate::outcome::EndReason;
use crate::packet::{Packet, proto};
use crate::settings::{Class, TableSettings};
use crate::table::TableQuery;

/// After these packets the session is of this class, lives until just before its time-out, and ends at it.
fn lasts(settings: TableSettings, packets: Vec<Packet>, class: Class, seconds: i64) {
    let mut world = World::new(settings);
    let last = packets.last().unwrap().time;
    world.see_all(packets);
    let (sessions, _) = world.table.ask(TableQuery::default(), last);
    assert_eq!(sessions.len(), 1, "{class:?}");
    assert_eq!(sessions[0].class, class);
    assert_eq!(sessions[0].time_left, seconds * SECOND, "{class:?}");
    world.advance(last + seconds * SECOND - SECOND / 100);
    assert_eq!(world.table.len(), 1, "{class:?} ended early");
    world.advance(last + seconds * SECOND + SECOND / 2);
    assert_eq!(world.table.len(), 0, "{class:?} did not end");
    assert_eq!(world.records.len(), 1);
    assert_eq!(world.records[0].end, last);
    world.check();
}

const A: (&str, u16) = ("10.0.0.1", 61_000);
const B: (&str, u16) = ("10.0.0.2", 4433);

fn both_ways(number: u8) -> [Vec<Packet>; 2] {
    let asked = between(0, A, B, number);
    let answered = between(SECOND, B, A, number);
    [vec![asked], vec![asked, answered]]
}

#[test]
fn blocked() {
    let settings = TableSettings { rules: vec!["reject tcp".parse().unwrap()], ..TableSettings::default() };
    lasts(settings, vec![Talk::new(1).send(0, 0, SYN, 0)], Class::Blocked, 10);
}

#[test]
fn tcp() {
    let mut talk = Talk::new(1);
    lasts(TableSettings::default(), vec![talk.send(5, 0, SYN, 0)], Class::TcpInitial, 10);
    let mut talk = Talk::new(1);
    let mut packets = talk.handshake(7);
    lasts(TableSettings::default(), packets.clone(), Class::TcpEstablished, 3600);
    packets.extend([talk.send(SECOND, 0, FIN_ACK, 0), talk.send(2 * SECOND, 1, FIN_ACK, 0)]);
    lasts(TableSettings::default(), packets.clone(), Class::TcpClosed, 2);
    let settings = TableSettings { nat: vec!["tcp to port 80".parse().unwrap()], ..TableSettings::default() };
    lasts(settings, packets, Class::TcpClosedNat, 120);
}

#[test]
fn udp_icmp_ipsec_and_others() {
    for (number, initial, ongoing) in [
        (proto::UDP, (Class::UdpInitial, 10), (Class::UdpOngoing, 120)),
        (proto::ESP, (Class::IpsecInitial, 60), (Class::IpsecOngoing, 3600)),
        (proto::AH, (Class::IpsecInitial, 60), (Class::IpsecOngoing, 3600)),
        (proto::GRE, (Class::OtherInitial, 10), (Class::OtherOngoing, 300)),
    ] {
        let [one, two] = both_ways(number);
        lasts(TableSettings::default(), one, initial.0, initial.1);
        lasts(TableSettings::default(), two, ongoing.0, ongoing.1);
    }
    let echo = |time, kind, src, dst| Packet { kind, sport: 9, dport: 0x0800, ..between(time, src, dst, proto::ICMP) };
    let asked = echo(0, 8, A, B);
    lasts(TableSettings::default(), vec![asked], Class::IcmpInitial, 3);
    lasts(TableSettings::default(), vec![asked, echo(SECOND, 0, B, A)], Class::IcmpOngoing, 3);
}

#[test]
fn udp_behind_address_translation() {
    let settings = || TableSettings { nat: vec!["udp to port 4433".parse().unwrap()], ..TableSettings::default() };
    let [one, two] = both_ways(proto::UDP);
    lasts(settings(), one, Class::Rfc4787UdpInitial, 10);
    lasts(settings(), two, Class::Rfc4787UdpOngoing, 3);
}

#[test]
fn every_time_out_is_a_setting() {
    let mut settings = TableSettings::default();
    settings.timeouts.tcp_established = Duration::from_secs(77);
    settings.timeouts.udp_initial = Duration::from_secs(5);
    lasts(settings.clone(), Talk::new(1).handshake(0), Class::TcpEstablished, 77);
    lasts(settings, vec![udp(0, A, B)], Class::UdpInitial, 5);
}

#[test]
fn a_packet_after_the_time_out_begins_another_session_whatever_the_wheel_says() {
    let mut world = World::new(TableSettings::default());
    world.see(udp(0, A, B));
    world.see(udp(10 * SECOND - 1, A, B));
    assert_eq!(world.table.len(), 1);
    world.see(udp(20 * SECOND - 1, A, B));
    assert_eq!((world.table.len(), world.records.len()), (1, 1));
    assert_eq!(world.records[0].sent.packets, 2);
}

#[test]
fn time_outs_count_from_the_last_packet() {
    let mut world = World::new(TableSettings::default());
    world.see_all(Talk::new(1).handshake(0));
    let mut talk = Talk::new(1);
    talk.handshake(0);
    for minute in 1..=200 {
        world.see(talk.send(minute * 60 * SECOND, 0, ACK, 1));
    }
    assert!(world.records.is_empty());
    world.advance((200 * 60 + 3599) * SECOND);
    assert_eq!(world.table.len(), 1);
    world.advance((200 * 60 + 3601) * SECOND);
    assert_eq!(world.table.len(), 0);
    assert_eq!(world.records[0].end_reason, EndReason::Idle);
}

#[test]
fn interim_records_have_the_id_of_the_final_one() {
    let settings = TableSettings { interim: Some(Duration::from_mins(1)), ..TableSettings::default() };
    let mut world = World::new(settings);
    let mut talk = Talk::new(1);
    world.see_all(talk.handshake(0));
    for second in 1..200 {
        world.see(talk.send(second * SECOND, 0, ACK, 10));
    }
    let interim: Vec<_> = world.records.iter().map(|r| (r.end_reason, r.outcome.as_str())).collect();
    assert_eq!(interim, [(EndReason::Active, "open"); 3]);
    world.table.finish(&mut world.records);
    assert_eq!(world.records.len(), 4);
    let ids: Vec<u64> = world.records.iter().map(|r| r.session_id).collect();
    assert!(ids.iter().all(|&id| id == ids[0]));
    assert!(world.records.windows(2).all(|pair| pair[0].sent.bytes < pair[1].sent.bytes));
    world.check();
}
