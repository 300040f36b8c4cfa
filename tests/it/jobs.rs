//! Any anomaly job through the built binary: validated, imported, run from the command line and by the server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::bulk::BulkServer;
use tests::delivered::{QUICK, sealed, until};
use tests::http::Hook;
use tests::program::{run, stdout};
use tests::server::{PATIENCE, Server};
use tests::sessions;

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

/// What an imported job finds takes the way of what detection finds: to sinks, to people, into SQL.
#[test]
fn what_an_imported_job_finds_is_delivered_told_and_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (cluster, hook) = (BulkServer::start(true), Hook::start());
    let (store, config) = (folder.path().join("store"), folder.path().join("halfopen.toml"));
    sessions::store(&store, 40_000, 192, sealed());
    let text = format!(
        "[[sinks]]\nname = \"es\"\nkind = \"elasticsearch\"\nurls = [\"http://{}\"]\nschema = \"codex\"\n\
         index = \"{{job_id}}-{{period}}\"\n[[sinks]]\nname = \"hook\"\nkind = \"webhook\"\nurls = [\"http://{}\"]\n\
         documents = []\n[[alerts]]\nname = \"mine\"\nsinks = [\"hook\"]\njobs = [\"refused\"]\nmax_age = \"6h\"\n\
         [delivery]\nmax_backoff = \"1s\"\n",
        cluster.address, hook.address
    );
    std::fs::write(&config, text).unwrap();
    let at = ["--store", store.to_str().unwrap()];
    let detector = json!({"function": "high_count", "partition_field_name": "server.ip"});
    let file = write(folder.path(), "job.json", &job("refused", &detector));
    stdout(["jobs", "import", file.to_str().unwrap(), at[0], at[1]]);
    let exported = || -> HashMap<String, Value> {
        let args = ["results", "export", "--job", "refused", "--schema", "codex", "--format", "ndjson", at[0], at[1]];
        let with_id = |mut document: Value| {
            let id = document.as_object_mut().unwrap().remove("_id").unwrap();
            (id.as_str().unwrap().to_owned(), document)
        };
        lines(&stdout(args)).into_iter().map(with_id).collect()
    };
    let delivered = || -> HashMap<String, Value> {
        let of_job = |((index, id), body): (&(String, String), &Value)| {
            (body["job_id"] == "refused").then(|| {
                assert!(index.starts_with("refused-20"), "{index}");
                (id.clone(), body.clone())
            })
        };
        cluster.seen().documents.iter().filter_map(of_job).collect()
    };
    let args = ["--config", config.to_str().unwrap()];
    let mut server = Server::start(&store, &args, QUICK);
    let done = |job: &Value| job["state"] == "running" && job["last_bucket"].is_i64();
    server.wait_json("/api/v1/jobs/imported/refused", done);
    until("every result of the job is delivered", PATIENCE, || {
        let exported = exported();
        exported.len() > 150 && delivered() == exported
    });
    until("somebody is told", PATIENCE, || !hook.requests().is_empty());
    let alerts = server.json("/api/v1/alerts");
    assert!(alerts["items"].as_array().unwrap().iter().any(|alert| alert["job_id"] == "refused"), "{alerts:#}");
    assert!(server.stop().success());
    let messages: Vec<Value> = hook.requests().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    let told = messages.iter().find(|message| message["server"] == "10.2.0.3").unwrap();
    assert_eq!((&told["job_id"], &told["status"]), (&json!("refused"), &json!("firing")));
    assert!(messages.iter().all(|message| message["job_id"] == "refused"), "the rule names one job");
    assert_eq!(cluster.seen().violations, [""; 0]);
    // How many requests there were is a matter of speed; of every 97 documents two are refused.
    assert!(cluster.seen().trouble >= 2, "{}", cluster.seen().trouble);

    // What changed is handed over again, what is no more is deleted: the job looks at less from now on.
    let narrow = json!({"function": "high_count", "partition_field_name": "server.ip", "use_null": false,
        "custom_rules": [{"actions": ["skip_result"], "conditions": [{"applies_to": "actual", "operator": "gt", "value": 0}]}]});
    let file = write(folder.path(), "job.json", &job("refused", &narrow));
    stdout(["jobs", "import", file.to_str().unwrap(), at[0], at[1]]);
    stdout(["jobs", "reset", "refused", at[0], at[1]]);
    let server = Server::start(&store, &args, QUICK);
    until("results that are no more are deleted", PATIENCE, || {
        let exported = exported();
        exported.len() > 150 && exported.values().all(|d| d["result_type"] == "bucket") && delivered() == exported
    });
    drop(server);
    let sql = "SELECT count(*) AS n FROM results WHERE job_id = 'refused' AND result_type = 'bucket'";
    let counted = stdout(["query", sql, "--format", "csv", at[0], at[1]]);
    assert_eq!(counted.lines().nth(1).unwrap(), exported().len().to_string());
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
