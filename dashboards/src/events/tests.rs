//! Numbering, resuming, slow listeners, the limit, and the end of the line.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt as _;

use super::*;
use crate::testing::{Fake, NOW, bucket, record, service};
use tracker::Perspective;

fn hub() -> Arc<Hub> {
    Hub::new(NOW * 1000)
}

fn event(ago: i64) -> Event {
    Event::Bucket(Arc::new(bucket(Perspective::Edge, 1.0, ago)))
}

/// Ends the line, then reads everything that a listener gets as text.
async fn read(hub: &Hub, stream: impl Stream<Item = Result<sse::Event, Infallible>> + Send + 'static) -> String {
    hub.lock().lines = None;
    let response = axum::response::IntoResponse::into_response(sse::Sse::new(stream));
    let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn ids(text: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

#[tokio::test]
async fn a_listener_gets_what_comes() {
    let hub = hub();
    hub.publish(&event(3));
    let stream = hub.listen(None, JobSettings::default()).unwrap();
    hub.publish(&event(2));
    hub.publish(&Event::Ping);
    hub.publish(&Event::Anomaly(Arc::new(record(7, 91.0, 0))));
    hub.publish(&Event::Exporters);
    let text = read(&hub, stream).await;
    let first = NOW as u64 * 1000;
    assert_eq!(ids(&text), [first + 1, first + 2, first + 3]);
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["bucket", "anomaly", "exporters"]);
    assert!(text.contains("\"explanation\":\"10.2.0.7:443 refused"));
}

#[tokio::test]
async fn each_listener_is_told_times_in_its_zone() {
    let hub = hub();
    let berlin = JobSettings { time_zone: chrono_tz::Europe::Berlin, ..JobSettings::default() };
    let (first, second) = (hub.listen(None, JobSettings::default()).unwrap(), hub.listen(None, berlin).unwrap());
    hub.publish(&Event::Anomaly(Arc::new(record(7, 91.0, 0))));
    assert!(read(&hub, first).await.contains("usual for Tuesday 14:00: 9"));
    assert!(read(&hub, second).await.contains("usual for Tuesday 15:00: 9"));
}

#[tokio::test]
async fn a_listener_that_comes_back_misses_nothing() {
    let hub = hub();
    for ago in 0..10 {
        hub.publish(&event(ago));
    }
    let first = NOW as u64 * 1000;
    let stream = hub.listen(Some(first + 6), JobSettings::default()).unwrap();
    hub.publish(&event(10));
    assert_eq!(ids(&read(&hub, stream).await), [first + 7, first + 8, first + 9, first + 10]);
}

#[tokio::test]
async fn the_ring_is_bounded_and_ids_of_an_earlier_run_get_all_of_it() {
    let hub = hub();
    for ago in 0..(RING as i64 + 10) {
        hub.publish(&event(ago));
    }
    let stream = hub.listen(Some(17), JobSettings::default()).unwrap();
    let ids = ids(&read(&hub, stream).await);
    assert_eq!(ids.len(), RING);
    assert_eq!(ids[0], NOW as u64 * 1000 + 10);
}

#[tokio::test]
async fn a_listener_that_lags_is_cut_off() {
    let hub = hub();
    let stream = hub.listen(None, JobSettings::default()).unwrap();
    for ago in 0..(LAG as i64 + 50) {
        hub.publish(&event(ago));
    }
    assert!(ids(&read(&hub, stream).await).is_empty());
}

#[tokio::test]
async fn listeners_are_limited() {
    let hub = hub();
    let streams: Vec<_> = (0..LISTENERS).map(|_| hub.listen(None, JobSettings::default()).unwrap()).collect();
    assert!(hub.listen(None, JobSettings::default()).is_none());
    drop(streams);
    assert!(hub.listen(None, JobSettings::default()).is_some());
}

#[tokio::test]
async fn streams_end_with_the_last_sender() {
    let hub = hub();
    let (sender, receiver) = broadcast::channel(8);
    let stream = hub.listen(None, JobSettings::default()).unwrap();
    let task = tokio::spawn(Arc::clone(&hub).run(receiver));
    sender.send(event(0)).unwrap();
    drop(sender);
    task.await.unwrap();
    let sent = tokio::time::timeout(Duration::from_secs(30), stream.count()).await.unwrap();
    assert_eq!(sent, 1);
    assert!(hub.listen(None, JobSettings::default()).is_none());
}

#[tokio::test]
async fn over_http() {
    let (router, hub) = service(Fake::default());
    hub.publish(&event(1));
    hub.publish(&event(0));
    let first = NOW as u64 * 1000;
    let request = Request::get("/api/v1/events").header("last-event-id", first.to_string());
    let request = request.header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(!response.headers().contains_key("content-encoding"));
    hub.lock().lines = None;
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert_eq!(ids(std::str::from_utf8(&body).unwrap()), [first + 1]);
    let request = Request::get("/api/v1/events").header("last-event-id", "x").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 400);
}
