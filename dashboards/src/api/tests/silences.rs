//! Silences over HTTP, and who may make them.

use crate::testing::*;

const JSON: (&str, &str) = ("content-type", "application/json");

fn body() -> String {
    format!(r#"{{"until": {}, "matching": {{"server": "10.2.0.7"}}, "comment": "planned"}}"#, NOW + 3_600_000)
}

#[tokio::test]
async fn silences_are_made_listed_and_ended() {
    let (router, _) = service(Fake::default());
    let made = send(&router, "POST", "/api/v1/silences", &[JSON], &body()).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let list = ask(&router, "/api/v1/silences", &[]).await.json();
    assert_eq!(list["items"][0], made.json());
    assert_eq!(list["items"][0]["matching"]["server"], "10.2.0.7");
    assert!(list["items"][0]["matching"]["port"].is_null());
    assert_eq!(send(&router, "DELETE", "/api/v1/silences/s1", &[], "").await.status.as_u16(), 204);
    assert_eq!(send(&router, "DELETE", "/api/v1/silences/s2", &[], "").await.status.as_u16(), 404);
    for path in ["/api/v1/sinks", "/api/v1/alerts"] {
        assert_eq!(ask(&router, path, &[]).await.json()["items"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn what_is_no_silence_is_refused() {
    let (router, _) = service(Fake::default());
    for (text, named) in [
        ("", "the body"),
        ("{}", "until"),
        (r#"{"until": 1}"#, "until"),
        (r#"{"until": 1, "unitl": 2}"#, "unitl"),
        (r#"{"until": 1, "matching": {"server": 5}}"#, "string"),
    ] {
        let answer = send(&router, "POST", "/api/v1/silences", &[JSON], text).await;
        assert_eq!(answer.status.as_u16(), 400, "{text}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{}", answer.text());
    }
    let large = format!(r#"{{"until": 1, "comment": "{}"}}"#, "x".repeat(20_000));
    assert_eq!(send(&router, "POST", "/api/v1/silences", &[JSON], &large).await.status.as_u16(), 413);
}

#[tokio::test]
async fn pages_of_another_origin_change_nothing() {
    let (router, _) = service(Fake::default());
    let host = ("host", "127.0.0.1:8080");
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[], 415),
        (&[("content-type", "text/plain")], 415),
        (&[("content-type", "application/x-www-form-urlencoded")], 415),
        (&[JSON], 201),
        (&[("content-type", "application/json; charset=utf-8")], 201),
        (&[JSON, host, ("origin", "http://127.0.0.1:8080")], 201),
        (&[JSON, host, ("origin", "http://127.0.0.1:9000")], 403),
        (&[JSON, host, ("origin", "null")], 403),
        (&[JSON, host, ("x-forwarded-host", "h.example"), ("origin", "https://h.example")], 201),
        (&[JSON, host, ("sec-fetch-site", "same-origin"), ("origin", "https://h.example")], 201),
        (&[JSON, ("sec-fetch-site", "cross-site")], 403),
        (&[JSON, ("sec-fetch-site", "same-site")], 403),
        (&[JSON, ("sec-fetch-site", "same-origin")], 201),
    ];
    for (headers, status) in cases {
        let answer = send(&router, "POST", "/api/v1/silences", headers, &body()).await;
        assert_eq!(answer.status.as_u16(), *status, "{headers:?}");
    }
    let answer = send(&router, "DELETE", "/api/v1/silences/s1", &[("sec-fetch-site", "cross-site")], "").await;
    assert_eq!(answer.status.as_u16(), 403);
}
