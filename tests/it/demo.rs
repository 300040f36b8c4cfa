//! The demo, as `make run` starts it: an outage is going on, and everything shows it.

use serde_json::Value;
use tests::browser::browser;
use tests::server::Server;

fn is_outage(anomaly: &Value) -> bool {
    anomaly["severity"] == "critical" && anomaly["server"] == "10.2.0.7"
}

#[test]
fn the_outage_is_found_and_shown() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &["--demo"], &[("XDG_DATA_HOME", home)]);
    server.wait_line("ready");

    let anomalies = server.wait_json("/api/v1/anomalies?from=now-24h&to=now&min_score=75", |page| {
        page["items"].as_array().unwrap().iter().any(is_outage)
    });
    let outage = anomalies["items"].as_array().unwrap().iter().find(|anomaly| is_outage(anomaly)).unwrap();
    assert_eq!(outage["perspective"], "inbound", "{outage:#}");
    assert!(outage["explanation"].as_str().unwrap().contains("10.2.0.7"), "{outage:#}");
    let summary = server.json("/api/v1/summary?from=now-24h&to=now");
    assert_eq!(summary["worst"]["server"], "10.2.0.7", "{summary:#}");

    // Both demo exporters really send over UDP.
    server.wait_json("/api/v1/exporters", |page| {
        let items = page["items"].as_array().unwrap();
        items.len() >= 2 && items.iter().all(|exporter| exporter["packets"].as_u64().unwrap() > 0)
    });

    job_download(&server);
    browser("demo.mjs", &server, &[]);
    assert!(server.stop().success());
}

/// `curl -OJ` saves the job under its id.
fn job_download(server: &Server) {
    for (schema, perspective, id) in [
        ("ecs", "edge", "elastiflow_ecs_avail_tcp_sess_fails_edge"),
        ("codex", "inbound", "elastiflow_codex_avail_tcp_sess_fails_in"),
    ] {
        let path = format!("/api/v1/jobs/{schema}/{perspective}");
        let mut response = ureq::get(server.url(&path)).call().unwrap();
        let header = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert_eq!(header, format!("attachment; filename=\"{id}.json\""));
        let job: Value = response.body_mut().read_json().unwrap();
        assert_eq!(job[0]["job"]["job_id"], *id);
    }
}
