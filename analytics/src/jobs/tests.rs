//! Definitions as others write them, against straightforward SQL; running in steps, late data, orders.

mod counts;
mod forms;
mod keeping;
mod scores;
mod told;

use serde_json::{Value, json};
use tracker::{EndReason, Outcome, SessionRecord};

use crate::SessionStore;
use crate::testing::{SECOND, T0, noise, put, session, store};

/// A job of one detector over this query, in buckets of 15 minutes.
fn job(detector: &Value, query: &Value) -> Value {
    json!({
        "job": {
            "job_id": "tried",
            "analysis_config": {"bucket_span": "15m", "detectors": [detector], "influencers": []},
            "data_description": {"time_field": "@timestamp", "time_format": "epoch_ms"},
        },
        "datafeed": {"indices": ["x"], "query": query},
    })
}

fn definition(json: &Value) -> jobs::JobDefinition {
    jobs::definition::from_json(json).unwrap().remove(0)
}

const OUTCOMES: [Outcome; 8] = [
    Outcome::Closed,
    Outcome::Closed,
    Outcome::Refused,
    Outcome::NoAnswer,
    Outcome::HalfOpen,
    Outcome::ResetResp,
    Outcome::ScanNull,
    Outcome::Midstream,
];

/// A session of a small world in which everything varies.
fn varied(id: u64) -> SessionRecord {
    let pick = |salt: u64, of: u64| noise(id * 31 + salt, of);
    let inside = |n: u64| format!("10.{}.0.{}", 1 + n % 2, 1 + n % 9);
    let outside = |n: u64| {
        if n.is_multiple_of(3) { format!("2600::{}", 1 + n % 4) } else { format!("8.8.{}.{}", n % 2, 1 + n % 5) }
    };
    let client = if pick(1, 3) == 0 { outside(pick(2, 20)) } else { inside(pick(2, 20)) };
    let server = if pick(3, 3) == 0 { outside(pick(4, 20)) } else { inside(pick(4, 20)) };
    let port = [443, 22, 80, 3389, 45_999][pick(5, 5) as usize];
    let end = T0 + (pick(6, 4 * 3600) as i64) * SECOND + pick(7, 1_000_000) as i64;
    let mut record = session(id, end, &client, &server, port, OUTCOMES[pick(8, 8) as usize]);
    record.proto = [6, 6, 6, 17, 1][pick(9, 5) as usize];
    record.client.port = 40_000 + pick(10, 7) as u16;
    record.sent.packets = 1 + pick(11, 20);
    record.sent.bytes = 40 + pick(12, 5_000);
    record.received.packets = pick(13, 20);
    record.received.bytes = pick(14, 9_000);
    record.sent.tcp_flags = (pick(15, 4) != 0).then(|| pick(15, 64) as u16);
    record.received.tcp_flags = (pick(16, 4) != 0).then(|| pick(16, 64) as u16);
    record.client_info.asn = (pick(21, 3) == 0).then_some(64_500);
    record.client_info.as_org = (pick(21, 3) == 0).then(|| std::sync::Arc::from("EXAMPLE"));
    record.server_info.country = (pick(22, 3) != 0).then(|| std::sync::Arc::from(["DE", "US"][pick(23, 2) as usize]));
    record.server_info.host =
        (pick(24, 2) == 0).then(|| std::sync::Arc::from(format!("web{}.example.net", pick(25, 4))));
    record.syn_count = pick(17, 4) as u32;
    record.start = end - (pick(18, 90_000) as i64) * 1000;
    record.observer = std::sync::Arc::from(["192.0.2.1", "192.0.2.2", "eth0"][pick(19, 3) as usize]);
    if pick(20, 25) == 0 {
        record.end_reason = EndReason::Active;
    }
    record
}

fn world(sessions: u64) -> (tempfile::TempDir, SessionStore) {
    let (folder, store) = store();
    put(&store, "a", &(0..sessions).map(varied).collect::<Vec<_>>());
    (folder, store)
}
