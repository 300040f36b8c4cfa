//! Imported jobs over a store: imported, listed, ordered about, removed; and who may do that.

use analytics::SessionStore;
use analytics::jobs::JobShelf;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::testing::*;

fn over_a_store() -> (tempfile::TempDir, Router) {
    let folder = tempfile::tempdir().unwrap();
    let store = SessionStore::open(folder.path()).unwrap();
    let fake = Fake { shelf: Some(JobShelf::open(&store)), ..Fake::default() };
    (folder, service(fake).0)
}

async fn send(
    router: &Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header("host", "h:1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn job(id: &str, function: &str) -> Value {
    json!({"job": {"job_id": id, "analysis_config": {"bucket_span": "15m", "detectors": [{"function": function}]},
        "data_description": {"time_field": "@timestamp"}}, "datafeed": {"indices": ["x"]}})
}

#[tokio::test]
async fn a_job_comes_and_goes() {
    let (_folder, router) = over_a_store();
    let document = json!([job("mine", "high_count"), job("other", "freq_rare_x")]);
    let (status, answer) = send(&router, Method::POST, "/api/v1/jobs/import", &[JSON], &document).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["detail"].as_str().unwrap().starts_with("$[1].job.analysis_config.detectors[0].function"),
        "{answer}"
    );

    let document = json!([job("mine", "high_count"), job("other", "time_of_day")]);
    let dry = "/api/v1/jobs/import?dry_run=1";
    let (_, answer) = send(&router, Method::POST, dry, &[JSON], &document).await;
    assert_eq!(answer["items"][0]["accepted"], true);
    assert_eq!(ask(&router, "/api/v1/jobs", &[]).await.json()["imported"], json!([]));

    let (status, answer) = send(&router, Method::POST, "/api/v1/jobs/import", &[JSON], &document).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&answer["items"][0]["accepted"], &answer["items"][0]["changed"]), (&json!(true), &json!(true)));
    assert_eq!(answer["items"][1]["accepted"], false);
    assert_eq!(answer["items"][1]["errors"][0]["path"], "$.job.analysis_config.detectors[0].function");

    let list = ask(&router, "/api/v1/jobs", &[]).await.json();
    assert_eq!(list["imported"].as_array().unwrap().len(), 1);
    assert_eq!((&list["imported"][0]["job_id"], &list["imported"][0]["state"]), (&json!("mine"), &json!("running")));
    let file = ask(&router, "/api/v1/jobs/imported/mine/definition", &[]).await;
    assert!(file.header("content-disposition").contains("mine.json"));
    assert_eq!(file.json()[0]["job"]["job_id"], "mine");
    let one = ask(&router, "/api/v1/jobs/imported/mine", &[]).await.json();
    assert_eq!(one["definition"]["job"]["analysis_config"]["bucket_span"], "15m");
    let results = ask(&router, "/api/v1/jobs/imported/mine/results?schema=codex", &[]).await.json();
    assert_eq!(results["items"], json!([]));
    assert_eq!(ask(&router, "/api/v1/jobs/imported/mine/snapshots", &[]).await.json()["items"], json!([]));

    let act = |action: &str| format!("/api/v1/jobs/imported/mine/{action}");
    let (status, answer) = send(&router, Method::POST, &act("disable"), &[JSON], &json!({})).await;
    assert_eq!((status, &answer["state"]), (StatusCode::ACCEPTED, &json!("disabled")));
    for action in ["enable", "run", "reset", "forget"] {
        let (status, answer) = send(&router, Method::POST, &act(action), &[JSON], &json!({})).await;
        assert_eq!((status, &answer["state"]), (StatusCode::ACCEPTED, &json!("running")), "{action}");
    }
    let (status, _) = send(&router, Method::POST, &act("revert"), &[JSON], &json!({"snapshot": 900_000})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = send(&router, Method::POST, &act("explode"), &[JSON], &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let (status, _) = send(&router, Method::DELETE, "/api/v1/jobs/imported/mine", &[], &json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    for path in ["", "/definition", "/results", "/snapshots"] {
        let answer = ask(&router, &format!("/api/v1/jobs/imported/mine{path}"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn pages_of_another_origin_change_nothing() {
    let (_folder, router) = over_a_store();
    let document = job("mine", "count");
    for (headers, expected) in [
        (vec![JSON, ("origin", "http://evil.example")], StatusCode::FORBIDDEN),
        (vec![JSON, ("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (vec![("content-type", "text/plain")], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (vec![], StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let (status, _) = send(&router, Method::POST, "/api/v1/jobs/import", &headers, &document).await;
        assert_eq!(status, expected, "{headers:?}");
    }
    let own = [JSON, ("origin", "http://h:1"), ("sec-fetch-site", "same-origin")];
    assert_eq!(send(&router, Method::POST, "/api/v1/jobs/import", &own, &document).await.0, StatusCode::OK);
    let stranger = [("origin", "http://evil.example")];
    let path = "/api/v1/jobs/imported/mine";
    assert_eq!(send(&router, Method::DELETE, path, &stranger, &json!({})).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn calendars_and_annotations_are_kept() {
    let (_folder, router) = over_a_store();
    let calendar = json!({"events": [{"description": "release", "start_time": 1000, "end_time": 2000}]});
    let path = "/api/v1/calendars/releases";
    assert_eq!(send(&router, Method::PUT, path, &[JSON], &calendar).await.0, StatusCode::OK);
    let list = ask(&router, "/api/v1/calendars", &[]).await.json();
    assert_eq!(list["items"][0]["calendar_id"], "releases");
    assert_eq!(list["items"][0]["events"][0]["skip_result"], true);
    let backwards = json!({"events": [{"description": "x", "start_time": 2, "end_time": 1}]});
    assert_eq!(send(&router, Method::PUT, path, &[JSON], &backwards).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send(&router, Method::DELETE, path, &[], &json!({})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(send(&router, Method::DELETE, path, &[], &json!({})).await.0, StatusCode::NOT_FOUND);

    let note = json!({"annotation": "the line was cut", "timestamp": 5000, "job_id": "mine"});
    let (status, made) = send(&router, Method::POST, "/api/v1/annotations", &[JSON], &note).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(ask(&router, "/api/v1/annotations", &[]).await.json()["items"], json!([made]));
    let path = format!("/api/v1/annotations/{}", made["id"].as_str().unwrap());
    assert_eq!(send(&router, Method::DELETE, &path, &[], &json!({})).await.0, StatusCode::NO_CONTENT);
    let empty = json!({"annotation": " ", "timestamp": 1});
    assert_eq!(send(&router, Method::POST, "/api/v1/annotations", &[JSON], &empty).await.0, StatusCode::BAD_REQUEST);
}
