//! The store is the truth: detection is a pure function of it, and a broken file costs nothing but itself.

use std::path::{Path, PathBuf};

use tests::ipfix::message;
use tests::program::{run, stdout};

/// An IPFIX file: `failing` refused and 10 served sessions of one server in every minute of `minutes`.
pub fn export(path: &Path, start: u64, minutes: u64, failing: impl Fn(u64) -> u64) {
    let minute = |minute| message(start + minute * 60, 60, minute, 10, failing(minute));
    std::fs::write(path, (0..minutes).flat_map(minute).collect::<Vec<_>>()).unwrap();
}

/// Monday 2026-03-02 00:00 UTC.
const MONDAY: u64 = 1_772_409_600;
const RESULTS: &str = "SELECT * FROM results ORDER BY 1, 2, 3, 4, 5, 6, 7, 8";

/// Three days of quiet; on the last evening the server fails for half an hour.
fn three_days(folder: &Path) -> PathBuf {
    let file = folder.join("export.ipfix");
    let outage = 3 * 1440 - 120..3 * 1440 - 90;
    export(&file, MONDAY, 3 * 1440, |minute| if outage.contains(&minute) { 60 } else { minute % 3 / 2 });
    file
}

fn loaded(folder: &Path, name: &str, files: &[&Path]) -> PathBuf {
    let store = folder.join(name);
    let mut args = vec!["load".into()];
    args.extend(files.iter().map(|file| file.as_os_str().to_owned()));
    args.extend(["--store".into(), store.as_os_str().to_owned()]);
    stdout(args);
    store
}

fn ask(store: &Path, sql: &str) -> String {
    stdout(["query", sql, "--format", "csv", "--store", store.to_str().unwrap()])
}

fn detect(store: &Path) -> String {
    stdout(["detect", "--store", store.to_str().unwrap(), "--format", "csv"])
}

#[test]
fn detection_is_a_pure_function_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = three_days(folder.path());
    let (one, two) = (loaded(folder.path(), "one", &[&file]), loaded(folder.path(), "two", &[&file]));
    let sum = "SELECT outcome, count(*) AS n FROM sessions GROUP BY outcome ORDER BY outcome";
    assert_eq!(ask(&one, sum), ask(&two, sum));
    assert!(ask(&one, sum).contains("refused"), "{}", ask(&one, sum));

    let found = detect(&one);
    assert!(found.contains("10.2.0.9") && found.contains("443"), "{found}");
    let results = ask(&one, RESULTS);
    assert!(results.lines().count() > 10, "{results}");
    detect(&one);
    assert_eq!(ask(&one, RESULTS), results, "a second run changes nothing");
    detect(&two);
    assert_eq!(ask(&two, RESULTS), results, "another store with the same sessions gives the same results");
}

/// Scoring in steps, as a live server does, equals scoring at once.
#[test]
fn live_equals_replay() {
    let folder = tempfile::tempdir().unwrap();
    let file = three_days(folder.path());
    let (one, two) = (loaded(folder.path(), "one", &[&file]), loaded(folder.path(), "two", &[&file]));
    detect(&one);
    for to in ["2026-03-02T10:00:00Z", "2026-03-03T00:00:00Z", "2026-03-04T22:20:00Z", "2026-03-05T00:20:00Z"] {
        stdout(["detect", "--store", two.to_str().unwrap(), "--to", to]);
    }
    detect(&two);
    assert_eq!(ask(&one, RESULTS), ask(&two, RESULTS));
}

#[test]
fn results_leave_in_both_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let store = loaded(folder.path(), "store", &[&three_days(folder.path())]);
    detect(&store);
    for (schema, client, server) in
        [("ecs", "client.ip", "server.ip"), ("codex", "flow.client.ip.addr", "flow.server.ip.addr")]
    {
        let export = |format| {
            stdout(["results", "export", "--schema", schema, "--format", format, "--store", store.to_str().unwrap()])
        };
        let documents: Vec<serde_json::Value> =
            export("ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |kind: &str| documents.iter().filter(|document| document["result_type"] == kind).collect::<Vec<_>>();
        assert!(!of("bucket").is_empty() && !of("influencer").is_empty());
        let records = of("record");
        let worst = records.iter().find(|record| {
            record["partition_field_name"] == server
                && record["partition_field_value"] == "10.2.0.9"
                && record["record_score"].as_f64().unwrap() >= 75.0
        });
        let worst = worst.unwrap_or_else(|| panic!("no critical record of the server in {records:#?}"));
        assert_eq!(worst["job_id"], format!("elastiflow_{schema}_avail_tcp_sess_fails_priv"));
        let influencers = worst["influencers"].as_array().unwrap();
        assert!(
            influencers.iter().any(|i| i["influencer_field_name"] == client || i["influencer_field_name"] == server)
        );
        let csv = export("csv");
        assert_eq!(csv.lines().count(), documents.len() + 1);
    }
}

#[test]
fn a_corrupt_file_costs_nothing_but_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = three_days(folder.path());
    let store = loaded(folder.path(), "store", &[&file]);
    let before = ask(&store, "SELECT count(*) FROM sessions");
    let hour = store.join("sessions/date=2026-03-02/hour=05");
    std::fs::write(hour.join("other-01ARZ3NDEKTSV4RRFFQ69G5FAV.parquet"), b"PAR1 this is no parquet file PAR1")
        .unwrap();
    let output = run(["query", "SELECT count(*) FROM sessions", "--format", "csv", "--store", store.to_str().unwrap()]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), before);
    assert!(String::from_utf8_lossy(&output.stderr).contains("01ARZ3NDEKTSV4RRFFQ69G5FAV"), "the file is reported");
    assert!(detect(&store).contains("10.2.0.9"));
}

#[test]
fn queries_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.ipfix");
    export(&file, MONDAY, 5, |_| 1);
    let store = loaded(folder.path(), "store", &[&file]);
    for sql in
        ["DROP TABLE sessions", "COPY sessions TO '/tmp/x.csv'", "INSERT INTO sessions VALUES (1)", "SELECT FROM WHERE"]
    {
        let output = run(["query", sql, "--store", store.to_str().unwrap()]);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{sql}");
    }
    let cidr = |prefix| ask(&store, &format!("SELECT count(*) FROM sessions WHERE cidr_match(client_ip, '{prefix}')"));
    assert_eq!(cidr("10.1.0.0/16"), ask(&store, "SELECT count(*) FROM sessions WHERE client_ip LIKE '10.1.%'"));
    assert!(cidr("192.0.2.0/24").ends_with("\n0\n"));
}
