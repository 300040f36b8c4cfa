//! Limits: scans make no models, memory is a budget, old sessions go and what was found stays.

use tracker::Perspective;

use super::*;
use crate::Retention;

fn private(detector: &Detector) -> JobStatus {
    detector.status().into_iter().find(|job| job.perspective == Perspective::Private).unwrap()
}

/// One client tries a third of all ports of a server within a bucket.
fn scan(number: i64) -> Vec<SessionRecord> {
    let try_port = |port: u16| {
        let id = number.cast_unsigned() * 100_000 + u64::from(port);
        let at = T0 + number * SPAN * SECOND + i64::from(port % 50);
        session(id, at, "10.9.9.9", "10.0.0.2", port, Outcome::Refused)
    };
    (1..=20_000).map(try_port).collect()
}

#[test]
fn a_scan_over_many_ports_makes_few_models_and_one_story() {
    let (_folder, store) = store();
    fill(&store, "a", 0..153);
    for number in 150..153 {
        put(&store, "scan", &scan(number));
    }
    let mut detector = Detector::open(&store, settings()).unwrap();
    run(&mut detector, end_of(149));
    let before = private(&detector);
    run(&mut detector, end_of(152));
    let after = private(&detector);
    // However often it comes again.
    assert!(after.series < before.series + 1_000, "{before:?} {after:?}");
    assert!(after.pooled > 15_000 && after.newcomers > 0, "{after:?}");
    let at = T0 / 1000 + 150 * SPAN * 1000;
    let found = ResultStore::open(&store).anomalies(&AnomalyFilter::between(at, at + 1)).unwrap();
    assert!(found.len() <= 3 && found[0].record_score.value() >= 75.0, "{}", found.len());
    assert_eq!(found[0].cause.as_ref().unwrap().group, "attack");
    let bucket = ResultStore::open(&store).buckets(at, at + 1, Some(Perspective::Private)).unwrap().remove(0);
    assert!(bucket.failed_count >= 20_000, "nothing is dropped: {bucket:?}");
}

#[test]
fn memory_is_a_budget_and_what_is_forgotten_is_counted() {
    let (_folder, store) = store();
    fill(&store, "a", 0..BUCKETS);
    let mut all = Detector::open(&store, settings()).unwrap();
    run(&mut all, end_of(BUCKETS));
    let free = private(&all);
    assert_eq!(free.evicted, 0);
    drop(all);
    let memory = usize::try_from(free.memory_bytes).unwrap() / 2;
    let mut tight = Detector::open(&store, DetectSettings { memory, ..settings() }).unwrap();
    run(&mut tight, end_of(BUCKETS));
    let status = private(&tight);
    assert!(status.memory_bytes <= memory as u64 && status.evicted > 0 && status.series < free.series, "{status:?}");
    // The telling series have the most evidence.
    let worst = ResultStore::open(&store).anomalies(&AnomalyFilter::between(0, i64::MAX)).unwrap().remove(0);
    assert_eq!(worst.series.server, "10.0.0.1".parse().ok());
}

#[test]
fn old_sessions_go_and_what_was_found_stays() {
    let (_folder, store) = store();
    fill(&store, "a", 0..BUCKETS);
    let mut detector = Detector::open(&store, settings()).unwrap();
    run(&mut detector, end_of(BUCKETS));
    let expected = everything(&store);
    // Three hours and twenty minutes: two hours go.
    let now = end_of(BUCKETS);
    let age = Some(now - (T0 + 2 * 3_600 * SECOND) - 1);
    let removed = store.upkeep(now, Retention { age, bytes: None }, true).unwrap();
    assert!(removed.removed_rows > 1_000 && removed.removed_bytes > 0 && removed.bytes > 0, "{removed:?}");
    let left = wait(store.sessions_page(&SessionFilter::between(0, i64::MAX), None, 100_000)).unwrap().items;
    assert!(left.iter().all(|session| session.end >= T0 + 2 * 3_600 * SECOND));
    assert_eq!(run(&mut detector, now).buckets, 0);
    drop(detector);
    let fresh = SessionStore::open(store.root()).unwrap();
    let mut again = Detector::open(&fresh, settings()).unwrap();
    run(&mut again, now);
    assert_eq!(everything(&fresh), expected);
    drop(again);
    // Even where every model is lost: they are made again from the counts.
    std::fs::remove_dir_all(store.root().join("models")).unwrap();
    let mut again = Detector::open(&fresh, settings()).unwrap();
    run(&mut again, now);
    assert_eq!(everything(&fresh), expected);
    // Late data behind the horizon changes nothing, and goes with the next upkeep.
    fill(&fresh, "late", 3..4);
    assert_eq!(run(&mut again, now).buckets, 0);
    assert!(fresh.upkeep(now, Retention { age, bytes: None }, false).unwrap().removed_rows > 0);
}

#[test]
fn size_takes_the_oldest_hours_and_leaves_the_newest() {
    let (_folder, store) = store();
    fill(&store, "a", 0..BUCKETS);
    let all = store.upkeep(end_of(BUCKETS), Retention::default(), true).unwrap();
    assert_eq!(all.removed_rows, 0);
    let half = Retention { age: None, bytes: Some(all.bytes / 2) };
    let kept = store.upkeep(end_of(BUCKETS), half, true).unwrap();
    assert!(kept.bytes <= all.bytes / 2 && kept.bytes > 0 && kept.bytes + kept.removed_bytes == all.bytes, "{kept:?}");
    let none = store.upkeep(end_of(BUCKETS), Retention { age: None, bytes: Some(1) }, true).unwrap();
    assert!(none.bytes > 0, "the newest hour stays");
}

#[test]
fn results_that_are_too_old_go_and_detection_goes_on() {
    let (_folder, store) = store();
    // Three days by quarter hours.
    let day = |number: i64| -> Vec<SessionRecord> {
        (number * 96..(number + 1) * 96)
            .flat_map(|quarter| {
                let at = move |n: i64| T0 + (quarter * 900 + n) * SECOND;
                (0..6).map(move |n: i64| {
                    let outcome = if (quarter + n) % 5 == 0 { Outcome::NoAnswer } else { Outcome::Closed };
                    session((quarter * 10 + n).cast_unsigned(), at(n), "10.1.0.1", "10.0.0.1", 443, outcome)
                })
            })
            .collect()
    };
    let quarters = DetectSettings { bucket_span: Duration::from_secs(900), ..settings() };
    let keeping = DetectSettings { keep_results: Some(Duration::from_secs(2 * 86_400)), ..quarters.clone() };
    let end = |days: i64| T0 + (days * 86_400 + 3_600) * SECOND;
    let (_other, whole) = super::store();
    for number in 0..4 {
        put(&store, "a", &day(number));
        put(&whole, "a", &day(number));
        // A new detector each day: it has to find its way back without what is gone.
        run(&mut Detector::open(&store, keeping.clone()).unwrap(), end(number + 1));
        run(&mut Detector::open(&whole, quarters.clone()).unwrap(), end(number + 1));
    }
    let (kept, all) = (everything(&store), everything(&whole));
    let first = kept.1.first().unwrap().timestamp;
    assert!(first > all.1.first().unwrap().timestamp, "the first day is gone");
    assert_eq!(kept.1, all.1.into_iter().filter(|bucket| bucket.timestamp >= first).collect::<Vec<_>>());
    assert_eq!(run(&mut Detector::open(&store, keeping).unwrap(), end(4)).buckets, 0);
}
