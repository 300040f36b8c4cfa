//! What is refused, and how.

use crate::testing::*;

#[tokio::test]
async fn refusals_are_problem_documents_that_name_the_parameter() {
    let cases = [
        ("/api/v1/anomalies?perspectve=edge", 400, "perspectve"),
        ("/api/v1/anomalies?limit=0", 400, "limit"),
        ("/api/v1/anomalies?limit=1001", 400, "limit"),
        ("/api/v1/anomalies?cursor=x", 400, "cursor"),
        ("/api/v1/anomalies?server=ten", 400, "server"),
        ("/api/v1/anomalies?level=host", 400, "level"),
        ("/api/v1/anomalies?sort=name", 400, "sort"),
        ("/api/v1/anomalies?from=now&to=now-1h", 400, "from"),
        ("/api/v1/buckets?from=yesterday", 400, "from"),
        ("/api/v1/buckets?format=xml", 400, "format"),
        ("/api/v1/buckets?format=arrow", 400, "format"),
        ("/api/v1/swimlane?by=colour", 400, "by"),
        ("/api/v1/swimlane?cells=0", 400, "cells"),
        ("/api/v1/series", 400, "perspective"),
        ("/api/v1/series?perspective=edge&level=server", 400, "server"),
        ("/api/v1/series?perspective=edge&level=server&server=10.0.0.1&port=1", 400, "port"),
        ("/api/v1/sessions?client=10.0.0.0/99", 400, "client"),
        ("/api/v1/sessions?outcome=good", 400, "outcome"),
        ("/api/v1/sessions?cursor=zzz", 400, "cursor"),
        ("/api/v1/version?x=1", 400, "x"),
        ("/api/v1/jobs?x=1", 400, "x"),
        ("/api/v1/jobs/ecs/edge?x=1", 400, "x"),
        ("/api/v1/jobs/ecs/sideways", 404, "sideways"),
        ("/api/v1/jobs/xml/edge", 404, "xml"),
        ("/api/v1/results?schema=xml", 400, "schema"),
        ("/api/v1/nothing", 404, ""),
        ("/api/v2/anomalies", 404, ""),
        ("/health/readyz", 503, ""),
    ];
    for (path, status, named) in cases {
        let answer = get(Fake::default(), path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{path}");
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string());
        assert!(problem["detail"].as_str().unwrap().contains(named), "{path}: {problem}");
        assert_eq!(problem["instance"], path.split('?').next().unwrap());
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
    }
}

#[tokio::test]
async fn a_panic_is_a_problem_and_not_the_end() {
    let (router, _) = service(Fake { panics: true, ..Fake::default() });
    for path in ["/api/v1/series?perspective=edge", "/api/v1/buckets"] {
        let answer = ask(&router, path, &[]).await;
        assert_eq!(answer.status.as_u16(), 500);
        assert_eq!(answer.json()["status"], 500);
        assert!(!answer.text().contains("made to panic"));
    }
    assert_eq!(ask(&router, "/health/livez", &[]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn methods_and_request_ids() {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;
    let (router, _) = service(Fake::default());
    let request = Request::post("/api/v1/summary").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 405);
    assert!(response.headers()["allow"].to_str().unwrap().contains("GET"));
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let given = ask(&router, "/api/v1/version", &[("x-request-id", "abc-1")]).await;
    assert_eq!(given.header("x-request-id"), "abc-1");
    let unfit = ask(&router, "/api/v1/version", &[("x-request-id", "a b<script>")]).await;
    assert_ne!(unfit.header("x-request-id"), "a b<script>");
    assert!(!unfit.header("x-request-id").is_empty());
}

#[tokio::test]
async fn every_answer_is_guarded() {
    for path in ["/", "/api/v1/version", "/api/v1/nothing", "/metrics", "/none.js"] {
        let answer = get(Fake::default(), path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    assert_eq!(get(Fake::default(), "/api/v1/version").await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn answers_are_compressed_on_request() {
    let fake =
        Fake { buckets: (0..90).map(|ago| bucket(tracker::Perspective::Edge, 1.0, ago)).collect(), ..Fake::default() };
    let (router, _) = service(fake);
    let answer = ask(&router, "/api/v1/buckets", &[("accept-encoding", "gzip")]).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
}
