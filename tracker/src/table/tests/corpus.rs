//! Whole captures with the results that others expect of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::packet::proto;
use crate::parse::{ParseSettings, Parser};
use crate::pcap::PcapReader;
use crate::record::SessionRecord;
use crate::replay::replay;
use crate::settings::{Profile, TableSettings};
use crate::table::SessionTable;
use crate::zeek::ports::LikelyPorts;

fn corpus(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HALFOPEN_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

fn sessions(path: &Path, checksums: bool, settings: TableSettings) -> Vec<SessionRecord> {
    let parsing = if settings.profile == Profile::Zeek { ParseSettings::zeek() } else { ParseSettings::default() };
    let mut parser = Parser::new(ParseSettings { checksums, ..parsing });
    let mut table = SessionTable::new(settings);
    let mut records = Vec::new();
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    replay(&mut reader, &mut parser, &mut table, &mut records).unwrap();
    table.finish(&mut records);
    assert!(table.is_empty());
    let stats = table.stats();
    assert_eq!(stats.created, stats.ended);
    assert_eq!(stats.packets, stats.tracked + stats.untracked(), "{stats:?}");
    assert_eq!(stats.packets, parser.stats().packets);
    records
}

#[test]
fn zeek_expects_the_same_of_every_connection() {
    let Some(folder) = corpus("zeek") else { return };
    let table = fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let mut expected: BTreeMap<(String, bool, String), Vec<String>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let key = (fields[0].to_owned(), fields[1] == "1", fields[3].to_owned());
        expected.entry(key).or_default().push(fields[4..].join(" "));
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    for ((trace, ignore, loads), mut want) in expected {
        let scripts: Vec<&str> = loads.split(',').collect();
        let likely_ports = if loads == "*default*" { LikelyPorts::all() } else { LikelyPorts::of_scripts(&scripts) };
        let settings = TableSettings { likely_ports, ..TableSettings::zeek() };
        let records = sessions(&folder.join("traces").join(&trace), !ignore, settings);
        let mut got: Vec<String> = records.iter().filter(|r| r.proto == proto::TCP).map(zeek_line).collect();
        got.sort();
        want.sort();
        count += want.len();
        for line in &got {
            if !want.contains(line) {
                wrong.push(format!("{trace}: got  {line}"));
            }
        }
        for line in &want {
            if !got.contains(line) {
                wrong.push(format!("{trace}: want {line}"));
            }
        }
        if got.len() != want.len() {
            wrong.push(format!("{trace}: {} connections for {}", got.len(), want.len()));
        }
    }
    assert!(wrong.is_empty(), "of {count}:\n{}", wrong.join("\n"));
    assert_eq!(count, 92);
}

fn zeek_line(r: &SessionRecord) -> String {
    let history: String = r.history.as_ref().unwrap().chars().filter(|c| !"gG".contains(*c)).collect();
    // Zeek leaves sizes out where a connection has no duration.
    let size = |bytes: Option<u64>| match bytes {
        Some(bytes) if r.end > r.start => bytes.to_string(),
        _ => "-".to_owned(),
    };
    format!(
        "{} {} {} {} {} {} {} {} {} {}",
        r.client.ip,
        r.client.port,
        r.server.ip,
        r.server.port,
        r.conn_state.unwrap(),
        history,
        r.sent.packets,
        r.received.packets,
        size(r.client_payload),
        size(r.server_payload)
    )
}

#[test]
fn outcomes_of_a_real_kernel() {
    let Some(folder) = corpus("packets") else { return };
    let table = fs::read_to_string(folder.join("mix.expected.tsv")).unwrap();
    let mut want: Vec<String> = table.lines().skip(1).map(|line| line.replace('\t', " ")).collect();
    let records = sessions(&folder.join("mix.pcap"), true, TableSettings::default());
    let mut got: Vec<String> = records
        .iter()
        .filter(|r| r.proto == proto::TCP)
        .map(|r| {
            let (c, s) = (r.client, r.server);
            let (sent, received) = (r.sent.packets, r.received.packets);
            format!("{} {} {} {} {} {sent} {received}", c.ip, c.port, s.ip, s.port, r.outcome)
        })
        .collect();
    want.sort();
    got.sort();
    assert_eq!(got, want);
}

#[test]
fn the_standard_profile_takes_every_trace() {
    let Some(folder) = corpus("zeek") else { return };
    for entry in fs::read_dir(folder.join("traces")).unwrap() {
        let path = entry.unwrap().path();
        let records = sessions(&path, false, TableSettings::default());
        assert!(!records.is_empty(), "{}", path.display());
    }
}
