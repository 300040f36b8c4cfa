//! `halfopen decode` on real exports, whole, cut and broken.

use std::path::PathBuf;

use serde_json::Value;
use tests::corpus::corpus;
use tests::program::run;

/// The contexts of the corpus: name, files, number of data records expected (`None`: it only must not fail).
fn contexts() -> Vec<(String, Vec<PathBuf>, Option<usize>)> {
    let Some(expected) = corpus("netflow/expected.json") else { return Vec::new() };
    let contexts: Vec<Value> = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    contexts
        .iter()
        .map(|context| {
            let files = context["files"].as_array().unwrap();
            let path = |file: &Value| corpus(&format!("netflow/{}", file.as_str().unwrap())).unwrap();
            let counts = context["decoded_events"].as_array().unwrap();
            let count = counts.first().map(|count| usize::try_from(count.as_u64().unwrap()).unwrap());
            (context["context"].as_str().unwrap().trim().to_owned(), files.iter().map(path).collect(), count)
        })
        .collect()
}

#[test]
fn record_counts_of_real_exporters() {
    let mut wrong = Vec::new();
    for (name, files, expected) in contexts() {
        let mut args = vec!["decode".into()];
        args.extend(files);
        let output = run(&args);
        assert!(matches!(output.status.code(), Some(0 | 65)), "{name}: {:?}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for record in &records {
            for key in ["exporter", "domain", "version", "template_id"] {
                assert!(record.get(key).is_some(), "{name}: no {key} in {record}");
            }
        }
        if expected.is_some_and(|count| count != records.len()) {
            wrong.push(format!("{name}: expected {expected:?}, found {}", records.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_not_understood_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.dat");
    std::fs::write(&garbage, [0xfe; 100]).unwrap();
    let output = run(["decode".as_ref(), garbage.as_os_str()]);
    assert_eq!(output.status.code(), Some(65));
    assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("garbage.dat"));

    let absent = run(["decode", "/nonexistent/file.pcap"]);
    assert_eq!(absent.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("/nonexistent/file.pcap"));
}
