//! Capture files, pcap and pcapng: any bytes end in frames, an error or the end of the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracker::parse::{ParseSettings, Parser};
use tracker::pcap::PcapReader;
use tracker::replay::replay;
use tracker::{SessionTable, TableSettings};

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = PcapReader::new(data) else { return };
    let mut parser = Parser::new(ParseSettings::default());
    let mut table = SessionTable::new(TableSettings { max_sessions: 64, ..TableSettings::default() });
    let mut records = Vec::new();
    let _ = replay(&mut reader, &mut parser, &mut table, &mut records);
    table.finish(&mut records);
    assert_eq!(table.stats().ended, records.len() as u64);
});
