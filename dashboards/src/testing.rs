//! A source of made-up results, and the service over it.

mod followed;

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use analytics::{
    AnomalyFilter, ClientGroup, Flows, ForecastPoint, JobState, JobStatus, Order, Overview, Page, Selection,
    SeriesPoint, SeriesView, SessionFilter, StoreError,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use futures::future::BoxFuture;
use jobs::{
    AnomalyRecord, BucketResult, Document, Documents, Expectation, InfluencerResult, OutcomeCount, Schema, Score,
    SeriesKey,
};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tower::ServiceExt as _;
use tracker::{Endpoint, Micros, Outcome, Perspective, SessionRecord};

use crate::api::{Shared, routes};
use crate::events::Hub;
use crate::source::Source;
use crate::state::{DeliverySource, ExporterSource, Info, JobSettings, Listener, Refusal, StatusSource};
use crate::wire::alerts::ActiveAlert;
use crate::wire::exporter::{DropCount, ExporterStatus};
use crate::wire::reference::Reference;
use crate::wire::silences::{NewSilence, Silence};
use crate::wire::sinks::SinkStatus;

/// Tuesday 2026-03-10 14:15 UTC, ms.
pub const NOW: i64 = 1_773_152_100_000;
/// Start of the bucket before.
pub const BUCKET: i64 = NOW - 900_000;

/// Results that a test makes up.
#[derive(Default, Clone)]
pub struct Fake {
    pub records: Vec<AnomalyRecord>,
    pub buckets: Vec<BucketResult>,
    pub influencers: Vec<InfluencerResult>,
    pub sessions: Vec<SessionRecord>,
    pub statuses: Vec<JobStatus>,
    pub flows: Flows,
    pub panics: bool,
    /// Imported jobs, where a test has a store.
    pub shelf: Option<analytics::jobs::JobShelf>,
}

impl Source for Fake {
    fn anomalies(&self, filter: &AnomalyFilter) -> Result<Vec<AnomalyRecord>, StoreError> {
        let passes = |record: &&AnomalyRecord| {
            (filter.from..filter.to).contains(&record.timestamp)
                && record.record_score.value() >= filter.min_score
                && filter.perspective.is_none_or(|p| record.series.perspective == p)
                && filter.server.is_none_or(|ip| record.series.server == Some(ip))
                && filter.level.is_none_or(|level| record.series.level == level)
                && filter.filter.as_ref().is_none_or(|filter| filter.matches(record))
        };
        let mut found: Vec<AnomalyRecord> = self.records.iter().filter(passes).cloned().collect();
        found.sort_by(|a, b| match filter.order {
            Order::Score => b.record_score.value().total_cmp(&a.record_score.value()),
            Order::Time => b.timestamp.cmp(&a.timestamp),
        });
        Ok(found)
    }

    fn buckets(&self, from: i64, to: i64, _: Option<Perspective>) -> Result<Vec<BucketResult>, StoreError> {
        assert!(!self.panics, "made to panic");
        Ok(self.buckets.iter().filter(|bucket| (from..to).contains(&bucket.timestamp)).cloned().collect())
    }

    fn influencers(&self, _: i64, _: i64, _: Option<Perspective>) -> Result<Vec<InfluencerResult>, StoreError> {
        Ok(self.influencers.clone())
    }

    fn documents(
        &self,
        wanted: &Selection,
        each: &mut dyn FnMut(Document) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let documents = Documents::new(wanted.schema.unwrap_or(Schema::Ecs), wanted.prefix.clone());
        let inside = |time: i64| (wanted.from..wanted.to).contains(&time);
        let records = self.records.iter().filter(|r| inside(r.timestamp)).map(|r| documents.record(r));
        let buckets = self.buckets.iter().filter(|b| inside(b.timestamp)).map(|b| documents.bucket(b));
        let influencers = self.influencers.iter().map(|i| documents.influencer_result(i));
        let _ = records.chain(buckets).chain(influencers).try_for_each(each);
        Ok(())
    }

    fn series<'a>(&'a self, key: &'a SeriesKey, _: i64, _: i64) -> BoxFuture<'a, Result<SeriesView, StoreError>> {
        assert!(!self.panics, "made to panic");
        let expected = Some(Expectation { typical: 9.0, lower: 3.0, upper: 17.0 });
        let seen = SeriesPoint {
            timestamp: BUCKET,
            actual: Some(412.0),
            attempts: Some(430),
            expected,
            score: 91.0,
            multi: false,
        };
        let missing =
            SeriesPoint { timestamp: NOW, actual: None, attempts: None, expected: None, score: 0.0, multi: false };
        let outcomes = vec![OutcomeCount { outcome: Outcome::Refused, count: 412 }];
        let view =
            SeriesView { key: key.clone(), bucket_span: 900, points: vec![seen, missing], outcomes, learning: None };
        Box::pin(std::future::ready(Ok(view)))
    }

    fn forecast(&self, key: &SeriesKey, horizon: i64) -> Option<Vec<ForecastPoint>> {
        let point = |ahead: i64| ForecastPoint {
            timestamp: NOW + ahead * 900_000,
            expected: Expectation { typical: 9.0, lower: 3.0, upper: 17.0 + ahead as f64 },
        };
        (key.port == Some(443)).then(|| (0..horizon / 900_000).map(point).collect())
    }

    fn overview<'a>(&'a self, filter: &'a SessionFilter, step: Micros) -> BoxFuture<'a, Result<Overview, StoreError>> {
        let mut overview = Overview::default();
        for record in self.sessions.iter().filter(|r| (filter.from..filter.to).contains(&r.end)) {
            *overview.cells.entry((record.end.div_euclid(step) * step, record.outcome)).or_default() += 1;
        }
        Box::pin(std::future::ready(Ok(overview)))
    }

    fn sessions<'a>(
        &'a self,
        _: &'a SessionFilter,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<SessionRecord>, StoreError>> {
        let start = cursor.map_or(Ok(0), str::parse::<usize>);
        let page = start.map_err(|_| StoreError::Cursor(cursor.unwrap_or_default().to_owned())).map(|start| {
            let items: Vec<SessionRecord> = self.sessions.iter().skip(start).take(limit).cloned().collect();
            let end = start + items.len();
            Page { items, next: (end < self.sessions.len()).then(|| end.to_string()) }
        });
        Box::pin(std::future::ready(page))
    }

    fn flows<'a>(&'a self, _: &'a SessionFilter, _: ClientGroup, _: usize) -> BoxFuture<'a, Result<Flows, StoreError>> {
        Box::pin(std::future::ready(Ok(self.flows.clone())))
    }
}

struct Statuses(Vec<JobStatus>);

impl StatusSource for Statuses {
    fn jobs(&self) -> Vec<JobStatus> {
        self.0.clone()
    }

    fn ready(&self) -> bool {
        !self.0.is_empty()
    }
}

struct Exporters;

impl ExporterSource for Exporters {
    fn exporters(&self) -> Vec<ExporterStatus> {
        vec![ExporterStatus {
            address: "192.0.2.1".to_owned(),
            name: None,
            domain: 7,
            protocols: vec!["ipfix".to_owned()],
            first_seen: BUCKET,
            last_seen: NOW,
            packets: 10,
            records: 200,
            records_per_second: 1.5,
            bytes: 9000,
            templates: 2,
            unknown_template_records: 0,
            template_collisions: 0,
            waiting_sets: 0,
            restarts: 0,
            sequence_lost: 0,
            drops: vec![DropCount { reason: "malformed".to_owned(), count: 1 }],
            clock_skew_ms: None,
            capability: "tcp flags".to_owned(),
            coverage: Some(0.9),
            sampling: None,
        }]
    }
}

/// Silences in memory.
#[derive(Default)]
pub struct Delivery(Mutex<Vec<Silence>>);

impl DeliverySource for Delivery {
    fn sinks(&self) -> Vec<SinkStatus> {
        Vec::new()
    }

    fn alerts(&self) -> Vec<ActiveAlert> {
        Vec::new()
    }

    fn silences(&self) -> Result<Vec<Silence>, Refusal> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn add_silence(&self, new: NewSilence) -> Result<Silence, Refusal> {
        if new.until <= NOW {
            return Err(Refusal::Wrong("until: over before it begins".to_owned()));
        }
        let NewSilence { until, matching, comment, author } = new;
        let silence = Silence { id: "s1".to_owned(), created: NOW, until, active: true, matching, comment, author };
        self.0.lock().unwrap().push(silence.clone());
        Ok(silence)
    }

    fn end_silence(&self, id: &str) -> Result<bool, Refusal> {
        Ok(self.0.lock().unwrap().iter().any(|silence| silence.id == id))
    }
}

/// The service over these results, and the hub of its events.
pub fn service(fake: Fake) -> (Router, Arc<Hub>) {
    let settings = JobSettings::default();
    let hub = Hub::new(NOW * 1000);
    let router = routes(Shared {
        shelf: fake.shelf.clone(),
        status: Arc::new(Statuses(fake.statuses.clone())),
        source: Arc::new(fake),
        exporters: Arc::new(Exporters),
        delivery: Arc::new(Delivery::default()),
        live: Arc::new(followed::Followed::default()),
        metrics: Arc::new(Registry::default()),
        hub: Arc::clone(&hub),
        clock: Arc::new(|| NOW * 1000),
        info: Info {
            version: "1.2.3".to_owned(),
            demo: false,
            listen: vec![Listener { protocol: "netflow".to_owned(), address: "0.0.0.0:2055".to_owned() }],
            started: (NOW - 60_000) * 1000,
        },
        settings,
        reference: Reference::default(),
    });
    (router, hub)
}

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Asks with these headers.
pub async fn ask(router: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Sends a body with these headers.
pub async fn send(router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 24).await.unwrap().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Asks the service over these results.
pub async fn get(fake: Fake, path: &str) -> Answer {
    ask(&service(fake).0, path, &[]).await
}

/// A record of 10.2.0.`host`:443 with this score, `ago` buckets before [`BUCKET`].
pub fn record(host: u8, score: f64, ago: i64) -> AnomalyRecord {
    jobs::testing::record(host, score, BUCKET - ago * 900_000)
}

/// A bucket `ago` before [`BUCKET`].
pub fn bucket(perspective: Perspective, score: f64, ago: i64) -> BucketResult {
    BucketResult {
        perspective,
        timestamp: BUCKET - ago * 900_000,
        bucket_span: 900,
        anomaly_score: Score::new(score),
        initial_anomaly_score: Score::new(score),
        probability: 1e-9,
        event_count: 600_000,
        failed_count: 500,
        series_count: 40,
        is_interim: false,
    }
}

/// An influencer of [`BUCKET`].
pub fn influencer(field: &str, value: &str, score: f64) -> InfluencerResult {
    InfluencerResult {
        perspective: Perspective::Inbound,
        timestamp: BUCKET,
        bucket_span: 900,
        field: field.to_owned(),
        value: value.to_owned(),
        influencer_score: Score::new(score),
        initial_influencer_score: Score::new(score),
        probability: 1e-8,
        is_interim: false,
    }
}

/// A refused session, so many seconds before [`NOW`].
pub fn session(id: u64, ago: i64) -> SessionRecord {
    let end: Micros = (NOW - ago * 1000) * 1000;
    let client = Endpoint { ip: IpAddr::from([192, 0, 2, 9]), port: 50_000 };
    let server = Endpoint { ip: IpAddr::from([10, 2, 0, 7]), port: 443 };
    let mut record = SessionRecord::new(id, end - 1500, 6, client, server);
    record.end = end;
    record.perspective = Perspective::Inbound;
    record.outcome = Outcome::Refused;
    record.sent.tcp_flags = Some(0x02);
    record.received.tcp_flags = Some(0x14);
    record
}

/// A job of the inbound perspective in this state.
pub fn status(state: JobState, learning: Option<&str>) -> JobStatus {
    JobStatus {
        perspective: Perspective::Inbound,
        state,
        learning: learning.map(str::to_owned),
        last_bucket: Some(BUCKET),
        lag_seconds: 30,
        series: 40,
        pooled: 0,
        newcomers: 0,
        evicted: 0,
        memory_bytes: 1_000_000,
    }
}
