//! Frames of any link type: whatever the bytes are, the parser counts them and goes on.
//!
//! The first byte of the input chooses the link type, the second bits of the settings; the rest are frames, each behind a
//! byte that says how long it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracker::parse::{FrameMeta, LinkType, ParseSettings, Parser};
use tracker::{SessionTable, TableSettings};

const LINKS: [u16; 12] = [1, 0, 113, 276, 101, 9, 51, 104, 117, 239, 1, 147];

fuzz_target!(|data: &[u8]| {
    let [link, choice, rest @ ..] = data else { return };
    let link = LinkType::from_pcap(LINKS[usize::from(*link) % LINKS.len()]);
    let settings = if choice & 1 == 0 { ParseSettings::default() } else { ParseSettings::zeek() };
    let mut parser = Parser::new(ParseSettings { checksums: choice & 2 != 0, max_fragments: 8, ..settings });
    let table = if choice & 1 == 0 { TableSettings::default() } else { TableSettings::zeek() };
    let mut table = SessionTable::new(TableSettings { max_sessions: 16, max_tombstones: 4, ..table });
    let (mut packets, mut records) = (Vec::new(), Vec::new());
    let (mut rest, mut time) = (rest, 0);
    while let [length, tail @ ..] = rest {
        let (frame, next) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = next;
        time += 100_000;
        let wire_len = frame.len() as u32 + u32::from(choice >> 4) * 100;
        let vlan = (choice & 4 != 0).then_some(7);
        parser.parse(link, frame, FrameMeta { time, wire_len, vlan, checksum_known: choice & 8 != 0 }, &mut packets);
    }
    let stats = parser.stats();
    assert_eq!(stats.packets, packets.len() as u64);
    assert!(packets.iter().all(|packet| packet.payload <= packet.ip_len));
    table.on_packets(&packets, &mut records);
    table.finish(&mut records);
    let stats = table.stats();
    assert_eq!(stats.created, records.len() as u64);
    assert_eq!(stats.packets, stats.tracked + stats.untracked());
});
