//! Round trip of results.

use jobs::{Level, Severity};
use proptest::prelude::*;
use tracker::Outcome;

use super::*;

fn score() -> impl Strategy<Value = Score> {
    (0.0..100.0f64).prop_map(Score::new)
}

fn series() -> impl Strategy<Value = SeriesKey> {
    (any::<[u8; 4]>(), any::<Option<u16>>(), any::<bool>()).prop_map(|(ip, port, client)| SeriesKey {
        perspective: Perspective::Inbound,
        level: if client { Level::Client } else { Level::ServerPort },
        server: (!client).then(|| ip.into()),
        port,
        client: client.then(|| ip.into()),
    })
}

fn record() -> impl Strategy<Value = StoredRecord> {
    let numbers = (any::<[u32; 4]>(), 0.0..1.0f64, -5.0..5.0f64, 0.0..1e9f64, any::<[bool; 4]>());
    (series(), score(), score(), numbers, proptest::option::of("[a-z \"]{0,9}")).prop_map(
        |(series, now, first, ([a, b, c, d], p, impact, actual, flags), text)| StoredRecord {
            record: AnomalyRecord {
                service: text.clone(),
                timestamp: 7_000,
                bucket_span: 900,
                record_score: now,
                initial_record_score: first,
                probability: p,
                multi_bucket_impact: impact,
                actual,
                expected: Expectation { typical: actual / 3.0, lower: 0.0, upper: actual / 2.0 },
                attempts: u64::from(b),
                clients: u64::from(c),
                explanation: Explanation {
                    spike: flags[0],
                    length: d,
                    single_bucket_impact: a,
                    multi_bucket_impact: b,
                    high_variance_penalty: flags[1],
                    incomplete_bucket_penalty: flags[2],
                },
                influencers: vec![Influencer {
                    field: "client_ip".to_owned(),
                    value: text.clone().unwrap_or_default(),
                    share: short(p),
                    usual_share: short(p / 7.0),
                    score: Score::new(short(p * 100.0)),
                }],
                outcomes: vec![OutcomeCount { outcome: Outcome::Refused, count: u64::from(d) }],
                cause: text.map(|evidence| Cause { group: "server".to_owned(), evidence }),
                is_interim: flags[3],
                revised: flags[0],
                series,
            },
            primary: flags[1],
        },
    )
}

proptest! {
    #[test]
    fn results_come_back_bit_for_bit(records in proptest::collection::vec(record(), 0..5), score in score(), p in 0.0..1.0f64) {
        let bucket = BucketResult {
            perspective: Perspective::Inbound,
            timestamp: 7_000,
            bucket_span: 900,
            anomaly_score: score,
            initial_anomaly_score: Score::new(p),
            probability: p,
            event_count: 7,
            failed_count: 3,
            series_count: 2,
            is_interim: false,
        };
        let influencer = InfluencerResult {
            perspective: Perspective::Inbound,
            timestamp: 7_000,
            bucket_span: 900,
            field: "server_port".to_owned(),
            value: "443".to_owned(),
            influencer_score: score,
            initial_influencer_score: score,
            probability: p,
            is_interim: false,
        };
        let outcome = BucketOutcome { bucket, records, influencers: vec![influencer], revised: true };
        let all = vec![outcome.clone(), BucketOutcome { records: Vec::new(), ..outcome }];
        let batch = to_batch(&all).unwrap();
        prop_assert_eq!(from_batch(&batch).unwrap(), all);
        prop_assert!(score.severity() >= Severity::Low);
    }
}
