//! What is found: a rise, a fall, an odd member, something never seen; and what rules and planned events leave out.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use tracker::Outcome;

use super::{definition, job};
use crate::SessionStore;
use crate::detect::Silent;
use crate::jobs::{Plan, PlannedEvent, ScoredBucket, ScoredValue, Surroundings, run_job};
use crate::testing::{SECOND, T0, noise, put, session, store, wait};

const BUCKETS: i64 = 200;
const ODD: i64 = 190;

/// Twenty sessions of ten clients in every bucket; in the odd one as many as told from each client.
fn steady(odd: impl Fn(u64) -> u64) -> (tempfile::TempDir, SessionStore) {
    let (folder, store) = store();
    let mut records = Vec::new();
    let mut id = 0;
    for bucket in 0..BUCKETS {
        for client in 0..10 {
            let usual = 1 + noise(bucket as u64 * 10 + client, 3);
            let count = if bucket == ODD { odd(client) } else { usual };
            for _ in 0..count {
                id += 1;
                let end = T0 + (bucket * 900 + (id as i64 * 7) % 900) * SECOND;
                records.push(session(id, end, &format!("10.1.0.{client}"), "10.2.0.9", 443, Outcome::Refused));
            }
        }
    }
    put(&store, "a", &records);
    (folder, store)
}

fn run(store: &SessionStore, json: &Value, around: &Surroundings) -> Vec<ScoredBucket> {
    let plan = Plan::new(&definition(json)).unwrap();
    let mut buckets = Vec::new();
    wait(run_job(store, &plan, around, i64::MIN..i64::MAX, &Silent, &mut |bucket| {
        buckets.push(bucket);
        Ok(ControlFlow::Continue(()))
    }))
    .unwrap();
    buckets
}

fn at(buckets: &[ScoredBucket], bucket: i64) -> &ScoredBucket {
    buckets.iter().find(|found| found.timestamp == T0 / 1000 + bucket * 900_000).unwrap()
}

/// The highest score of the odd bucket, and of all others.
fn scores(buckets: &[ScoredBucket], of: impl Fn(&&ScoredValue) -> bool + Copy) -> (f64, f64) {
    let most = |bucket: &ScoredBucket| bucket.values.iter().filter(of).map(|v| v.score).fold(0.0, f64::max);
    let odd = most(at(buckets, ODD));
    let others = buckets.iter().filter(|b| b.timestamp < T0 / 1000 + ODD * 900_000).map(most).fold(0.0, f64::max);
    (odd, others)
}

fn all() -> Value {
    json!({"match_all": {}})
}

#[test]
fn a_rise_is_found_and_told() {
    let (_folder, store) = steady(|_| 20);
    let mut json = job(&json!({"function": "high_count", "partition_field_name": "server.ip"}), &all());
    json["job"]["analysis_config"]["influencers"] = json!(["server.ip", "server.port"]);
    let buckets = run(&store, &json, &Surroundings::default());
    let (odd, others) = scores(&buckets, |_| true);
    assert!(odd >= 75.0 && others < 50.0, "{odd} {others}");
    let outcome = &at(&buckets, ODD).outcome;
    let record = &outcome.records[0];
    assert_eq!((record.actual, record.partition.as_ref().unwrap().value.as_deref()), (200.0, Some("10.2.0.9")));
    assert!(record.typical > 5.0 && record.typical < 40.0 && record.probability < 1e-5, "{record:?}");
    let named: Vec<&str> = record.influencers.iter().map(|found| found.field.as_str()).collect();
    assert_eq!(named, ["server.ip", "server.port"]);
    assert_eq!(record.influencers[1].values, ["443"]);
    assert!(outcome.bucket.anomaly_score >= 50.0 && outcome.bucket.event_count == 200);
    assert!(!outcome.influencers.is_empty());
    let low = job(&json!({"function": "low_count", "partition_field_name": "server.ip"}), &all());
    assert!(scores(&run(&store, &low, &Surroundings::default()), |_| true).0 < 3.0);
}

#[test]
fn a_fall_is_found_by_the_other_side() {
    let (_folder, store) = steady(|client| u64::from(client == 0));
    let of = |function: &str| job(&json!({"function": function}), &all());
    assert!(scores(&run(&store, &of("low_count"), &Surroundings::default()), |_| true).0 >= 25.0);
    assert!(scores(&run(&store, &of("count"), &Surroundings::default()), |_| true).0 >= 10.0);
    assert!(scores(&run(&store, &of("high_count"), &Surroundings::default()), |_| true).0 < 3.0);
}

#[test]
fn an_odd_member_of_a_population_is_found() {
    let (_folder, store) = steady(|client| if client == 7 { 60 } else { 2 });
    let json = job(&json!({"function": "high_count", "over_field_name": "client.ip"}), &all());
    let buckets = run(&store, &json, &Surroundings::default());
    let (odd, others) = scores(&buckets, |value| !value.whole);
    assert!(odd >= 50.0 && others < 50.0, "{odd} {others}");
    let record = at(&buckets, ODD).outcome.records.iter().find(|record| record.over.is_some()).unwrap();
    assert_eq!(record.over.as_ref().unwrap().value.as_deref(), Some("10.1.0.7"));
}

/// Where every member fails a little more, no member stands out, and the population does.
#[test]
fn a_population_is_held_against_its_own_past_too() {
    let (_folder, store) = steady(|_| 9);
    let json = job(&json!({"function": "high_count", "over_field_name": "client.ip"}), &all());
    let buckets = run(&store, &json, &Surroundings::default());
    let whole = scores(&buckets, |value| value.whole);
    assert!(whole.0 >= 75.0 && whole.1 < 50.0, "{whole:?}");
    let record = &at(&buckets, ODD).outcome.records[0];
    assert!(record.over.is_none() && record.causes.len() == 10, "{record:?}");
}

#[test]
fn what_was_never_seen_is_rare() {
    let (folder, store) = steady(|_| 2);
    let end = T0 + (ODD * 900 + 5) * SECOND;
    put(&store, "b", &[session(999_999, end, "10.1.0.1", "10.2.0.9", 31_337, Outcome::Refused)]);
    let json = job(&json!({"function": "rare", "by_field_name": "server.port"}), &all());
    let buckets = run(&store, &json, &Surroundings::default());
    let (odd, others) = scores(&buckets, |_| true);
    assert!(odd > 3.0 && others < 3.0, "{odd} {others}");
    assert_eq!(at(&buckets, ODD).outcome.records[0].by.as_ref().unwrap().value.as_deref(), Some("31337"));
    drop(folder);
}

#[test]
fn rules_leave_results_and_learning_out() {
    let (_folder, store) = steady(|_| 20);
    let with = |rules: Value| {
        let mut detector = json!({"function": "high_count", "partition_field_name": "server.ip"});
        detector["custom_rules"] = rules;
        job(&detector, &all())
    };
    let silent = |rules: Value, around: &Surroundings| scores(&run(&store, &with(rules), around), |_| true).0 < 3.0;
    let around = Surroundings::default();
    let over = |what: &str, value: f64| json!([{"actions": ["skip_result"], "conditions": [{"applies_to": what, "operator": "gt", "value": value}]}]);
    assert!(silent(over("actual", 100.0), &around));
    assert!(!silent(over("actual", 500.0), &around));
    assert!(silent(over("diff_from_typical", 50.0), &around));
    let scoped = |kind: &str| json!([{"actions": ["skip_result"], "scope": {"server.ip": {"filter_id": "known", "filter_type": kind}}}]);
    let lists = [("known".to_owned(), ["10.2.0.0/24".to_owned()].into())].into();
    let listed = Surroundings { lists, ..Surroundings::default() };
    assert!(silent(scoped("include"), &listed));
    assert!(!silent(scoped("exclude"), &listed));
}

#[test]
fn planned_events_are_left_out_and_not_learnt() {
    let (_folder, store) = steady(|_| 20);
    let json = job(&json!({"function": "high_count"}), &all());
    let start_time = T0 / 1000 + ODD * 900_000;
    let event = PlannedEvent {
        description: "new release".to_owned(),
        start_time,
        end_time: start_time + 60_000,
        skip_result: true,
        skip_model_update: true,
    };
    let around = Surroundings { events: vec![event], ..Surroundings::default() };
    let buckets = run(&store, &json, &around);
    assert!(scores(&buckets, |_| true).0 < 3.0);
    assert_eq!(at(&buckets, ODD).outcome.bucket.scheduled_events, ["new release"]);
    assert!(at(&buckets, ODD).outcome.records.is_empty());
}

/// What is known of a bucket comes from it and those before alone.
#[test]
fn scores_do_not_look_ahead() {
    let (_folder, store) = steady(|_| 20);
    let json = job(&json!({"function": "mean", "field_name": "client.bytes", "by_field_name": "client.ip"}), &all());
    let plan = Plan::new(&definition(&json)).unwrap();
    let mut until = Vec::new();
    let to = T0 / 1000 + 150 * 900_000;
    wait(run_job(&store, &plan, &Surroundings::default(), i64::MIN..to, &Silent, &mut |bucket| {
        until.push(bucket);
        Ok(ControlFlow::Continue(()))
    }))
    .unwrap();
    let whole = run(&store, &json, &Surroundings::default());
    assert_eq!(until.len(), 150);
    assert_eq!(until[..], whole[..150]);
}
