//! The running bucket of a series.

use jobs::{BucketResult, Level, Score};
use tracker::{Outcome, Perspective};

use super::*;
use crate::results::rows::{BucketOutcome, StoredRecord};
use crate::testing::{anomaly, store, wait};

#[test]
fn the_running_bucket_counts_by_outcome_too() {
    let (_folder, store) = store();
    let results = ResultStore::open(&store);
    let key = SeriesKey {
        perspective: Perspective::Inbound,
        level: Level::ServerPort,
        server: "10.2.0.7".parse().ok(),
        port: Some(443),
        client: None,
    };
    let count = |outcome, count| OutcomeCount { outcome, count };
    let record = AnomalyRecord {
        outcomes: vec![count(Outcome::Refused, 41), count(Outcome::NoAnswer, 4)],
        is_interim: true,
        ..anomaly(key.clone(), 900_000, 45, 2.0, 80.0)
    };
    let bucket = BucketResult {
        perspective: Perspective::Inbound,
        timestamp: 900_000,
        bucket_span: 900,
        anomaly_score: Score::new(80.0),
        initial_anomaly_score: Score::new(80.0),
        probability: 1e-9,
        event_count: 50,
        failed_count: 45,
        series_count: 1,
        is_interim: true,
    };
    let outcome = BucketOutcome {
        bucket,
        records: vec![StoredRecord { record, primary: true }],
        influencers: Vec::new(),
        revised: false,
    };
    results.show_interim(vec![outcome]).unwrap();
    let view = wait(results.series(&key, 0, 1_800_000)).unwrap();
    assert_eq!(
        view.points.iter().map(|point| (point.timestamp, point.actual)).collect::<Vec<_>>(),
        [(900_000, Some(45.0))]
    );
    assert_eq!(view.outcomes, [count(Outcome::Refused, 41), count(Outcome::NoAnswer, 4)]);
}
