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
