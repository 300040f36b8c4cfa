//! Sequences of packets between few endpoints: every session gives one record, and the counts reconcile.
//!
//! Sixteen bytes of the input make one packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracker::packet::{Packet, Quoted};
use tracker::table::{Gathering, TableQuery};
use tracker::{EndReason, SessionTable, TableSettings};

fn packet(bytes: &[u8; 16], time: i64) -> Packet {
    let [who, proto, flags, ports, seq, seq_high, ack, ack_high, length, window, kind, code, odd, vlan, ..] = *bytes;
    let proto = [6, 6, 6, 6, 17, 1, 58, 132, 50, 47][usize::from(proto) % 10];
    let mut packet = Packet::new(time, [who & 3; 16], [who >> 2 & 3; 16], proto);
    (packet.sport, packet.dport) = (u16::from(ports & 3) * 20, u16::from(ports >> 2 & 3) * 20);
    packet.flags = u16::from(flags) | u16::from(odd & 1) << 8;
    packet.seq = u32::from(seq) | u32::from(seq_high) << 24;
    packet.ack = u32::from(ack) | u32::from(ack_high) << 24;
    packet.payload = u32::from(length) * 7;
    packet.ip_len = packet.payload + 40;
    packet.window = u16::from(window) << 6;
    (packet.kind, packet.code, packet.scale) = (kind, code, odd >> 4);
    packet.fragment = odd & 2 != 0 && odd & 4 != 0;
    packet.bad_checksum = odd & 8 != 0 && odd & 2 != 0;
    packet.vlan = u32::from(vlan & 1);
    if packet.is_icmp_error() {
        let (src, dst) = (packet.dst, packet.src);
        let seq = (odd & 4 != 0).then_some(packet.seq);
        packet.quoted = Some(Quoted { src, dst, proto: 6, sport: packet.dport, dport: packet.sport, seq });
    }
    packet
}

fuzz_target!(|data: &[u8]| {
    let [choice, most, rest @ ..] = data else { return };
    let settings = if choice & 1 == 0 { TableSettings::default() } else { TableSettings::zeek() };
    let mut table = SessionTable::new(TableSettings {
        max_sessions: usize::from(*most) + 1,
        max_tombstones: usize::from(choice >> 4),
        has_neighbours: choice & 2 != 0,
        interim: (choice & 4 != 0).then_some(std::time::Duration::from_secs(2)),
        ..settings
    });
    let (mut records, mut time) = (Vec::new(), 0i64);
    for bytes in rest.as_chunks::<16>().0 {
        time += i64::from(bytes[14]) * 1000 + if bytes[15] > 200 { i64::from(bytes[15]) * 1_000_000 } else { 0 };
        let packet = packet(bytes, time - i64::from(bytes[15] & 7));
        if choice & 8 == 0 {
            table.on_packet(&packet, packet.time, &mut records);
        } else {
            table.on_packets(&[packet], &mut records);
        }
        for stray in table.take_strays() {
            table.adopt(&stray);
        }
        assert!(table.len() <= usize::from(*most) + 1 && table.tombstones() <= usize::from(choice >> 4));
    }
    let mut page = Gathering::new(TableQuery { limit: 3, ..TableQuery::default() });
    assert_eq!(table.gather(&mut page, 0, u32::MAX, time), None);
    assert_eq!(page.seen(), table.len() as u64);
    table.finish(&mut records);
    let stats = table.stats();
    assert!(table.is_empty());
    assert_eq!(stats.created, stats.ended);
    assert_eq!(stats.ended + stats.interim, records.len() as u64);
    assert_eq!(stats.packets, stats.tracked + stats.untracked());
    let last = records.iter().filter(|record| record.end_reason != EndReason::Active);
    assert_eq!(stats.tracked, last.map(|record| record.sent.packets + record.received.packets).sum::<u64>());
});
