//! A session table with a few sessions in it, to be asked.

use std::sync::Arc;

use tracker::packet::{Packet, addr_of};
use tracker::table::{Gathering, TableQuery};
use tracker::{SessionTable, TableSettings};

use super::NOW;
use crate::state::{LiveAnswer, LiveSource};

/// A session table on which three connections were seen.
pub struct Followed(SessionTable);

impl Default for Followed {
    fn default() -> Self {
        let mut table = SessionTable::new(TableSettings { observer: Arc::from("eth0"), ..TableSettings::default() });
        let addr = |last: u8| addr_of([10, 0, 0, last].into());
        let segment = |flags, seq, ack, src: (u8, u16), dst: (u8, u16), ago: i64| {
            let mut packet = Packet::new((NOW - ago) * 1000, addr(src.0), addr(dst.0), 6);
            (packet.sport, packet.dport, packet.ip_len, packet.window) = (src.1, dst.1, 60, 500);
            Packet { flags, seq, ack, ..packet }
        };
        let packets = [
            segment(0x02, 9, 0, (1, 40_001), (7, 443), 5000),
            segment(0x12, 99, 10, (7, 443), (1, 40_001), 4999),
            segment(0x10, 10, 100, (1, 40_001), (7, 443), 4998),
            segment(0x02, 9, 0, (2, 40_002), (7, 80), 4000),
            segment(0x02, 9, 0, (3, 40_003), (7, 22), 1000),
            segment(0x14, 0, 10, (7, 22), (3, 40_003), 999),
        ];
        table.on_packets(&packets, &mut Vec::new());
        Self(table)
    }
}

impl LiveSource for Followed {
    fn sessions(&self, query: &TableQuery, interface: Option<&str>) -> LiveAnswer {
        let mut page = Gathering::new(query.clone());
        if interface.is_none_or(|name| name == "eth0") {
            self.0.gather(&mut page, 0, u32::MAX, NOW * 1000);
        }
        let (matched, total) = (page.matched(), page.seen());
        let (items, next) = page.finish();
        LiveAnswer { items, next, matched, total, complete: true, tables: Vec::new() }
    }
}
