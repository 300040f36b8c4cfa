//! What answers of a cluster mean, against a server that keeps to the protocol.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::*;
use crate::config::delivery::SinkKind;
use crate::config::secret::Secret;
use crate::delivery::item::tests::item;

type Log = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// Answers each document by its id: `n404` gets the status 404; a request with more than `most` lines is too large.
async fn answer(State((log, most)): State<(Log, usize)>, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.ends_with('\n'), "{text:?}");
    log.lock().unwrap().push((headers, text.clone()));
    if text.lines().count() > most {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    if text.contains("\"busy\"") {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")], "slow down").into_response();
    }
    let mut items = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let action: Value = serde_json::from_str(line).unwrap();
        let (verb, place) = action.as_object().unwrap().iter().next().unwrap();
        if verb == "index" {
            serde_json::from_str::<Value>(lines.next().unwrap()).unwrap();
        }
        let id = place["_id"].as_str().unwrap();
        let status: u16 = id.strip_prefix('n').map_or(200, |status| status.parse().unwrap());
        let error = json!({"type": "some_exception", "reason": "why", "caused_by": {"reason": "deeper"}});
        let outcome = if status < 300 {
            json!({"_id": id, "status": status})
        } else {
            json!({"_id": id, "status": status, "error": error})
        };
        items.push(json!({verb: outcome}));
    }
    axum::Json(json!({"took": 1, "errors": true, "items": items})).into_response()
}

async fn cluster(most: usize) -> (Sink, Log) {
    let log = Log::default();
    let router = Router::new().route("/_bulk", post(answer)).with_state((Arc::clone(&log), most));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let sink = Sink { kind: SinkKind::Elasticsearch, urls: vec![url], api_key: Secret::new("a2V5"), ..Sink::default() };
    (sink, log)
}

fn later(blame: bool, status: u16) -> Verdict {
    Verdict::Later { reason: format!("{status} some_exception: why deeper"), blame }
}

#[tokio::test]
async fn every_document_has_its_own_verdict() {
    let (sink, log) = cluster(100).await;
    let mut bulk = Bulk::new(&sink).unwrap();
    let gone = |id| Item { body: None, ..item(id) };
    let items =
        [item("a"), item("n429"), gone("n404"), item("n404"), item("n400"), item("n500"), item("n503"), gone("b")];
    let answer = bulk.send(&items).await;
    let never = Verdict::Never("400 some_exception: why deeper".to_owned());
    assert_eq!(
        answer.verdicts,
        [
            Verdict::Taken,
            later(false, 429),
            Verdict::Taken,
            later(false, 404),
            never,
            later(true, 500),
            later(false, 503),
            Verdict::Taken
        ]
    );
    let (headers, text) = log.lock().unwrap().pop().unwrap();
    assert_eq!(
        (&headers["content-type"], &headers["authorization"]),
        (&"application/x-ndjson".parse().unwrap(), &"ApiKey a2V5".parse().unwrap())
    );
    assert!(text.starts_with(r#"{"index":{"_index":"halfopen-anomalies-ecs-2025-11","_id":"a"}}"#), "{text}");
    assert_eq!(text.lines().count(), 8 + 6);
}

#[tokio::test]
async fn what_is_too_large_is_halved() {
    let (sink, log) = cluster(4).await;
    let mut bulk = Bulk::new(&sink).unwrap();
    let items: Vec<Item> = (0..7).map(|n| item(&format!("a{n}"))).collect();
    assert_eq!(bulk.send(&items).await, Answer::taken(7));
    let taken: Vec<usize> =
        log.lock().unwrap().iter().map(|(_, text)| text.lines().count() / 2).filter(|n| *n <= 2).collect();
    assert_eq!(taken.iter().sum::<usize>(), 7);
}

#[tokio::test]
async fn a_busy_or_absent_cluster_is_asked_later() {
    let (mut sink, _) = cluster(100).await;
    let mut bulk = Bulk::new(&sink).unwrap();
    let answer = bulk.send(&[item("busy"), item("a")]).await;
    assert_eq!(answer.wait, Some(Duration::from_secs(7)));
    assert!(
        answer
            .verdicts
            .iter()
            .all(|verdict| matches!(verdict, Verdict::Later { blame: false, reason } if reason.contains("slow down")))
    );

    // The first node is away: the next attempt goes to the second.
    sink.urls.insert(0, "http://127.0.0.1:9".to_owned());
    let mut bulk = Bulk::new(&sink).unwrap();
    let answer = bulk.send(&[item("a")]).await;
    assert!(
        matches!(&answer.verdicts[..], [Verdict::Later { blame: false, reason }] if reason.contains("refused")),
        "{answer:?}"
    );
    assert_eq!(bulk.send(&[item("a")]).await, Answer::taken(1));
}

#[test]
fn answers_that_are_none_are_no_success() {
    for body in
        ["", "{}", "[]", r#"{"items":[]}"#, r#"{"items":[{"index":{}}]}"#, r#"{"items":[{"create":{"status":200}}]}"#]
    {
        assert!(matches!(verdicts(1, body.as_bytes()).verdicts[..], [Verdict::Later { .. }]), "{body}");
    }
}

#[test]
fn templates_name_their_policy_and_keep_addresses_apart_from_text() {
    let template = setup::template(crate::delivery::item::Kind::Sessions, "halfopen-sessions-*", Some("p"));
    assert_eq!(template["template"]["settings"]["index.lifecycle.name"], "p");
    let dynamic = template["template"]["mappings"]["dynamic_templates"].as_array().unwrap();
    let paths: Vec<&str> =
        dynamic.iter().filter_map(|entry| entry.as_object()?.values().next()?["path_match"].as_str()).collect();
    assert!(paths.contains(&"client.ip") && paths.contains(&"*.ip.addr"));
    assert_eq!(dynamic.iter().map(|entry| entry.as_object().unwrap().len()).sum::<usize>(), dynamic.len());
}
