//! Delivery into real servers: an OpenSearch node and a Kafka broker. They need Java and jars from Maven Central, so they
//! run with `make test-interop` alone.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use tests::delivered::{QUICK, results, sealed, until};
use tests::java::{JavaServer, USER};
use tests::program::{run, stdout};
use tests::server::Server;
use tests::sessions;

const COUNT: u64 = 100_000;
const PATIENCE: Duration = Duration::from_mins(4);

fn idle(server: &Server) -> bool {
    let sink = &server.json("/api/v1/sinks")["items"][0];
    assert_eq!((&sink["rejected"], &sink["dropped"]), (&json!(0), &json!(0)), "{sink:#}");
    sink["state"] == "idle" && sink["delivered"].as_u64() > Some(0)
}

#[test]
#[ignore = "needs Java and jars: make test-interop"]
fn opensearch_has_every_document_once() {
    let node = JavaServer::opensearch();
    let folder = tempfile::tempdir().unwrap();
    let (store, config) = (folder.path().join("store"), folder.path().join("halfopen.toml"));
    let end = sealed();
    sessions::store(&store, COUNT, 192, end);
    let text = format!(
        "[[sinks]]\nname = \"os\"\nkind = \"opensearch\"\nurls = [\"{}\"]\nspool_bytes = 8000000\n\
         documents = [\"records\", \"buckets\", \"influencers\", \"sessions\"]\n[delivery]\nmax_backoff = \"1s\"\n",
        node.url("")
    );
    std::fs::write(&config, text).unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let done = stdout(["sinks", "setup", args[0], args[1]]);
    assert!(
        done.contains("index template halfopen-os-anomalies") && done.contains("halfopen-sessions-ecs-*"),
        "{done}"
    );

    let count = |index: &str| {
        let url = node.url(&format!("{index}/_count?ignore_unavailable=true&allow_no_indices=true"));
        let mut counted = 0;
        // A new index answers 503 until its shard has started.
        until("every index answers", PATIENCE, || match ureq::get(&url).call() {
            Ok(mut response) => {
                counted = response.body_mut().read_json::<Value>().unwrap()["count"].as_u64().unwrap();
                true
            }
            Err(ureq::Error::StatusCode(503)) => false,
            Err(error) => panic!("{url}: {error}"),
        });
        counted
    };
    let mut server = Server::start(&store, &args, QUICK);
    until("documents arrive", PATIENCE, || {
        ureq::post(node.url("_refresh")).send_empty().unwrap();
        count("halfopen-*") > 25_000
    });
    server.kill();
    ureq::post(node.url("_refresh")).send_empty().unwrap();
    let before = count("halfopen-*");
    assert!(before < 95_000, "the crash comes in the middle: {before}");
    let mut server = Server::start(&store, &args, QUICK);
    server.wait_scored(end);
    until("everything arrives", PATIENCE, || {
        ureq::post(node.url("_refresh")).send_empty().unwrap();
        idle(&server)
            && count("halfopen-sessions-*") == COUNT
            && count("halfopen-anomalies-*") == results(&store).len() as u64
    });
    assert_eq!(count("halfopen-*"), COUNT + results(&store).len() as u64);

    // Documents can be found as what they are: by prefix of an address, by number, by severity.
    let found = |index: &str, query: Value| {
        let url = node.url(&format!("{index}/_count"));
        let mut response = ureq::post(&url).send_json(json!({"query": query})).unwrap();
        response.body_mut().read_json::<Value>().unwrap()["count"].as_u64().unwrap()
    };
    let sql = "SELECT count(*) AS n FROM sessions WHERE server_ip = '10.2.0.3' AND outcome = 'refused'";
    let expected = stdout(["query", sql, "--format", "csv", "--store", store.to_str().unwrap()]);
    let query = json!({"bool": {"filter": [{"term": {"server.ip": "10.2.0.3/32"}}, {"term": {"l4.session.outcome": "refused"}}]}});
    assert_eq!(found("halfopen-sessions-*", query), expected.lines().nth(1).unwrap().parse::<u64>().unwrap());
    assert_eq!(found("halfopen-sessions-*", json!({"term": {"client.ip": "10.1.0.0/16"}})), COUNT);
    let severe = json!({"bool": {"filter": [{"term": {"result_type": "record"}}, {"range": {"record_score": {"gte": 75}}}, {"term": {"partition_field_value": "10.2.0.3"}}]}});
    assert!(found("halfopen-anomalies-*", severe) > 0);
    assert!(server.stop().success());
}

#[test]
#[ignore = "needs Java and jars: make test-interop"]
fn kafka_has_every_result() {
    let broker = JavaServer::kafka();
    let folder = tempfile::tempdir().unwrap();
    let (store, config) = (folder.path().join("store"), folder.path().join("halfopen.toml"));
    let end = sealed();
    sessions::store(&store, 20_000, 192, end);
    let address = format!("127.0.0.1:{}", broker.port);
    let text = format!(
        "[[sinks]]\nname = \"bus\"\nkind = \"kafka\"\nurls = [\"{address}\"]\ndocuments = [\"records\", \"buckets\", \"influencers\", \"sessions\"]\n\
         topic = \"halfopen\"\n[delivery]\nmax_backoff = \"1s\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let args = ["--config", config.to_str().unwrap()];
    assert!(stdout(["sinks", "setup", args[0], args[1]]).contains("made topic halfopen"));
    assert!(stdout(["sinks", "setup", args[0], args[1]]).contains("every topic is there"));
    assert!(stdout(["sinks", "test", args[0], args[1]]).contains("took the test message"));

    let mut server = Server::start(&store, &args, QUICK);
    server.wait_scored(end);
    until("everything is sent", PATIENCE, || {
        idle(&server)
            && server.json("/api/v1/sinks")["items"][0]["delivered"].as_u64().unwrap()
                >= 20_000 + results(&store).len() as u64
    });
    assert!(server.stop().success());
    let records = broker.tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        &[
            "--bootstrap-server",
            &address,
            "--topic",
            "halfopen",
            "--from-beginning",
            "--timeout-ms",
            "30000",
            "--property",
            "print.key=true",
        ],
    );
    let mut keys = HashSet::new();
    let mut lines = 0;
    for line in records.lines() {
        let (key, value) = line.split_once('\t').unwrap();
        assert!(serde_json::from_str::<Value>(value).unwrap().is_object());
        keys.insert(key.to_owned());
        lines += usize::from(!key.starts_with("alert_"));
    }
    let mut expected = results(&store);
    expected.extend((1..=20_000).map(|id| format!("session_{id:016x}")));
    let missing: Vec<_> = expected.difference(&keys).take(5).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(lines, expected.len(), "without a crash nothing is sent twice");
}

#[test]
#[ignore = "needs Java and jars: make test-interop"]
fn kafka_is_reached_by_tls_and_every_kind_of_sasl() {
    let broker = JavaServer::kafka();
    let folder = tempfile::tempdir().unwrap();
    let (secure, (user, password)) = (broker.secure.unwrap(), USER);
    let config = |sasl: &str, password: &str, ca: &str| {
        let path = folder.path().join("halfopen.toml");
        let text = format!(
            "[[sinks]]\nname = \"bus\"\nkind = \"kafka\"\nurls = [\"127.0.0.1:{secure}\"]\ntopic = \"{sasl}\"\n\
             tls = true\nca = {ca:?}\nusername = \"{user}\"\npassword = \"{password}\"\nsasl = \"{sasl}\"\ntimeout = \"10s\"\n"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = broker.ca();
    let ca = ca.to_str().unwrap();
    let mut taken = Vec::new();
    for sasl in ["plain", "scram-sha-256", "scram-sha-512"] {
        let path = config(sasl, password, ca);
        assert!(stdout(["sinks", "setup", "--config", &path]).contains(&format!("made topic {sasl}")));
        let said = stdout(["sinks", "test", "--config", &path]);
        let id = said.split_whitespace().find(|word| word.starts_with("alert_test_")).unwrap();
        taken.push((sasl, id.to_owned()));
        for (password, ca) in [("wrong", ca), (password, "")] {
            let output = run(["sinks", "test", "--config", &config(sasl, password, ca)]);
            assert_eq!(output.status.code(), Some(69), "{sasl}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    for (topic, id) in taken {
        let plain = format!("127.0.0.1:{}", broker.port);
        let args = ["--bootstrap-server", &plain, "--topic", topic, "--from-beginning", "--max-messages", "1"];
        let key = ["--property", "print.key=true", "--timeout-ms", "20000"];
        let record = broker.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &[&args[..], &key[..]].concat());
        assert!(record.starts_with(&id), "{record}");
    }
}
