//! The whole service over a store on disk, on a port of its own.

use std::sync::Arc;

use analytics::{JobStatus, ResultStore, SessionStore};
use prometheus_client::registry::Registry;
use tokio::sync::broadcast;

use crate::testing::{Delivery, NOW};
use crate::{AppState, Event, ExporterSource, ExporterStatus, Info, JobSettings, LiveAnswer, LiveSource, StatusSource};

struct Nobody;

impl ExporterSource for Nobody {
    fn exporters(&self) -> Vec<ExporterStatus> {
        Vec::new()
    }
}

impl LiveSource for Nobody {
    fn sessions(&self, _: &tracker::table::TableQuery, _: Option<&str>) -> LiveAnswer {
        LiveAnswer::default()
    }
}

impl StatusSource for Nobody {
    fn jobs(&self) -> Vec<JobStatus> {
        Vec::new()
    }

    fn ready(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_store_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = SessionStore::open(folder.path()).unwrap();
    let (events, _) = broadcast::channel::<Event>(16);
    let router = crate::router(AppState {
        results: ResultStore::open(&store),
        forecaster: None,
        store,
        status: Arc::new(Nobody),
        exporters: Arc::new(Nobody),
        delivery: Arc::new(Delivery::default()),
        live: Arc::new(Nobody),
        metrics: Arc::new(Registry::default()),
        events: events.clone(),
        clock: Arc::new(|| NOW * 1000),
        info: Info { version: "0".to_owned(), demo: true, listen: Vec::new(), started: 0 },
        job_settings: JobSettings::default(),
        reference: crate::Reference::default(),
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let answers = tokio::task::spawn_blocking(move || {
        let get = |path: &str| {
            let mut response = ureq::get(format!("http://{address}{path}")).call().unwrap();
            response.body_mut().read_json::<serde_json::Value>().unwrap()
        };
        [
            "summary",
            "anomalies",
            "buckets",
            "sessions",
            "swimlane?by=server",
            "series?perspective=edge",
            "flows?filter=not%20tcp",
        ]
        .map(|path| get(&format!("/api/v1/{path}")))
    })
    .await
    .unwrap();
    assert_eq!(answers[0]["state"], "empty");
    assert_eq!(answers[1]["total"], 0);
    assert_eq!(answers[3]["items"], serde_json::json!([]));
    assert_eq!(answers[5]["points"], serde_json::json!([]));
    assert_eq!(answers[6]["sessions"], 0);
    server.abort();
}
