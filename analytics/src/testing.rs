//! What tests are made of: small worlds of sessions, written to stores in temporary folders, and anomaly records.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use jobs::{AnomalyRecord, Expectation, Explanation, Score, SeriesKey};
use tracker::{EndReason, Endpoint, Micros, Networks, Outcome, SessionBatchBuilder, SessionRecord};

use crate::{SessionStore, SessionWriter, WriterSettings};

/// 2025-11-03 (a Monday) 00:00 UTC, microseconds.
pub const T0: Micros = 1_762_128_000_000_000;
/// One second.
pub const SECOND: Micros = 1_000_000;

/// A store in a folder that goes with it.
pub fn store() -> (tempfile::TempDir, SessionStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SessionStore::open(folder.path()).unwrap();
    (folder, store)
}

/// A writer that flushes only when told.
pub fn writer(store: &SessionStore, id: &str) -> SessionWriter {
    store.writer(id, WriterSettings { max_rows: 1_000_000, max_age: Duration::from_secs(3600) })
}

/// A TCP session from `client` to `server:port` that ended so.
pub fn session(id: u64, end: Micros, client: &str, server: &str, port: u16, outcome: Outcome) -> SessionRecord {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let (client, server) = (Endpoint { ip: ip(client), port: 40_000 }, Endpoint { ip: ip(server), port });
    let mut record = SessionRecord::new(id, end - 5, 6, client, server);
    record.end = end;
    record.outcome = outcome;
    record.end_reason = EndReason::Closed;
    record.perspective = Networks::default().perspective(client.ip, server.ip);
    record.observer = Arc::from("192.0.2.1");
    record
}

/// A final record of a series that failed `actual` times in the quarter hour from `timestamp` (ms) on, where `typical` is usual.
pub fn anomaly(series: SeriesKey, timestamp: i64, actual: u64, typical: f64, score: f64) -> AnomalyRecord {
    AnomalyRecord {
        series,
        service: None,
        timestamp,
        bucket_span: 900,
        record_score: Score::new(score),
        initial_record_score: Score::new(score),
        probability: 1e-9,
        multi_bucket_impact: -5.0,
        actual: actual as f64,
        expected: Expectation { typical, lower: 0.0, upper: typical },
        attempts: actual,
        clients: 1,
        explanation: Explanation {
            spike: true,
            length: 1,
            single_bucket_impact: 9,
            multi_bucket_impact: 1,
            high_variance_penalty: false,
            incomplete_bucket_penalty: false,
        },
        influencers: Vec::new(),
        outcomes: Vec::new(),
        cause: None,
        is_interim: false,
        revised: false,
    }
}

/// The records as one batch.
pub fn batch(records: &[SessionRecord]) -> RecordBatch {
    let mut builder = SessionBatchBuilder::default();
    records.iter().for_each(|record| builder.push(record));
    builder.finish().unwrap()
}

/// Writes the records as the files of one collector.
pub fn put(store: &SessionStore, id: &str, records: &[SessionRecord]) {
    let mut writer = writer(store, id);
    writer.append(&batch(records), T0).unwrap();
    writer.flush().unwrap();
}

/// Runs a future to its end.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A number in `0..below`, the same for the same place every time.
pub fn noise(place: u64, below: u64) -> u64 {
    let mut x = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 32)) % below
}
