//! `halfopen sessions` on real captures, against what a real kernel did and what Zeek tells.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::corpus::corpus;
use tests::program::{run, stdout};

fn sessions(args: &[&str]) -> Vec<Value> {
    let mut all = vec!["sessions", "--format", "ndjson"];
    all.extend(args);
    stdout(all).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Rows of a tab-separated file by column name.
fn table(path: &str) -> Option<Vec<BTreeMap<String, String>>> {
    let text = std::fs::read_to_string(corpus(path)?).unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines.next()?.split('\t').map(str::to_owned).collect();
    Some(lines.map(|line| names.iter().cloned().zip(line.split('\t').map(str::to_owned)).collect()).collect())
}

/// A field as the expected files write it.
fn field(session: &Value, name: &str) -> String {
    match &session[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn outcomes_of_a_real_kernel() {
    let Some(expected) = table("packets/mix.expected.tsv") else { return };
    let names = ["orig_h", "orig_p", "resp_h", "resp_p", "outcome", "orig_pkts", "resp_pkts"];
    let mut expected: Vec<Vec<String>> =
        expected.iter().map(|row| names.iter().map(|name| row[*name].clone()).collect()).collect();
    let capture = corpus("packets/mix.pcap").unwrap();
    let tcp = sessions(&[capture.to_str().unwrap()]).into_iter().filter(|session| session["proto"] == 6);
    let mut found: Vec<Vec<String>> = tcp.map(|s| names.iter().map(|name| field(&s, name)).collect()).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn connections_as_zeek_tells_them() {
    let Some(expected) = table("zeek/expected.tsv") else { return };
    let names = [
        "orig_h",
        "orig_p",
        "resp_h",
        "resp_p",
        "conn_state",
        "history",
        "orig_pkts",
        "resp_pkts",
        "orig_bytes",
        "resp_bytes",
    ];
    let mut traces: BTreeMap<(String, bool), Vec<Vec<String>>> = BTreeMap::new();
    for row in expected {
        let key = (row["trace"].clone(), row["ignore_checksums"] == "1");
        traces.entry(key).or_default().push(names.iter().map(|name| row[*name].clone()).collect());
    }
    assert!(!traces.is_empty());
    for ((trace, ignore), mut expected) in traces {
        let path = corpus(&format!("zeek/traces/{trace}")).unwrap();
        let mut args = vec![path.to_str().unwrap(), "--timeouts", "zeek"];
        args.extend(ignore.then_some("--ignore-checksums"));
        let tcp = sessions(&args).into_iter().filter(|session| session["proto"] == 6);
        let row = |session: Value| -> Vec<String> {
            let without_gaps = |text: String| text.replace(['g', 'G'], "");
            names
                .iter()
                .map(|&name| field(&session, name))
                .enumerate()
                .map(|(index, text)| if index == 5 { without_gaps(text) } else { text })
                .collect()
        };
        let mut found: Vec<_> = tcp.map(row).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{trace}");
    }
}

#[test]
fn every_format_and_bad_input() {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let capture = capture.to_str().unwrap();
    assert_eq!(stdout(["sessions", capture, "--format", "csv"]).lines().count(), sessions(&[capture]).len() + 1);
    assert!(stdout(["sessions", capture]).contains("refused"));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("sessions.parquet");
    stdout(["sessions", capture, "--format", "parquet", "--output", output.to_str().unwrap()]);
    assert!(std::fs::read(&output).unwrap().starts_with(b"PAR1"));
    assert_eq!(run(["sessions", capture, "--format", "parquet"]).status.code(), Some(2), "parquet needs --output");

    let cut = folder.path().join("cut.pcap");
    let bytes = std::fs::read(capture).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 10]).unwrap();
    let damaged = run(["sessions", cut.to_str().unwrap(), "--format", "csv"]);
    assert_eq!(damaged.status.code(), Some(65));
    assert!(damaged.stdout.split(|byte| *byte == b'\n').count() > 15, "what comes before the damage is told");
    assert_eq!(run(["sessions", "/nonexistent.pcap"]).status.code(), Some(66));
}

/// A capture of raw IP packets, each one second after the one before.
fn capture_of(packets: &[Vec<u8>]) -> tempfile::NamedTempFile {
    let mut file = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).concat();
    for (second, packet) in (1_700_000_000u32..).zip(packets) {
        let length = packet.len() as u32;
        file.extend([second, 0, length, length].map(u32::to_le_bytes).concat());
        file.extend(packet);
    }
    let written = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(written.path(), file).unwrap();
    written
}

fn ipv4(proto: u8, src: u8, dst: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 20).to_be_bytes();
    [&[0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, src, 10, 0, 0, dst][..], body].concat()
}

#[test]
fn icmp_and_udp_as_zeek_tells_them() {
    let echo = |kind: u8, id: u8| [&[kind, 0, 0, 0, 0, id, 0, 1][..], &[7; 56]].concat();
    let question = [&[0xc3, 0x50, 0, 53, 0, 12, 0, 0][..], b"ask?"].concat();
    let answer = [&[0, 53, 0xc3, 0x50, 0, 14, 0, 0][..], b"answer"].concat();
    let refused = ipv4(17, 1, 3, &question);
    let error = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &refused].concat();
    let capture = capture_of(&[
        ipv4(1, 1, 2, &echo(8, 1)),
        ipv4(1, 2, 1, &echo(0, 1)),
        // Another identifier: for Zeek the same connection.
        ipv4(1, 1, 2, &echo(8, 2)),
        ipv4(1, 2, 1, &echo(0, 2)),
        ipv4(17, 1, 2, &question),
        ipv4(17, 2, 1, &answer),
        refused,
        ipv4(1, 3, 1, &error),
    ]);
    let path = capture.path().to_str().unwrap();
    let rows = |args: &[&str]| {
        let names = ["orig_h", "orig_p", "resp_h", "resp_p", "conn_state", "history", "orig_pkts", "resp_pkts"];
        let mut rows: Vec<String> = sessions(&[&[path, "--ignore-checksums"][..], args].concat())
            .iter()
            .map(|session| {
                let row: Vec<String> = names.iter().map(|name| field(session, name)).collect();
                format!("{} {} {}", row.join(" "), field(session, "orig_bytes"), field(session, "resp_bytes"))
            })
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(
        rows(&["--timeouts", "zeek"]),
        [
            "10.0.0.1 50000 10.0.0.2 53 SF Dd 1 1 4 6",
            "10.0.0.1 50000 10.0.0.3 53 S0 D 1 0 - -",
            "10.0.0.1 8 10.0.0.2 0 OTH - 2 2 112 112",
            "10.0.0.3 3 10.0.0.1 3 OTH - 1 0 - -",
        ]
    );
    let own = sessions(&[path, "--ignore-checksums"]);
    assert_eq!(own.len(), 4, "two exchanges of echoes, and an error is no session");
    let unreachable: Vec<_> = own.iter().filter(|session| session["outcome"] == "unreachable").collect();
    assert_eq!((unreachable.len(), &unreachable[0]["icmp"]), (1, &"3/3".into()));
}
