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

fn one_way(number: u8) -> Vec<Packet> {
    vec![between(0, A, B, number)]
}

fn both_ways(number: u8) -> Vec<Packet> {
    vec![between(0, A, B, number), between(SECOND, B, A, number)]
}

fn echo(time: i64, kind: u8) -> Packet {
    let (src, dst) = if kind == 8 { (A, B) } else { (B, A) };
    Packet { kind, sport: 9, dport: 0x0800, ..between(time, src, dst, proto::ICMP) }
}

fn closed() -> Vec<Packet> {
    let mut talk = Talk::new(1);
    let mut packets = talk.handshake(7);
    packets.extend([talk.send(SECOND, 0, FIN_ACK, 0), talk.send(2 * SECOND, 1, FIN_ACK, 0)]);
    packets
}

fn plain() -> TableSettings {
    TableSettings::default()
}

fn translated(what: &str) -> TableSettings {
    TableSettings { nat: vec![what.parse().unwrap()], ..TableSettings::default() }
}

fn rejecting() -> TableSettings {
    TableSettings { rules: vec!["reject tcp".parse().unwrap()], ..TableSettings::default() }
}

/// One test for each line of the table of time-outs.
macro_rules! lines {
    ($($name:ident: $class:ident, $seconds:literal, $settings:expr, $packets:expr;)+) => {
        $(#[test]
        fn $name() {
            lasts($settings, $packets, Class::$class, $seconds);
        })+

        #[test]
        fn every_line_is_tested() {
            assert_eq!([$(Class::$class),+], Class::ALL);
        }
    };
}

lines! {
    blocked: Blocked, 10, rejecting(), vec![Talk::new(1).send(0, 0, SYN, 0)];
    tcp_initial: TcpInitial, 10, plain(), vec![Talk::new(1).send(5, 0, SYN, 0)];
    tcp_established: TcpEstablished, 3600, plain(), Talk::new(1).handshake(7);
    tcp_closed: TcpClosed, 2, plain(), closed();
    tcp_closed_nat: TcpClosedNat, 120, translated("tcp to port 80"), closed();
    udp_initial: UdpInitial, 10, plain(), one_way(proto::UDP);
    udp_ongoing: UdpOngoing, 120, plain(), both_ways(proto::UDP);
    rfc4787_udp_initial: Rfc4787UdpInitial, 10, translated("udp to port 4433"), one_way(proto::UDP);
    rfc4787_udp_ongoing: Rfc4787UdpOngoing, 3, translated("udp from 10.0.0.0/24"), both_ways(proto::UDP);
    icmp_initial: IcmpInitial, 3, plain(), vec![echo(0, 8)];
    icmp_ongoing: IcmpOngoing, 3, plain(), vec![echo(0, 8), echo(SECOND, 0)];
    ipsec_initial: IpsecInitial, 60, plain(), one_way(proto::ESP);
    ipsec_ongoing: IpsecOngoing, 3600, plain(), both_ways(proto::AH);
    other_initial: OtherInitial, 10, plain(), one_way(proto::GRE);
    other_ongoing: OtherOngoing, 300, plain(), both_ways(proto::GRE);
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
