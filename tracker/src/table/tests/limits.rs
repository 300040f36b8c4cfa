//! Floods, caps, emergencies; and whatever packets come.

use proptest::prelude::*;

use super::craft::*;
use crate::packet::{Packet, addr_of, proto};
use crate::settings::TableSettings;
use crate::table::{Each, SessionTable};

fn flood_syn(number: u32, time: i64) -> Packet {
    let mut packet = between(time, ("203.0.113.1", number as u16), ("10.0.0.9", 443), proto::TCP);
    packet.src = addr_of((0x0b00_0000 + (number >> 8)).to_be_bytes().into());
    Packet { flags: SYN, seq: number, window: 1024, ..packet }
}

#[test]
fn a_flood_of_five_million_syns_neither_fills_memory_nor_pushes_out_established_sessions() {
    let settings = TableSettings { max_sessions: 200_000, max_tombstones: 10_000, ..TableSettings::default() };
    let mut table = SessionTable::new(settings);
    let (mut evicted, mut closed, mut unanswered) = (0u64, 0u64, 0u64);
    let mut sink = Each(|record: crate::SessionRecord| match record.outcome.as_str() {
        "evicted" => evicted += 1,
        "closed" => closed += 1,
        "no_answer" => unanswered += 1,
        other => panic!("{other}"),
    });
    let mut talks: Vec<Talk> = (0..50_000).map(Talk::new).collect();
    for talk in &mut talks {
        table.on_packets(&talk.handshake(0), &mut sink);
    }
    let mut most = 0;
    let mut flood = Vec::with_capacity(1000);
    for number in 0..5_000_000u32 {
        flood.push(flood_syn(number, 10 + i64::from(number) * 2));
        if flood.len() == 1000 {
            // The established ones go on meanwhile.
            let time = 10 + i64::from(number) * 2;
            let talk = &mut talks[number as usize / 1000 * 10];
            flood.extend([talk.send(time, 0, ACK, 100), talk.send(time, 1, ACK, 1000)]);
            table.on_packets(&flood, &mut sink);
            flood.clear();
            most = most.max(table.bytes());
            assert!(table.half_open() <= 50_000 && table.len() <= 200_000);
        }
    }
    assert!(most < 200_000 * 200, "{most} bytes");
    for talk in &mut talks {
        let end = [talk.send(11 * SECOND, 0, FIN_ACK, 0), talk.send(11 * SECOND, 1, FIN_ACK, 0)];
        table.on_packets(&end, &mut sink);
    }
    table.finish(&mut sink);
    assert_eq!(closed, 50_000, "every established session was followed to its end");
    assert_eq!(evicted + unanswered, 5_000_000, "every SYN is accounted for");
    let stats = table.stats();
    assert_eq!((stats.evicted_half_open, stats.evicted()), (evicted, evicted));
    let (servers, others) = table.evicted_by_server();
    assert_eq!(servers.len(), 1);
    assert_eq!((servers[0].0.to_string(), servers[0].1, servers[0].2 + others), ("10.0.0.9".to_owned(), 443, evicted));
}

#[test]
fn a_million_sessions() {
    let mut table = SessionTable::new(TableSettings { max_sessions: 1_100_000, ..TableSettings::default() });
    let mut records: Vec<crate::SessionRecord> = Vec::new();
    let syn = |number: u32, time| Packet { seq: 7, ..flood_syn(number, time) };
    let answer = |number: u32, time| {
        let syn = syn(number, time);
        let (src, dst, sport, dport) = (syn.dst, syn.src, syn.dport, syn.sport);
        Packet { src, dst, sport, dport, flags: SYN_ACK, seq: 50, ack: 8, ..syn }
    };
    let last = |number: u32, time| Packet { flags: ACK, seq: 8, ack: 51, ..syn(number, time) };
    for first in (0..1_000_000u32).step_by(1000) {
        for make in [&syn as &dyn Fn(u32, i64) -> Packet, &answer, &last] {
            let packets: Vec<Packet> = (first..first + 1000).map(|number| make(number, i64::from(first))).collect();
            table.on_packets(&packets, &mut records);
        }
    }
    assert_eq!((table.len(), records.len(), table.half_open()), (1_000_000, 0, 0));
    let bytes = table.bytes() / table.len();
    assert!(bytes <= 200, "{bytes} bytes a session");
    // Each is found again, and all end.
    for number in (0..1_000_000).step_by(977) {
        let reset = Packet { flags: RST | ACK, seq: 8, ack: 51, ..syn(number, 2_000_000) };
        table.on_packet(&reset, 2_000_000, &mut records);
    }
    table.advance(5 * SECOND, &mut records);
    assert_eq!(records.len(), 1024);
    assert!(records.iter().all(|record| record.outcome.as_str() == "reset_orig"));
    table.finish(&mut records);
    assert_eq!(records.len(), 1_000_000);
}

#[test]
fn the_order_of_eviction() {
    let settings = TableSettings { max_sessions: 40, half_open_percent: 100, ..TableSettings::default() };
    let mut world = World::new(settings);
    for port in 0..10 {
        world.see_all(Talk::new(port).handshake(i64::from(port)));
    }
    for port in 10..20 {
        let mut talk = Talk::new(port);
        world.see_all(talk.handshake(20));
        world.see(talk.send(21, 0, FIN_ACK, 0));
        world.see(talk.send(22, 1, FIN_ACK, 0));
    }
    for port in 20..30 {
        world.see(udp(30, ("10.0.0.1", port), ("10.0.0.2", 53)));
    }
    for port in 30..40 {
        world.see(Talk::new(port).send(40, 0, SYN, 0));
    }
    assert_eq!(world.table.len(), 40);
    // Answered UDP is live: it does not go before the closed.
    for port in 50..90 {
        world.see(udp(50, ("10.0.0.1", port), ("10.0.0.2", 53)));
        world.see(udp(51, ("10.0.0.2", 53), ("10.0.0.1", port)));
    }
    let ranks: Vec<String> = world.records.iter().map(|r| format!("{}/{}", r.outcome, r.end_reason)).collect();
    let runs: Vec<(String, usize)> = ranks.chunk_by(|a, b| a == b).map(|run| (run[0].clone(), run.len())).collect();
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert_eq!((runs[0].0.as_str(), runs[0].1), ("evicted/resources", 20), "half-open, then one-way UDP");
    assert_eq!((runs[1].0.as_str(), runs[1].1), ("closed/resources", 10));
    assert_eq!(world.records[30].client.port, 0, "then the established one that is idle longest");
    assert!(world.table.is_emergency());
    world.check();
}

#[test]
fn in_an_emergency_sessions_begin_with_a_syn_only_and_half_open_ones_end_soon() {
    let settings = TableSettings { max_sessions: 100, half_open_percent: 100, ..TableSettings::default() };
    let mut world = World::new(settings);
    for port in 0..95 {
        world.see(Talk::new(port).send(0, 0, SYN, 0));
    }
    assert!(world.table.is_emergency());
    world.see(Talk::new(700).peek(1, 0, ACK, 5));
    assert_eq!(world.table.stats().emergency_refused, 1);
    world.advance(3 * SECOND);
    assert_eq!(world.table.len(), 0, "two seconds instead of ten");
    assert!(!world.table.is_emergency());
    assert!(world.records.iter().all(|r| r.outcome.as_str() == "evicted"), "nobody knows whether they failed");
    world.see(Talk::new(700).peek(4 * SECOND, 0, ACK, 5));
    assert_eq!(world.table.len(), 1);
    world.check();
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let numbers = (any::<u16>(), any::<u32>(), any::<u32>(), 0..3000u32, any::<u16>());
    let place = (0..3u8, 0..3u8, 0..3u16, prop_oneof![Just(6u8), Just(6), Just(6), Just(17), Just(1), any::<u8>()]);
    let odds = (any::<u8>(), any::<u8>(), 0..40u8, 0..20u8, 0..3_000_000i64);
    (numbers, place, odds).prop_map(|((flags, seq, ack, payload, window), (src, dst, port, number), odds)| {
        let (kind, code, bad, fragment, pause) = odds;
        let narrow = |value: u32| if bad % 2 == 0 { value % 50 } else { value };
        let mut packet = Packet::new(pause, [src; 16], [dst; 16], number);
        (packet.sport, packet.dport) = (port, 2 - port);
        (packet.flags, packet.seq, packet.ack) = (flags & 0x1ff, narrow(seq), narrow(ack));
        (packet.payload, packet.window, packet.ip_len) = (payload % 40, window, 40 + payload);
        (packet.kind, packet.code) = (kind, code);
        packet.bad_checksum = bad == 0;
        packet.fragment = fragment == 0;
        packet
    })
}

proptest! {
    #[test]
    fn whatever_comes_every_session_gives_one_record(
        packets in proptest::collection::vec(any_packet(), 0..200),
        zeek in any::<bool>(),
        most in 1..8usize,
    ) {
        let settings = if zeek { TableSettings::zeek() } else { TableSettings::default() };
        let mut world = World::new(TableSettings { max_sessions: most, max_tombstones: 3, ..settings });
        let mut time = 0;
        for packet in packets {
            time += packet.time;
            world.see(Packet { time, ..packet });
            prop_assert!(world.table.len() <= most && world.table.tombstones() <= 3);
            world.check();
        }
        world.table.finish(&mut world.records);
        prop_assert!(world.table.is_empty());
        world.check();
        let stats = world.table.stats();
        prop_assert_eq!(stats.tracked, world.records.iter().map(|r| r.sent.packets + r.received.packets).sum::<u64>());
        for record in &world.records {
            prop_assert!(record.start <= record.end);
        }
    }

    #[test]
    fn batches_and_single_packets_agree(packets in proptest::collection::vec(any_packet(), 0..120)) {
        let mut time = 0;
        let packets: Vec<Packet> = packets.into_iter().map(|packet| {
            time += packet.time;
            Packet { time, ..packet }
        }).collect();
        let mut world = World::new(TableSettings::default());
        world.see_all(packets.iter().copied());
        let mut table = SessionTable::new(TableSettings::default());
        let mut records: Vec<crate::SessionRecord> = Vec::new();
        table.on_packets(&packets, &mut records);
        world.table.finish(&mut world.records);
        table.finish(&mut records);
        prop_assert_eq!(world.records, records);
    }
}
