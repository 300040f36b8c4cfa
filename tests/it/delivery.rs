//! Delivery through the built program: a cluster that makes trouble, a crash in the middle, and nothing lost or doubled;
//! alerts that reach a webhook once, and silences that keep them from it.

use std::collections::{HashMap, HashSet};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tests::bulk::BulkServer;
use tests::delivered::{QUICK, results, sealed, until};
use tests::export::now;
use tests::http::Hook;
use tests::program::{run, stdout};
use tests::server::{PATIENCE, Server};
use tests::sessions;

const COUNT: u64 = 100_000;
fn session_ids(store: &Path) -> HashSet<String> {
    let sql = "SELECT session_id FROM sessions";
    let csv = stdout(["query", sql, "--format", "csv", "--store", store.to_str().unwrap()]);
    csv.lines().skip(1).map(|id| format!("session_{:016x}", id.parse::<u64>().unwrap())).collect()
}

fn sink(server: &Server, name: &str) -> Value {
    let page = server.json("/api/v1/sinks");
    page["items"].as_array().unwrap().iter().find(|sink| sink["name"] == name).unwrap().clone()
}

/// Waits until a condition holds.
/// How long a hundred thousand documents may take through a cluster that makes trouble of a quarter of the requests.
const DELIVERY: Duration = Duration::from_mins(8);

#[test]
fn a_crash_among_troubles_loses_and_doubles_nothing() {
    let cluster = BulkServer::start(true);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let end = sealed();
    sessions::store(&store, COUNT, 192, end);
    let config = folder.path().join("halfopen.toml");
    let text = format!(
        "[[sinks]]\nname = \"es\"\nkind = \"elasticsearch\"\nurls = [\"http://{}\"]\nhistory = \"30d\"\n\
         documents = [\"records\", \"buckets\", \"influencers\", \"sessions\"]\nspool_bytes = 8000000\n\
         [delivery]\nmax_backoff = \"1s\"\n",
        cluster.address
    );
    std::fs::write(&config, text).unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let mut server = Server::start(&store, &args, QUICK);
    until("documents arrive", DELIVERY, || cluster.seen().documents.len() > 30_000);
    server.kill();
    let before = cluster.seen().documents.len();
    assert!(before < 90_000, "the crash comes in the middle: {before}");

    let mut server = Server::start(&store, &args, QUICK);
    server.wait_scored(end);
    let mut expected = session_ids(&store);
    assert_eq!(expected.len() as u64, COUNT);
    until("everything arrives", DELIVERY, || {
        let (sink, seen) = (sink(&server, "es"), cluster.seen().documents.len());
        sink["waiting"] == 0 && seen >= expected.len() && seen == expected.len() + results(&store).len()
    });
    expected.extend(results(&store));
    let seen = cluster.seen();
    let delivered: HashMap<&String, &Value> = seen.documents.iter().map(|((_, id), body)| (id, body)).collect();
    assert_eq!(delivered.len(), seen.documents.len(), "no document is in two indices");
    let missing: Vec<_> = expected.iter().filter(|id| !delivered.contains_key(id)).take(5).collect();
    assert!(delivered.len() == expected.len() && missing.is_empty(), "{missing:?}");
    assert!(seen.violations.is_empty(), "{:?}", seen.violations.first());
    assert!(seen.trouble > 500, "{}", seen.trouble);
    // The content is that of the results as they stand.
    let records =
        stdout(["results", "export", "--schema", "ecs", "--format", "ndjson", "--store", store.to_str().unwrap()]);
    for line in records.lines() {
        let mut document: Value = serde_json::from_str(line).unwrap();
        let id = document.as_object_mut().unwrap().remove("_id").unwrap();
        assert_eq!(delivered[&id.as_str().unwrap().to_owned()], &document, "{id}");
    }
    drop(seen);
    let es = sink(&server, "es");
    assert!(es["retried"].as_u64().unwrap() > 0 && es["rejected"] == 0 && es["dropped"] == 0, "{es:#}");
    let metrics = ureq::get(server.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(metrics.contains("halfopen_sink_waiting{sink=\"es\"} 0"), "{metrics}");
    assert!(server.stop().success());

    // Nothing is sent again to who has everything.
    let taken = cluster.seen().taken;
    let server = Server::start(&store, &args, QUICK);
    server.wait_json("/api/v1/sinks", |page| page["items"][0]["state"] == "idle");
    std::thread::sleep(Duration::from_secs(3));
    assert!(cluster.seen().taken - taken < 200, "{} documents were sent again", cluster.seen().taken - taken);
}

/// A store in which one server has begun to fail, a configuration with these sinks, and a rule that tells `told`.
fn failing(folder: &Path, sinks: &str, told: &str) -> (PathBuf, PathBuf) {
    let (store, config) = (folder.join("store"), folder.join("halfopen.toml"));
    sessions::store(&store, 40_000, 192, sealed());
    let rule = format!("[[alerts]]\nname = \"failures\"\nsinks = [{told}]\nmax_age = \"6h\"\n");
    std::fs::write(&config, format!("{sinks}{rule}")).unwrap();
    (store, config)
}

#[test]
fn people_are_told_once_and_silences_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (hook, syslog) = (Hook::start(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let sinks = format!(
        "[[sinks]]\nname = \"hook\"\nkind = \"webhook\"\nurls = [\"http://{}/secret/path\"]\ndocuments = []\n\
         signing_key = \"s3cret-key\"\n[[sinks]]\nname = \"log\"\nkind = \"syslog\"\nurls = [\"udp://{}\"]\ndocuments = []\n",
        hook.address,
        syslog.local_addr().unwrap()
    );
    let (store, config) = failing(folder.path(), &sinks, "\"hook\", \"log\"");
    let (config, dir) = (config.to_str().unwrap(), store.to_str().unwrap());
    let printed = stdout(["config", "print", config]);
    assert!(printed.contains("signing_key = \"<redacted>\"") && !printed.contains("s3cret-key"), "{printed}");

    let mut server = Server::start(&store, &["--config", config], QUICK);
    let alerts = server.wait_json("/api/v1/alerts", |page| !page["items"].as_array().unwrap().is_empty());
    assert!(alerts.to_string().contains("10.2.0.3"), "{alerts:#}");
    until("the webhook is called", DELIVERY, || !hook.requests().is_empty());
    let (head, body) = hook.requests().remove(0);
    assert!(head.contains("webhook-signature: v1,") && head.contains("webhook-id: alert_"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["status"], &body["rule"]), (&"firing".into(), &"failures".into()));
    let mut datagram = vec![0; 65_536];
    syslog.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = syslog.recv(&mut datagram).unwrap();
    let message = std::str::from_utf8(&datagram[..length]).unwrap();
    assert!(message.starts_with("<13") && message.contains(" halfopen - alert [origin "), "{message}");
    assert!(!server.json("/api/v1/sinks").to_string().contains("secret"));

    // A restart tells nobody again.
    server.wait_json("/api/v1/sinks", |page| page["items"][0]["state"] == "idle");
    let told = hook.requests().len();
    let ids: HashSet<String> = hook
        .requests()
        .iter()
        .map(|(head, _)| head.split("webhook-id: ").nth(1).unwrap().lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), told, "every message has its own id");
    server.kill();
    let mut server = Server::start(&store, &["--config", config], QUICK);
    server.wait_json("/api/v1/alerts", |page| !page["items"].as_array().unwrap().is_empty());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(hook.requests().len(), told);
    assert!(server.stop().success());

    // The rules say the same of the past, and what a silence would have held back.
    let tried = stdout(["alerts", "try", "--config", config, "--store", dir]);
    assert!(tried.contains("10.2.0.3"), "{tried}");
    assert!(stdout(["alerts", "list", "--config", config]).contains("failures"));
}

#[test]
fn silences_are_shared_by_command_line_and_api() {
    let folder = tempfile::tempdir().unwrap();
    let sinks = format!("[[sinks]]\nname = \"files\"\nkind = \"file\"\nurls = [{:?}]\n", folder.path().join("out"));
    let (store, config) = failing(folder.path(), &sinks, "\"files\"");
    let (config, dir) = (config.to_str().unwrap(), store.to_str().unwrap());
    let id = stdout([
        "silences",
        "add",
        "--for",
        "2h",
        "--server",
        "10.2.0.0/24",
        "--comment",
        "new switch",
        "--store",
        dir,
    ]);
    let id = id.trim();
    let wrong = run(["silences", "add", "--for", "2h", "--server", "ten", "--store", dir]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("server"));

    let mut server = Server::start(&store, &["--config", config], QUICK);
    let held = |page: &Value| page["items"].as_array().unwrap().iter().any(|alert| alert["silenced_by"] == id);
    server.wait_json("/api/v1/alerts", held);
    let list = server.json("/api/v1/silences");
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["comment"]), (&id.into(), &"new switch".into()));
    let new = serde_json::json!({"until": now() + 60_000, "matching": {"port": 443}});
    let url = server.url("/api/v1/silences");
    let made: Value = ureq::post(&url).send_json(&new).unwrap().body_mut().read_json().unwrap();
    let foreign = ureq::post(&url).header("origin", "https://evil.example").send_json(&new);
    assert!(matches!(foreign, Err(ureq::Error::StatusCode(403))), "{foreign:?}");
    let listed = stdout(["silences", "list", "--store", dir]);
    assert!(
        listed.contains(id) && listed.contains(made["id"].as_str().unwrap()) && listed.contains("port 443"),
        "{listed}"
    );
    let path = format!("{url}/{}", made["id"].as_str().unwrap());
    assert_eq!(ureq::delete(&path).call().unwrap().status(), 204);
    stdout(["silences", "remove", id, "--store", dir]);
    let ended = stdout(["silences", "list", "--store", dir]);
    assert_eq!(ended.matches("ended").count(), 2, "{ended}");

    // Results are not touched by silences: the files have every document once.
    let files = folder.path().join("out");
    let lines = || {
        let text: String = std::fs::read_dir(&files)
            .into_iter()
            .flatten()
            .flatten()
            .map(|file| std::fs::read_to_string(file.path()).unwrap())
            .collect();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let expected = results(&store);
    until("the files are whole", DELIVERY, || lines().len() >= expected.len());
    assert!(server.stop().success());
    let written = lines();
    let anomalies: HashSet<String> = written.iter().filter(|id| !id.starts_with("alert_")).cloned().collect();
    assert_eq!(anomalies, expected);
    assert_eq!(written.iter().filter(|id| !id.starts_with("alert_")).count(), anomalies.len());
    assert!(stdout(["sinks", "list", "--config", config, "--store", dir]).contains("records,buckets,influencers"));
    assert!(stdout(["sinks", "test", "--config", config]).contains("took the test message"));
    assert_eq!(run(["sinks", "test", "nosuch", "--config", config]).status.code(), Some(2));
}
