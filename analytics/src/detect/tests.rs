//! Detection end to end: what is found, and that it depends on the sessions alone.

use std::time::Duration;

use jobs::{AnomalyRecord, Level, SeriesKey};
use tracker::{Outcome, Perspective, SessionRecord};

use super::*;
use crate::jobs::{JobCalendar, JobShelf, PlannedEvent};
use crate::testing::{SECOND, T0, noise, put, session, store, wait};
use crate::{AnomalyFilter, ResultStore, SessionFilter, SessionStore};

mod crash;
mod limits;

const SPAN: i64 = 60;
const BUCKETS: i64 = 200;
const OUTAGE: i64 = 180;

fn settings() -> DetectSettings {
    DetectSettings {
        bucket_span: Duration::from_secs(60),
        grace: Duration::from_secs(10),
        query_delay: Duration::ZERO,
        ..DetectSettings::default()
    }
}

/// Two servers with a usual trickle of failures; from `OUTAGE` on one refuses everything for three buckets.
fn bucket(number: i64) -> Vec<SessionRecord> {
    let place = number.cast_unsigned();
    let mut records = Vec::new();
    let mut add = |n: u64, client: String, server: &str, port, outcome| {
        let at = T0 + (number * SPAN + i64::try_from(n % 50).unwrap()) * SECOND;
        records.push(session(place * 1_000 + n, at, &client, server, port, outcome));
    };
    for n in 0..12 {
        let failed = noise(place * 100 + n, 6) == 0;
        let outcome = if failed { Outcome::NoAnswer } else { Outcome::Closed };
        add(n, format!("10.1.0.{}", n + 1), if n % 2 == 0 { "10.0.0.1" } else { "10.0.0.2" }, 443, outcome);
    }
    if (OUTAGE..OUTAGE + 3).contains(&number) {
        for n in 0..60 {
            add(100 + n, format!("10.1.1.{}", n % 20), "10.0.0.1", 443, Outcome::Refused);
        }
    }
    records
}

fn fill(store: &SessionStore, id: &str, buckets: std::ops::Range<i64>) {
    put(store, id, &buckets.flat_map(bucket).collect::<Vec<_>>());
}

fn end_of(number: i64) -> i64 {
    T0 + ((number + 1) * SPAN + 10) * SECOND
}

fn run(detector: &mut Detector, now: i64) -> DetectSummary {
    wait(detector.run(now, &Silent)).unwrap()
}

fn everything(store: &SessionStore) -> (Vec<AnomalyRecord>, Vec<jobs::BucketResult>, Vec<jobs::InfluencerResult>) {
    let results = ResultStore::open(store);
    let filter = AnomalyFilter { all_levels: true, ..AnomalyFilter::between(0, i64::MAX) };
    let of = (results.anomalies(&filter), results.buckets(0, i64::MAX, None), results.influencers(0, i64::MAX, None));
    (of.0.unwrap(), of.1.unwrap(), of.2.unwrap())
}

#[test]
fn an_outage_is_found_and_explained() {
    let (_folder, store) = store();
    fill(&store, "a", 0..BUCKETS);
    let mut detector = Detector::open(&store, settings()).unwrap();
    let summary = run(&mut detector, end_of(BUCKETS));
    assert_eq!(summary.buckets, usize::try_from(BUCKETS).unwrap());
    let results = ResultStore::open(&store);
    let worst = results.anomalies(&AnomalyFilter::between(0, i64::MAX)).unwrap().remove(0);
    assert_eq!(worst.series.server, "10.0.0.1".parse().ok());
    assert_eq!(worst.series.level, Level::ServerPort, "the one port of the server is the telling level");
    assert!((OUTAGE..OUTAGE + 3).contains(&((worst.timestamp * 1000 - T0) / SPAN / SECOND)));
    assert!(worst.record_score.value() >= 75.0, "{worst:?}");
    assert!(worst.actual >= 60.0 && worst.expected.typical < 5.0 && worst.clients >= 20);
    assert_eq!(worst.outcomes[0].outcome, Outcome::Refused);
    assert_eq!(worst.cause.as_ref().unwrap().group, "server");
    assert!(worst.influencers.iter().any(|i| i.field == "outcome" && i.value == "refused"), "{:?}", worst.influencers);
    let quiet = AnomalyFilter { min_score: 50.0, ..AnomalyFilter::between(0, T0 / 1000 + OUTAGE * SPAN * 1000) };
    assert_eq!(results.anomalies(&quiet).unwrap(), []);
    let buckets = results.buckets(0, i64::MAX, Some(Perspective::Private)).unwrap();
    assert_eq!(buckets.len(), usize::try_from(BUCKETS).unwrap());
    assert!(buckets[usize::try_from(OUTAGE).unwrap()].anomaly_score.value() >= 75.0);
    let status = detector.status();
    let private = status.iter().find(|job| job.perspective == Perspective::Private).unwrap();
    assert_eq!((private.state, private.lag_seconds), (JobState::Running, 70));
    assert!(private.series > 4 && private.memory_bytes > 0);

    let key = SeriesKey {
        perspective: Perspective::Private,
        level: Level::ServerPort,
        server: "10.0.0.1".parse().ok(),
        port: Some(443),
        client: None,
    };
    let view = wait(results.series(&key, T0 / 1000, T0 / 1000 + BUCKETS * SPAN * 1000)).unwrap();
    assert_eq!(view.points.len(), usize::try_from(BUCKETS).unwrap());
    let point = &view.points[usize::try_from(OUTAGE).unwrap()];
    assert!(point.actual.unwrap() >= 60.0 && point.expected.is_some() && point.score >= 75.0, "{point:?}");
    assert_eq!((view.bucket_span, view.learning), (60, None));
}

#[test]
fn live_equals_replay_whatever_the_steps_and_restarts() {
    let (_folder, live) = store();
    let (_other, replay) = store();
    fill(&replay, "z", 0..BUCKETS);
    let mut detector = Detector::open(&replay, settings()).unwrap();
    run(&mut detector, end_of(BUCKETS));
    let mut done = 0;
    let mut detector = Detector::open(&live, settings()).unwrap();
    for step in [1, 40, 3, 70, 66, 15, 5] {
        fill(&live, "live", done..done + step);
        done += step;
        run(&mut detector, end_of(done - 1));
        if step != 70 {
            drop(detector);
            detector = Detector::open(&live, settings()).unwrap();
        }
    }
    run(&mut detector, end_of(BUCKETS));
    assert_eq!(done, BUCKETS);
    assert_eq!(everything(&live), everything(&replay));
    assert_eq!(run(&mut detector, end_of(BUCKETS)).buckets, 0);
}

#[test]
fn late_data_is_scored_again_and_marked() {
    let (_folder, store) = store();
    fill(&store, "a", 0..OUTAGE);
    fill(&store, "b", OUTAGE + 1..BUCKETS);
    let mut detector = Detector::open(&store, settings()).unwrap();
    run(&mut detector, end_of(BUCKETS));
    let at = T0 / 1000 + OUTAGE * SPAN * 1000;
    let only = AnomalyFilter { min_score: 75.0, ..AnomalyFilter::between(at, at + SPAN * 1000) };
    let results = ResultStore::open(&store);
    assert_eq!(results.anomalies(&only).unwrap(), []);
    // A few sessions came in time, the rest late.
    fill(&store, "late", OUTAGE..OUTAGE + 1);
    let summary = run(&mut detector, end_of(BUCKETS));
    assert!(summary.rescored > 0 || summary.buckets > 0);
    let found = results.anomalies(&only).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let (_other, whole) = self::store();
    fill(&whole, "w", 0..BUCKETS);
    run(&mut Detector::open(&whole, settings()).unwrap(), end_of(BUCKETS));
    let plain = |store: &SessionStore| {
        let scored = |r: AnomalyRecord| (r.series, r.timestamp, r.record_score.value().to_bits(), r.actual.to_bits());
        everything(store).0.into_iter().map(scored).collect::<Vec<_>>()
    };
    assert_eq!(plain(&store), plain(&whole));
    put(
        &store,
        "later",
        &[session(9_999, T0 + (OUTAGE * SPAN + 3) * SECOND, "10.1.0.1", "10.0.0.1", 443, Outcome::Refused)],
    );
    run(&mut detector, end_of(BUCKETS));
    let revised = results.anomalies(&only).unwrap().remove(0);
    assert!(revised.revised);
    assert_eq!(revised.initial_record_score, found[0].record_score);
}

fn plan(store: &SessionStore, jobs: &[&str], buckets: std::ops::Range<i64>) {
    let at = |number: i64| T0 / 1000 + number * SPAN * 1000;
    let event = PlannedEvent {
        description: "new switches".to_owned(),
        start_time: at(buckets.start),
        end_time: at(buckets.end),
        skip_result: true,
        skip_model_update: true,
    };
    let calendar = JobCalendar {
        calendar_id: "work".to_owned(),
        description: String::new(),
        job_ids: jobs.iter().map(ToString::to_string).collect(),
        events: vec![event],
    };
    JobShelf::open(store).set_calendar("work", Some(calendar)).unwrap();
}

#[test]
fn planned_work_makes_no_results_and_is_not_learnt_whenever_it_is_told() {
    let severe = |store: &SessionStore| {
        let filter = AnomalyFilter { min_score: 75.0, ..AnomalyFilter::between(0, i64::MAX) };
        ResultStore::open(store).anomalies(&filter).unwrap().len()
    };
    let (_folder, before) = store();
    fill(&before, "a", 0..BUCKETS);
    plan(&before, &["elastiflow_codex_avail_tcp_sess_fails_priv"], OUTAGE..OUTAGE + 3);
    run(&mut Detector::open(&before, settings()).unwrap(), end_of(BUCKETS));
    assert_eq!(severe(&before), 0);
    let buckets = ResultStore::open(&before).buckets(0, i64::MAX, Some(Perspective::Private)).unwrap();
    assert_eq!(buckets.len(), usize::try_from(BUCKETS - 3).unwrap());

    // Told afterwards, it is as if it had been known; taken back, as if there had been none.
    let (_other, after) = store();
    fill(&after, "z", 0..BUCKETS);
    plan(&after, &["elastiflow_ecs_avail_tcp_sess_fails_edge", "some_job"], 0..BUCKETS);
    let mut detector = Detector::open(&after, settings()).unwrap();
    run(&mut detector, end_of(BUCKETS));
    assert!(severe(&after) > 0, "it was planned for others");
    plan(&after, &[], OUTAGE..OUTAGE + 3);
    run(&mut detector, end_of(BUCKETS));
    let plain = |store: &SessionStore| {
        let (records, buckets, _) = everything(store);
        let record = |r: AnomalyRecord| (r.series, r.timestamp, r.record_score.value().to_bits());
        (records.into_iter().map(record).collect::<Vec<_>>(), buckets.len())
    };
    assert_eq!(plain(&after), plain(&before));
    JobShelf::open(&after).set_calendar("work", None).unwrap();
    drop(detector);
    run(&mut Detector::open(&after, settings()).unwrap(), end_of(BUCKETS));
    assert!(severe(&after) > 0);
}

#[test]
fn what_a_crash_leaves_is_made_good() {
    let (folder, store) = store();
    fill(&store, "a", 0..BUCKETS);
    run(&mut Detector::open(&store, settings()).unwrap(), end_of(BUCKETS));
    let expected = everything(&store);
    for lost in ["results", "counts", "models", "plots"] {
        let gone = folder.path().join(lost);
        let files: Vec<_> =
            std::fs::read_dir(&gone).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some()).collect();
        assert!(!files.is_empty(), "{lost}");
        // One file is gone and another one cut in half, as after a disk fault.
        for (number, file) in files.iter().enumerate() {
            if number % 2 == 0 {
                std::fs::remove_file(file).unwrap();
            } else {
                let bytes = std::fs::read(file).unwrap();
                std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
            }
        }
        run(&mut Detector::open(&store, settings()).unwrap(), end_of(BUCKETS));
        assert_eq!(everything(&store), expected, "{lost}");
    }
}

#[test]
fn a_second_detector_is_refused_and_spans_are_checked() {
    let (_folder, store) = store();
    let _first = Detector::open(&store, settings()).unwrap();
    let error = Detector::open(&store, settings()).unwrap_err().to_string();
    assert!(error.contains("another detection is running"), "{error}");
    let odd = DetectSettings { bucket_span: Duration::from_millis(1500), ..settings() };
    assert!(Detector::open(&store, odd).unwrap_err().to_string().contains("bucket_span"));
    assert!(wait(store.sessions_page(&SessionFilter::between(0, 1), None, 1)).unwrap().items.is_empty());
}

/// Somebody who knows the segments of a moment is told of what came after it, and of nothing twice.
#[test]
fn changes_are_told_by_what_is_known() {
    let (_folder, store) = store();
    fill(&store, "a", 0..100);
    let mut detector = Detector::open(&store, settings()).unwrap();
    run(&mut detector, end_of(98));
    let results = ResultStore::open(&store);
    let first = results.changes(&std::collections::HashSet::new()).unwrap();
    let (_, buckets, _) = everything(&store);
    let told: Vec<_> = buckets.iter().map(|b| (b.timestamp, crate::Finder::Perspective(b.perspective))).collect();
    assert_eq!(first.found.iter().map(|f| (f.timestamp(), f.finder())).collect::<Vec<_>>(), told);
    assert!(results.changes(&first.segments).unwrap().found.is_empty());

    fill(&store, "b", 100..102);
    run(&mut detector, end_of(100));
    let second = results.changes(&first.segments).unwrap();
    let starts: Vec<i64> = second.found.iter().map(|found| found.timestamp()).collect();
    assert!(!starts.is_empty() && starts.iter().all(|start| *start >= buckets.last().unwrap().timestamp), "{starts:?}");
    assert!(results.changes(&second.segments).unwrap().found.is_empty());
}
