//! Anomalies that tests of several crates make up.

use std::net::IpAddr;

use tracker::{Outcome, Perspective};

use crate::record::{JobRecord, Split};
use crate::result::{AnomalyRecord, Expectation, Explanation, Influencer, Level, OutcomeCount, SeriesKey};
use crate::score::Score;

/// 412 refused sessions of 10.2.0.`host`:443 in the bucket that starts at `timestamp` (ms), where nine are usual.
pub fn record(host: u8, score: f64, timestamp: i64) -> AnomalyRecord {
    AnomalyRecord {
        series: SeriesKey {
            perspective: Perspective::Inbound,
            level: Level::ServerPort,
            server: Some(IpAddr::from([10, 2, 0, host])),
            port: Some(443),
            client: None,
        },
        service: Some("https".to_owned()),
        timestamp,
        bucket_span: 900,
        record_score: Score::new(score),
        initial_record_score: Score::new(score),
        probability: 1e-12,
        multi_bucket_impact: -5.0,
        actual: 412.0,
        expected: Expectation { typical: 9.0, lower: 3.0, upper: 17.0 },
        attempts: 430,
        clients: 38,
        explanation: Explanation {
            spike: true,
            length: 1,
            single_bucket_impact: 12,
            multi_bucket_impact: 0,
            high_variance_penalty: false,
            incomplete_bucket_penalty: false,
        },
        influencers: vec![Influencer {
            field: "client_ip".to_owned(),
            value: "192.0.2.9".to_owned(),
            share: 0.75,
            usual_share: 0.25,
            score: Score::new(80.0),
        }],
        outcomes: vec![OutcomeCount { outcome: Outcome::Refused, count: 412 }],
        cause: None,
        is_interim: false,
        revised: false,
    }
}

/// Sixty sessions of 10.2.0.`host` in the bucket that starts at `timestamp` (ms), where three are usual.
pub fn job_record(host: u8, score: f64, timestamp: i64) -> JobRecord {
    JobRecord {
        timestamp,
        bucket_span: 900,
        detector_index: 0,
        function: "high_count".to_owned(),
        function_description: "count".to_owned(),
        field_name: None,
        by: None,
        over: None,
        partition: Some(Split { field: "server.ip".to_owned(), value: Some(format!("10.2.0.{host}")) }),
        actual: 60.0,
        typical: 3.0,
        lower: 0.0,
        upper: 8.0,
        probability: 1e-9,
        record_score: score,
        initial_record_score: score,
        length: 1,
        single_bucket_impact: 9,
        multi_bucket_impact: 0,
        influencers: Vec::new(),
        causes: Vec::new(),
        revised: false,
    }
}
