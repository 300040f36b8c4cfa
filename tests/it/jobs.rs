//! Any anomaly job through the built binary: validated, imported, run from the command line and by the server.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::program::{run, stdout};
use tests::server::Server;

/// Monday 2026-03-02 00:00 UTC.
const MONDAY: u64 = 1_772_409_600;

fn write(folder: &Path, name: &str, json: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, json.to_string()).unwrap();
    path
}

fn job(id: &str, detector: &Value) -> Value {
    json!([{
        "job": {"job_id": id, "analysis_config": {"bucket_span": "15m", "detectors": [detector], "influencers": ["client.ip"]},
            "data_description": {"time_field": "@timestamp"}},
        "datafeed": {"datafeed_id": format!("datafeed-{id}"), "indices": ["x"],
            "query": {"bool": {"filter": [{"term": {"l4.session.established": {"value": false}}}]}}},
    }])
}

/// Two days of one server; on the last evening it refuses everybody for half an hour.
fn loaded(folder: &Path) -> PathBuf {
    let (file, store) = (folder.join("export.ipfix"), folder.join("store"));
    let outage = 2 * 1440 - 120..2 * 1440 - 90;
    crate::store::export(&file, MONDAY, 2 * 1440, |minute| if outage.contains(&minute) { 60 } else { minute % 3 / 2 });
    stdout(["load".as_ref(), file.as_os_str(), "--store".as_ref(), store.as_os_str()]);
    store
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_jobs_run_prints_is_what_sql_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = loaded(folder.path());
    let store = store.to_str().unwrap();
    let detector = json!({"function": "high_count", "partition_field_name": "server.ip"});
    let file = write(folder.path(), "job.json", &job("refused", &detector));
    let values = lines(&stdout(["jobs", "run", file.to_str().unwrap(), "--format", "ndjson", "--store", store]));
    let sql = "SELECT CAST(\"end\" AS BIGINT) / 900000000 AS bucket, count(*) AS n FROM sessions \
               WHERE outcome_class = 'failed' GROUP BY 1 ORDER BY 1";
    let counted = lines(&stdout(["query", sql, "--format", "ndjson", "--store", store]));
    assert!(counted.len() > 150);
    let seen: Vec<f64> = values.iter().map(|v| v["actual"].as_f64().unwrap()).collect();
    let expected: Vec<f64> = counted.iter().map(|v| v["n"].as_f64().unwrap()).collect();
    assert_eq!(seen, expected);
    let worst = values
        .iter()
        .max_by(|a, b| a["record_score"].as_f64().unwrap().total_cmp(&b["record_score"].as_f64().unwrap()));
    let worst = worst.unwrap();
    assert!(worst["record_score"].as_f64().unwrap() >= 75.0 && worst["partition_field_value"] == "10.2.0.9", "{worst}");
    assert!(worst["time"].as_str().unwrap().starts_with("2026-03-03T22"), "{worst}");
    let csv = stdout(["jobs", "run", file.to_str().unwrap(), "--format", "csv", "--min-score", "75", "--store", store]);
    assert!(csv.starts_with("time,job_id,detector_index,function,") && csv.lines().count() < 6, "{csv}");
}

#[test]
fn an_imported_job_is_kept_and_its_results_leave_in_both_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let store = loaded(folder.path());
    let at = ["--store", store.to_str().unwrap()];
    let detector = json!({"function": "high_count", "partition_field_name": "server.ip"});
    let file = write(folder.path(), "job.json", &job("refused", &detector));
    let say = |args: &[&str]| stdout(args.iter().chain(&at).copied());
    assert!(say(&["jobs", "import", file.to_str().unwrap()]).contains("refused: imported"));
    assert!(say(&["jobs", "import", file.to_str().unwrap()]).contains("refused: known already"));
    let shown: Value = serde_json::from_str(&say(&["jobs", "show", "refused"])).unwrap();
    assert_eq!(shown[0]["job"]["analysis_config"]["detectors"][0]["function"], "high_count");
    assert!(say(&["jobs", "list"]).contains("refused"));
    assert!(say(&["jobs", "run", "refused", "--min-score", "75"]).contains("10.2.0.9"));
    for (schema, field) in [("ecs", "server.ip"), ("codex", "flow.server.ip.addr")] {
        let documents =
            lines(&say(&["results", "export", "--job", "refused", "--schema", schema, "--format", "ndjson"]));
        let worst =
            documents.iter().find(|d| d["result_type"] == "record" && d["record_score"].as_f64().unwrap() >= 75.0);
        let worst = worst.unwrap();
        assert_eq!((&worst["partition_field_name"], &worst["job_id"]), (&json!(field), &json!("refused")));
        assert_eq!(worst[field], json!(["10.2.0.9"]));
    }
    say(&["jobs", "disable", "refused"]);
    assert!(say(&["jobs", "list"]).contains("[disabled]"));
    say(&["jobs", "remove", "refused"]);
    assert!(!say(&["jobs", "list"]).contains("refused "));
}

#[test]
fn the_server_runs_imported_jobs_over_history() {
    let folder = tempfile::tempdir().unwrap();
    let store = loaded(folder.path());
    // The sessions are older than a store keeps them by default.
    let server = Server::start(&store, &[], &[("HALFOPEN_STORE_RETENTION", "0s")]);
    let document = job("refused", &json!({"function": "high_count", "over_field_name": "client.ip"})).to_string();
    let path = server.url("/api/v1/jobs/import");
    let mut answer = ureq::post(&path).header("content-type", "application/json").send(document).unwrap();
    let report: Value = answer.body_mut().read_json().unwrap();
    assert_eq!(report["items"][0]["accepted"], true, "{report}");
    let found = server
        .wait_json("/api/v1/jobs/imported/refused", |job| job["last_bucket"].is_i64() && job["state"] == "running");
    assert!(found["series"].as_u64().unwrap() > 0 && !found["runs"].as_array().unwrap().is_empty(), "{found}");
    let range = "from=2026-03-03T00:00:00Z&to=2026-03-04T00:00:00Z&min_score=50";
    for (schema, field) in [("ecs", "client.ip"), ("codex", "flow.client.ip.addr")] {
        let results = server.json(&format!("/api/v1/jobs/imported/refused/results?{range}&schema={schema}"));
        let records: Vec<&Value> =
            results["items"].as_array().unwrap().iter().filter(|d| d["result_type"] == "record").collect();
        assert!(!records.is_empty(), "{results}");
        assert!(records.iter().any(|r| r["causes"][0]["over_field_name"] == field || r["over_field_name"] == field));
    }
    let list = server.json("/api/v1/jobs");
    assert_eq!(list["imported"][0]["job_id"], "refused");
    let origin =
        ureq::delete(server.url("/api/v1/jobs/imported/refused")).header("origin", "http://evil.example").call();
    assert!(matches!(origin, Err(ureq::Error::StatusCode(403))), "{origin:?}");
    ureq::delete(server.url("/api/v1/jobs/imported/refused")).call().unwrap();
    assert_eq!(server.json("/api/v1/jobs")["imported"], json!([]));
}

#[test]
fn refusals_name_the_file_and_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let store = store.to_str().unwrap();
    let cases = [
        (json!({"function": "high_cuont"}), "$[0].job.analysis_config.detectors[0].function"),
        (json!({"function": "mean"}), "$[0].job.analysis_config.detectors[0]"),
        (
            json!({"function": "count", "by_field_name": "flow.client.cloud.provider.name"}),
            "detectors[0].by_field_name",
        ),
        (json!({"function": "info_content", "field_name": "server.ip"}), "detectors[0].function"),
    ];
    for (detector, path) in cases {
        let file = write(folder.path(), "bad.json", &job("bad", &detector));
        for command in ["validate", "import"] {
            let output = run(["jobs", command, file.to_str().unwrap(), "--store", store]);
            if command == "validate" && !Path::new(store).exists() {
                continue;
            }
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(65), "{command}: {text}");
            assert!(text.contains("bad.json") && text.contains(path), "{command}: {text}");
        }
    }
    let good = write(folder.path(), "good.json", &job("good", &json!({"function": "count"})));
    let output = run(["jobs", "validate", good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(run(["jobs", "validate", "/nowhere.json"]).status.code(), Some(66));
    assert_eq!(run(["jobs", "run", "unknown", "--store", store]).status.code(), Some(2));
}

#[test]
fn every_job_that_comes_with_the_program_validates() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    stdout(["jobs".as_ref(), "export".as_ref(), "--all".as_ref(), "--out".as_ref(), out.as_os_str()]);
    let files: Vec<PathBuf> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 60, "{}", files.len());
    let mut args = vec!["jobs".into(), "validate".into()];
    args.extend(files.iter().map(|file| file.as_os_str().to_owned()));
    assert_eq!(stdout(args).matches("can be run").count(), files.len());
}
