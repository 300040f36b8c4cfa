//! Summary, swim lanes, influencers, series, jobs, results, and what the service says of itself.

use analytics::JobState;
use serde_json::{Value, json};
use tracker::Perspective;

use crate::testing::*;

#[tokio::test]
async fn the_summary_in_every_state() {
    let quiet = || Fake {
        buckets: vec![bucket(Perspective::Inbound, 0.0, 0), bucket(Perspective::Edge, 0.0, 0)],
        statuses: vec![status(JobState::Running, None)],
        ..Fake::default()
    };
    let cases = [
        (Fake::default(), "empty", "no sessions in the last 24 h"),
        (
            Fake { sessions: vec![session(1, 1)], ..Fake::default() },
            "learning",
            "learning: the first bucket is not complete yet",
        ),
        (
            Fake { statuses: vec![status(JobState::Learning, Some("needs 2 more days"))], ..quiet() },
            "learning",
            "learning: needs 2 more days",
        ),
        (quiet(), "quiet", "quiet: 1.2 M sessions checked in the last 24 h, nothing unusual"),
        (
            Fake { records: vec![record(7, 91.0, 0), record(8, 80.0, 1), record(9, 30.0, 1)], ..quiet() },
            "anomalies",
            "2 critical and 1 minor in the last 24 h; worst: 10.2.0.7:443 refused, 46x typical",
        ),
    ];
    for (fake, state, sentence) in cases {
        let summary = get(fake, "/api/v1/summary").await.json();
        assert_eq!((&summary["state"], &summary["sentence"]), (&state.into(), &sentence.into()));
        assert_eq!(summary["worst"].is_null(), state != "anomalies");
    }
    let summary = get(quiet(), "/api/v1/summary?from=2026-03-10T00:00:00Z&to=1773151200001").await.json();
    assert_eq!(summary["sessions"], 1_200_000);
    assert_eq!(summary["failed"], 1000);
    assert!(summary["sentence"].as_str().unwrap().contains("from 2026-03-10 00:00 to 2026-03-10 14:00 UTC"));
    let path = "/api/v1/summary?from=2026-03-09T20:00:00Z&to=2026-03-10T12:00:00Z&timezone=Europe/Berlin";
    let told = get(quiet(), path).await.json();
    assert!(told["sentence"].as_str().unwrap().contains("from 2026-03-09 21:00 to 2026-03-10 13:00 CET"), "{told}");
}

#[tokio::test]
async fn lanes() {
    let fake = Fake {
        records: vec![record(7, 91.0, 0), record(7, 40.0, 0), record(8, 30.0, 4)],
        buckets: vec![
            bucket(Perspective::Inbound, 91.0, 0),
            bucket(Perspective::Edge, 0.0, 0),
            bucket(Perspective::Private, 5.0, 4),
        ],
        influencers: vec![influencer("client_ip", "192.0.2.9", 60.0), influencer("server_ip", "10.2.0.9", 10.0)],
        ..Fake::default()
    };
    let (router, _) = service(fake);
    let lanes = |by: &'static str| {
        let router = router.clone();
        async move { ask(&router, &format!("/api/v1/swimlane?by={by}&from=now-24h"), &[]).await.json() }
    };
    let overall = lanes("overall").await;
    assert_eq!((&overall["step"], overall["lanes"].as_array().unwrap().len()), (&900_000.into(), 1));
    assert_eq!(
        overall["lanes"][0]["cells"],
        json!([{"t": BUCKET - 3_600_000, "score": 5.0, "count": 1}, {"t": BUCKET, "score": 91.0, "count": 1}])
    );
    let keys = |value: &Value| -> Vec<String> {
        value["lanes"].as_array().unwrap().iter().map(|lane| lane["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&lanes("perspective").await), ["inbound", "private"]);
    assert_eq!(keys(&lanes("server").await), ["10.2.0.7", "10.2.0.8", "10.2.0.9"]);
    assert_eq!(keys(&lanes("client").await), ["192.0.2.9"]);
    let port = lanes("port").await;
    assert_eq!((&port["lanes"][0]["key"], &port["lanes"][0]["label"]), (&"443".into(), &"443 (https)".into()));
    assert_eq!(port["lanes"][0]["cells"][1], json!({"t": BUCKET, "score": 91.0, "count": 2}));
    let few = ask(&router, "/api/v1/swimlane?by=server&limit=1&cells=2", &[]).await.json();
    assert_eq!(few["lanes"].as_array().unwrap().len(), 1);
    assert_eq!(few["step"], 12 * 3_600_000);
}

#[tokio::test]
async fn influencers_are_summed_up() {
    let fake = Fake {
        influencers: vec![
            influencer("client_ip", "192.0.2.9", 60.0),
            influencer("client_ip", "192.0.2.9", 20.0),
            influencer("client_ip", "192.0.2.8", 70.0),
            influencer("server_port", "443", 75.0),
            influencer("observer", "core", 0.0),
        ],
        ..Fake::default()
    };
    let fields = get(fake, "/api/v1/influencers").await.json();
    assert_eq!(
        fields,
        json!({"fields": [
            {"field": "server_port", "values": [{"value": "443", "max_score": 75.0, "sum_score": 75.0, "count": 1}]},
            {"field": "client_ip", "values": [
                {"value": "192.0.2.8", "max_score": 70.0, "sum_score": 70.0, "count": 1},
                {"value": "192.0.2.9", "max_score": 60.0, "sum_score": 80.0, "count": 2},
            ]},
        ]})
    );
}

#[tokio::test]
async fn the_series_of_the_worst_anomaly() {
    let fake = Fake { records: vec![record(8, 80.0, 1), record(7, 91.0, 0), record(9, 1.0, 1)], ..Fake::default() };
    let (router, _) = service(fake);
    let summary = ask(&router, "/api/v1/summary", &[]).await.json();
    for (filter, server) in [("", "10.2.0.7"), ("?filter=server%2010.2.0.8", "10.2.0.8")] {
        let series = ask(&router, &format!("/api/v1/series/worst{filter}"), &[]).await.json();
        assert_eq!(series["key"]["server"], server);
        assert_eq!(filter.is_empty(), series["key"]["server"] == summary["worst"]["server"]);
    }
    let none = ask(&router, "/api/v1/series/worst?filter=server%2010.2.0.9", &[]).await;
    assert_eq!(none.status, 204);
}

#[tokio::test]
async fn a_series_by_its_parts() {
    for (query, level, label) in [
        ("level=server_port&server=10.2.0.7&port=443", "server_port", "10.2.0.7:443"),
        ("server=2001:db8::7&port=443", "server_port", "[2001:db8::7]:443"),
        ("server=10.2.0.7", "server", "10.2.0.7"),
        ("port=443", "port", "port 443 (https)"),
        ("client=192.0.2.9", "client", "client 192.0.2.9"),
        ("level=perspective", "perspective", "inbound"),
    ] {
        let series = get(Fake::default(), &format!("/api/v1/series?perspective=inbound&{query}")).await.json();
        assert_eq!((&series["key"]["level"], &series["label"]), (&level.into(), &label.into()));
        let points = series["points"].as_array().unwrap();
        assert_eq!(points[0]["attempts"], 430);
        assert_eq!((&points[1]["actual"], &points[1]["typical"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn jobs_are_listed_and_downloaded() {
    let (router, _) = service(Fake { statuses: vec![status(JobState::Running, None)], ..Fake::default() });
    let jobs = ask(&router, "/api/v1/jobs", &[]).await.json();
    assert_eq!(jobs["items"].as_array().unwrap().len(), 8);
    assert_eq!(jobs["items"][1]["state"], "running");
    assert_eq!(jobs["items"][0]["state"], "waiting");
    for job in jobs["items"].as_array().unwrap() {
        let file = ask(&router, job["href"].as_str().unwrap(), &[]).await;
        let name = job["filename"].as_str().unwrap();
        assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!(file.header("content-type"), "application/json");
        assert_eq!(file.json()[0]["job"]["job_id"], job["job_id"]);
        assert_eq!(format!("{}.json", job["job_id"].as_str().unwrap()), name);
    }
    let same = ["edge", "in", "inbound", "out", "outbound", "priv", "private"];
    for perspective in same {
        assert!(ask(&router, &format!("/api/v1/jobs/codex/{perspective}"), &[]).await.status.is_success());
    }
    let file = ask(&router, "/api/v1/jobs/ecs/edge", &[]).await;
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"elastiflow_ecs_avail_tcp_sess_fails_edge.json\""
    );
    let shown = ask(&router, "/api/v1/jobs/ecs/edge?preview=1", &[]).await;
    assert_eq!(shown.header("content-disposition"), "inline");
    assert_eq!(shown.body, file.body);
}

#[tokio::test]
async fn results_are_documents() {
    let fake = Fake {
        records: vec![record(7, 91.0, 0)],
        buckets: vec![bucket(Perspective::Inbound, 91.0, 0)],
        influencers: vec![influencer("client_ip", "192.0.2.9", 60.0)],
        ..Fake::default()
    };
    let (router, _) = service(fake);
    for (schema, field) in [("ecs", "server.ip"), ("codex", "flow.server.ip.addr")] {
        let lines = ask(&router, &format!("/api/v1/results?schema={schema}"), &[]).await;
        assert_eq!(lines.header("content-type"), "application/x-ndjson");
        let documents: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let types: Vec<&str> = documents.iter().map(|document| document["result_type"].as_str().unwrap()).collect();
        assert_eq!(types, ["record", "bucket", "influencer"]);
        assert_eq!(documents[0][field], json!(["10.2.0.7"]));
    }
    let csv = ask(&router, "/api/v1/results?format=csv", &[]).await;
    assert!(csv.text().starts_with("_id,job_id,result_type,"));
    let bulk = ask(&router, "/api/v1/results?schema=codex&format=bulk", &[]).await;
    assert!(bulk.text().starts_with(r#"{"index":{"_index":"halfopen-anomalies-codex","_id":"elastiflow_codex_"#));
    assert_eq!(bulk.text().lines().count(), 6);
}

#[tokio::test]
async fn the_service_speaks_of_itself() {
    let (router, _) = service(Fake { statuses: vec![status(JobState::Running, None)], ..Fake::default() });
    let version = ask(&router, "/api/v1/version", &[]).await.json();
    assert_eq!(
        version,
        json!({"name": "halfopen", "version": "1.2.3", "demo": false, "started": NOW - 60_000, "now": NOW})
    );
    assert_eq!(ask(&router, "/health/readyz", &[]).await.json(), json!({"status": "ok"}));
    assert_eq!(ask(&router, "/api/v1/openapi.json", &[]).await.text(), crate::openapi());
    let metrics = ask(&router, "/metrics", &[]).await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(metrics.text().ends_with("# EOF\n"));
    let exporters = ask(&router, "/api/v1/exporters", &[]).await.json();
    assert_eq!(exporters["listen"], json!([{"protocol": "netflow", "address": "0.0.0.0:2055"}]));
    assert_eq!(exporters["items"][0]["drops"], json!([{"reason": "malformed", "count": 1}]));
}

#[tokio::test]
async fn the_summary_follows_the_filter() {
    let fake = || Fake {
        records: vec![record(7, 91.0, 0), record(8, 80.0, 1)],
        buckets: vec![bucket(Perspective::Inbound, 0.0, 0)],
        sessions: vec![session(1, 5), session(2, 6)],
        statuses: vec![status(JobState::Running, None)],
        ..Fake::default()
    };
    let summary = get(fake(), "/api/v1/summary?filter=server%2010.2.0.8").await.json();
    assert_eq!(
        summary["sentence"],
        "1 critical that pass the filter in the last 24 h; worst: 10.2.0.8:443 refused, 46x typical"
    );
    assert_eq!((&summary["sessions"], &summary["failed"]), (&json!(2), &json!(2)));
    let none = get(Fake { sessions: Vec::new(), ..fake() }, "/api/v1/summary?filter=port%201").await.json();
    assert_eq!(none["state"], "empty");
    assert_eq!(none["sentence"], "no session passes the filter in the last 24 h");
}

#[tokio::test]
async fn sessions_are_counted_over_time() {
    let fake = Fake { sessions: vec![session(1, 30), session(2, 40), session(3, 3_600)], ..Fake::default() };
    let path = "/api/v1/sessions/summary?from=now-2h&cells=24";
    let summary = get(fake.clone(), path).await.json();
    assert_eq!((&summary["sessions"], &summary["failed"], &summary["step"]), (&json!(3), &json!(3), &json!(300_000)));
    assert_eq!(summary["outcomes"], json!([{ "outcome": "refused", "count": 3 }]));
    let cells = summary["cells"].as_array().unwrap();
    assert!((24..=25).contains(&cells.len()), "{}", cells.len());
    assert_eq!(cells.iter().map(|cell| cell["failed"].as_u64().unwrap()).sum::<u64>(), 3);
    assert!(cells.windows(2).all(|pair| pair[1]["t"].as_i64().unwrap() - pair[0]["t"].as_i64().unwrap() == 300_000));
    let csv = get(fake.clone(), &format!("{path}&format=csv")).await;
    assert!(csv.text().starts_with("t,established,failed,probe,indeterminate"), "{}", csv.text());
    for bad in ["cells=0", "cells=501", "cells=x", "limit=3"] {
        assert_eq!(get(fake.clone(), &format!("/api/v1/sessions/summary?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_forecast_of_a_series_with_a_model() {
    let path = "/api/v1/forecast?perspective=inbound&server=10.2.0.7&port=443";
    let forecast = get(Fake::default(), &format!("{path}&horizon=12h")).await.json();
    assert_eq!(forecast["points"].as_array().unwrap().len(), 48);
    assert_eq!(forecast["label"], "10.2.0.7:443");
    let point = &forecast["points"][2];
    assert_eq!((&point["typical"], &point["upper"]), (&json!(9.0), &json!(19.0)));
    let csv = get(Fake::default(), &format!("{path}&format=csv")).await;
    assert!(csv.text().starts_with("t,typical,lower,upper"), "{}", csv.text());
    assert_eq!(get(Fake::default(), "/api/v1/forecast?perspective=inbound&port=80").await.status, 404);
    for bad in ["horizon=57d", "horizon=0h", "horizon=1y", "horizon=99999999999d", "horizon=h"] {
        assert_eq!(get(Fake::default(), &format!("{path}&{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn behind_a_filter_nobody_is_worse_than_the_anomalies_that_are_left() {
    let fake = Fake { records: vec![record(7, 30.0, 0)], ..Fake::default() };
    let lanes = get(fake.clone(), "/api/v1/swimlane?by=client&filter=server%2010.2.0.7").await.json();
    assert_eq!(lanes["lanes"][0]["max_score"], 30.0);
    let found = get(fake, "/api/v1/influencers?filter=server%2010.2.0.7").await.json();
    assert_eq!(found["fields"][0]["values"][0]["max_score"], 30.0);
}

#[tokio::test]
async fn lanes_and_influencers_come_as_tables() {
    let fake = Fake { influencers: vec![influencer("outcome", "no_answer", 80.0)], ..Fake::default() };
    let lanes = get(fake.clone(), "/api/v1/swimlane?by=outcome").await.json();
    assert_eq!((&lanes["lanes"][0]["key"], &lanes["lanes"][0]["label"]), (&json!("no_answer"), &json!("no answer")));
    let table = get(fake.clone(), "/api/v1/swimlane?by=outcome&format=csv").await;
    assert_eq!(table.text().lines().next(), Some("lane,timestamp,score,count"));
    assert!(table.text().contains("no_answer"), "{}", table.text());
    let table = get(fake, "/api/v1/influencers?format=csv").await;
    assert!(table.text().starts_with("field,value,max_score"), "{}", table.text());
}
