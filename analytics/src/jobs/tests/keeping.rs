//! Imported jobs: kept, run in steps, corrected by late data, ordered about.

use jobs::{JobId, JobOutcome};
use serde_json::json;
use tracker::Outcome;

use super::{definition, job};
use crate::SessionStore;
use crate::detect::Silent;
use crate::jobs::{JobCalendar, JobResults, JobRunner, JobShelf, Order, PlannedEvent, import, snapshots};
use crate::testing::{SECOND, T0, noise, put, session, store, wait};

pub(super) const BUCKETS: i64 = 220;

fn records(from: i64, to: i64, extra: i64) -> Vec<tracker::SessionRecord> {
    let mut records = Vec::new();
    for bucket in from..to {
        let count = 8 + noise(bucket as u64, 5) + if bucket == extra { 150 } else { 0 };
        for n in 0..count {
            let id = bucket as u64 * 1_000 + n;
            let end = T0 + (bucket * 900 + n as i64 % 900) * SECOND;
            records.push(session(id, end, "10.1.0.1", "10.2.0.9", 443, Outcome::Refused));
        }
    }
    records
}

/// A store with one imported job.
pub(super) fn kept() -> (tempfile::TempDir, SessionStore, JobShelf, JobId) {
    let (folder, store) = store();
    put(&store, "a", &records(0, BUCKETS, 200));
    let shelf = JobShelf::open(&store);
    let detector = json!({"function": "high_count", "by_field_name": "server.port"});
    let json = job(&detector, &json!({"term": {"network.transport": "tcp"}}));
    let imported = import(&shelf, &json, T0, true).unwrap();
    assert!(imported[0].outcome.as_ref().is_ok_and(|changed| *changed));
    (folder, store, shelf, imported[0].id.clone())
}

/// The end of a bucket with all that is waited for, µs.
pub(super) fn after(bucket: i64) -> i64 {
    T0 + ((bucket + 1) * 900 + 200) * SECOND
}

pub(super) fn run(shelf: &JobShelf, id: &JobId, now: i64) -> crate::jobs::RunEntry {
    let mut runner = JobRunner::open(shelf, id, chrono_tz::Tz::UTC).unwrap().unwrap();
    wait(runner.run(now, &Silent)).unwrap()
}

pub(super) fn results(store: &SessionStore, id: &JobId) -> Vec<JobOutcome> {
    JobResults::open(store, id).between(i64::MIN, i64::MAX).unwrap()
}

#[test]
fn a_job_comes_back_as_it_was_imported() {
    let (_folder, _store, shelf, id) = kept();
    let stored = shelf.get(&id).unwrap().unwrap();
    let detector = json!({"function": "high_count", "by_field_name": "server.port"});
    assert_eq!(stored.definition, definition(&job(&detector, &json!({"term": {"network.transport": "tcp"}}))));
    assert!(stored.switches.enabled);
    assert_eq!(shelf.list().unwrap().len(), 1);
    assert!(!shelf.put(&stored.definition, 5).unwrap(), "nothing changed");
    assert!(shelf.enable(&id, false).unwrap());
    assert!(!shelf.get(&id).unwrap().unwrap().switches.enabled);
    assert!(shelf.remove(&id).unwrap());
    assert!(!shelf.remove(&id).unwrap());
    assert!(shelf.get(&id).unwrap().is_none() && shelf.list().unwrap().is_empty());
}

#[test]
fn in_steps_as_at_once_and_a_second_run_changes_nothing() {
    let (_folder, store, shelf, id) = kept();
    for bucket in [10, 11, 90, 150, 201, BUCKETS] {
        run(&shelf, &id, after(bucket));
    }
    let stepped = results(&store, &id);
    assert_eq!(stepped.len() as i64, BUCKETS);
    let worst = stepped.iter().max_by(|a, b| a.bucket.anomaly_score.total_cmp(&b.bucket.anomaly_score)).unwrap();
    assert_eq!(worst.bucket.timestamp, (T0 + 200 * 900 * SECOND) / 1000);
    assert!(worst.records[0].record_score >= 75.0);
    assert_eq!(run(&shelf, &id, after(BUCKETS)).buckets, 0);
    let (_other, once, other_shelf, other_id) = kept();
    run(&other_shelf, &other_id, after(BUCKETS));
    assert_eq!(results(&once, &other_id), stepped);
    let life = shelf.get(&id).unwrap().unwrap().life;
    assert_eq!(life.last_bucket, Some((T0 + (BUCKETS - 1) * 900 * SECOND) / 1000));
    assert!(life.runs.len() >= 5 && life.series == 1 && life.memory_bytes > 0, "{life:?}");
}

#[test]
fn late_data_is_scored_again_and_marked() {
    let (_folder, store, shelf, id) = kept();
    run(&shelf, &id, after(BUCKETS));
    let late: Vec<_> = (0..100)
        .map(|n| session(900_000 + n, T0 + (200 * 900 + 300) * SECOND, "10.1.0.2", "10.2.0.9", 443, Outcome::NoAnswer))
        .collect();
    put(&store, "late", &late);
    let entry = run(&shelf, &id, after(BUCKETS));
    assert!(entry.buckets >= 20 && entry.buckets < 200, "from a snapshot, not from the start: {entry:?}");
    let found = results(&store, &id);
    let odd = found.iter().find(|outcome| !outcome.records.is_empty() && outcome.bucket.event_count > 200).unwrap();
    assert!(odd.records[0].revised);
    assert!(odd.records[0].initial_record_score > 0.0);
    assert!(found.iter().filter(|outcome| outcome.records.iter().any(|r| r.revised)).count() <= 2);
}

#[test]
fn orders_are_carried_out() {
    let (_folder, store, shelf, id) = kept();
    for bucket in [99, 150, BUCKETS] {
        run(&shelf, &id, after(bucket));
    }
    let before = results(&store, &id);
    let known = snapshots(&shelf, &id);
    assert!(!known.is_empty());
    let snapshot = known[0];
    assert!(shelf.order(&id, &Order::Revert { snapshot, delete_results: true }).unwrap());
    assert!(run(&shelf, &id, after(BUCKETS)).buckets > 0);
    assert_eq!(results(&store, &id), before, "the same sessions give the same results again");

    shelf.order(&id, &Order::Reset).unwrap();
    assert_eq!(run(&shelf, &id, after(BUCKETS)).buckets as i64, BUCKETS);
    assert_eq!(results(&store, &id), before);

    shelf.order(&id, &Order::Forget).unwrap();
    assert_eq!(run(&shelf, &id, after(BUCKETS)).buckets, 0);
    assert_eq!(results(&store, &id), before, "results stay");
    let life = shelf.get(&id).unwrap().unwrap().life;
    assert_eq!((life.series, life.floor), (0, Some((T0 / SECOND) + (BUCKETS + 1) * 900)));
}

/// A field that only a `GeoIP` database fills is refused where no session has it.
#[test]
fn a_country_needs_a_geoip_database() {
    let by = |field: &str| job(&json!({"function": "count", "by_field_name": field}), &json!({"match_all": {}}));
    let (_folder, _store, shelf, _) = kept();
    let refused = shelf.plan(&definition(&by("server.geo.country_iso_code"))).unwrap_err().to_string();
    assert!(refused.contains("server.geo.country_iso_code") && refused.contains("GeoIP"), "{refused}");
    let (_other, enriched) = super::world(300);
    assert!(JobShelf::open(&enriched).plan(&definition(&by("server.geo.country_iso_code"))).is_ok());
    assert!(JobShelf::open(&enriched).plan(&definition(&by("flow.client.geo.city.name"))).is_err());
}

#[test]
fn another_definition_of_the_same_id_starts_over() {
    let (_folder, store, shelf, id) = kept();
    run(&shelf, &id, after(BUCKETS));
    let other = job(&json!({"function": "low_count"}), &json!({"match_all": {}}));
    assert!(import(&shelf, &other, T0, true).unwrap()[0].outcome.as_ref().is_ok_and(|changed| *changed));
    run(&shelf, &id, after(BUCKETS));
    assert!(results(&store, &id).iter().all(|outcome| outcome.records.iter().all(|r| r.function == "low_count")));
}

#[test]
fn lists_and_calendars_come_with_jobs() {
    let (_folder, store) = store();
    let shelf = JobShelf::open(&store);
    let mut scoped = job(
        &json!({"function": "count", "by_field_name": "server.ip", "custom_rules": [{"actions": ["skip_result"],
            "scope": {"server.ip": {"filter_id": "quiet", "filter_type": "include"}}}]}),
        &json!({"match_all": {}}),
    );
    let refused = import(&shelf, &scoped, T0, true).unwrap().remove(0).outcome.unwrap_err();
    assert!(
        refused.to_string().contains("custom_rules[0].scope") && refused.to_string().contains("quiet"),
        "{refused}"
    );
    assert!(shelf.list().unwrap().is_empty());
    let document = json!([{"filter_id": "quiet", "items": ["10.0.0.1"]}, scoped.take(),
        {"calendar_id": "releases", "events": [{"description": "x", "start_time": 1, "end_time": 2}]}]);
    assert!(import(&shelf, &document, T0, true).unwrap()[0].outcome.is_ok());
    assert_eq!(shelf.calendars().unwrap()[0].calendar_id, "releases");
    let job = shelf.list().unwrap().remove(0).definition;
    assert_eq!(shelf.events(&job).unwrap().len(), 1);
    let event = PlannedEvent {
        description: "y".to_owned(),
        start_time: 1,
        end_time: 2,
        skip_result: true,
        skip_model_update: false,
    };
    let elsewhere = JobCalendar {
        calendar_id: "releases".to_owned(),
        description: String::new(),
        job_ids: vec!["another".to_owned()],
        events: vec![event],
    };
    shelf.set_calendar("releases", Some(elsewhere)).unwrap();
    assert!(shelf.events(&job).unwrap().is_empty());
    let wrong = import(&shelf, &json!([{"calendar_id": "a", "evnts": []}]), T0, true).unwrap_err();
    assert!(wrong.to_string().starts_with("$[0]"), "{wrong}");
}

#[test]
fn every_job_that_comes_with_the_program_runs_and_comes_back() {
    let (_folder, store) = super::world(300);
    let shelf = JobShelf::open(&store);
    let all = jobs::everything(&jobs::Prefix::default());
    let document = jobs::definition::render(&all);
    let imported = import(&shelf, &document, T0, true).unwrap();
    for job in &imported {
        assert!(job.outcome.as_ref().is_ok_and(|changed| *changed), "{}: {:?}", job.id, job.outcome);
    }
    let mut expected = all;
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    let stored = shelf.list().unwrap();
    assert_eq!(stored.iter().map(|job| job.definition.clone()).collect::<Vec<_>>(), expected);
    for topic in ["tcp_sess_fails", "syn_flood_direct", "portscan_dist", "fail_ratio", "server_down", "brute_force"] {
        let job = stored.iter().find(|job| job.definition.id.as_str().contains(topic)).unwrap();
        assert!(run(&shelf, &job.definition.id, after(30)).buckets > 0, "{topic}");
    }
}

#[test]
fn results_are_kept_as_long_as_is_said() {
    let (_folder, store, shelf, id) = kept();
    let mut definition = shelf.get(&id).unwrap().unwrap().definition;
    definition.retention.results_days = Some(1);
    shelf.put(&definition, 1).unwrap();
    assert_eq!(run(&shelf, &id, after(BUCKETS)).buckets as i64, BUCKETS);
    assert_eq!(run(&shelf, &id, after(BUCKETS)).buckets, 0, "what is removed is not scored again");
    let first = results(&store, &id)[0].bucket.timestamp;
    let age = after(BUCKETS) / 1000 - first;
    assert!((86_400_000..2 * 86_400_000 + 2_000_000).contains(&age), "whole files go: {age}");
}
