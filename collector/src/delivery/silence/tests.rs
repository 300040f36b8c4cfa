//! Who is meant, for how long, and that two writers lose nothing.

use analytics::Anomaly;
use dashboards::Matching;
use jobs::JobId;
use tracker::Perspective;

use super::*;
use crate::delivery::alert::tests::record;

const NOW: i64 = 1_763_700_000_000;

fn new(matching: Matching) -> NewSilence {
    NewSilence { until: NOW + 3_600_000, matching, comment: "planned".to_owned(), author: "me".to_owned() }
}

#[allow(clippy::unnecessary_wraps)]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn everything_that_is_named_must_fit() {
    let dir = tempfile::tempdir().unwrap();
    let silences = Silences::of_store(dir.path());
    let record = record(7, 90.0, 0);
    let finder = Finder::Imported(JobId::new("job_a").unwrap(), Some(Perspective::Inbound));
    let subject = Anomaly::Failures(&record).subject();
    let cases = [
        (Matching::default(), true),
        (Matching { server: some("10.2.0.0/16"), port: Some(443), ..Matching::default() }, true),
        (Matching { server: some("10.2.0.7"), rule: some("r"), ..Matching::default() }, true),
        (Matching { server: some("10.2.0.8"), ..Matching::default() }, false),
        (Matching { port: Some(80), ..Matching::default() }, false),
        (Matching { client: some("0.0.0.0/0"), ..Matching::default() }, false),
        (Matching { perspective: some("inbound"), job_id: some("job_a"), ..Matching::default() }, true),
        (Matching { perspective: some("edge"), ..Matching::default() }, false),
        (Matching { rule: some("other"), ..Matching::default() }, false),
        (Matching { job_id: some("job_b"), ..Matching::default() }, false),
    ];
    for (matching, expected) in cases {
        let silence = silences.add(new(matching), NOW).unwrap();
        assert_eq!(means(&silence, "r", &finder, &Prefix::default(), subject), expected, "{silence:?}");
    }
    let means = |matching, finder: &Finder| {
        means(&silences.add(new(matching), NOW).unwrap(), "r", finder, &Prefix::default(), subject)
    };
    let untagged = Finder::Imported(JobId::new("job_b").unwrap(), None);
    assert!(!means(Matching { perspective: some("inbound"), ..Matching::default() }, &untagged));
    // The jobs of a perspective have an id in each vocabulary.
    for job in ["elastiflow_ecs_avail_tcp_sess_fails_in", "elastiflow_codex_avail_tcp_sess_fails_in"] {
        let matching = || Matching { job_id: some(job), ..Matching::default() };
        assert!(means(matching(), &Finder::Perspective(Perspective::Inbound)) && !means(matching(), &untagged));
    }
}

#[test]
fn silences_end_and_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let silences = Silences::of_store(dir.path());
    assert!(silences.list(NOW).unwrap().is_empty());
    let first = silences.add(new(Matching::default()), NOW).unwrap();
    let second = silences.add(new(Matching::default()), NOW + 1).unwrap();
    assert!(silences.remove(&second.id, NOW + 10).unwrap() && !silences.remove("none", NOW + 10).unwrap());
    let active =
        |now| silences.list(now).unwrap().iter().filter(|s| s.active).map(|s| s.id.clone()).collect::<Vec<_>>();
    assert_eq!(active(NOW + 10), std::slice::from_ref(&first.id));
    assert!(active(first.until).is_empty());
    assert_eq!(silences.list(first.until).unwrap().len(), 2);
    assert!(silences.list(first.until + REMEMBERED).unwrap().is_empty());
}

#[test]
fn wrong_ones_are_refused_by_field() {
    let dir = tempfile::tempdir().unwrap();
    let silences = Silences::of_store(dir.path());
    let refused = |new: NewSilence| silences.add(new, NOW).unwrap_err().to_string();
    assert!(refused(NewSilence { until: NOW, ..new(Matching::default()) }).starts_with("until"));
    assert!(refused(NewSilence { until: i64::MAX, ..new(Matching::default()) }).starts_with("until"));
    assert!(refused(new(Matching { server: some("ten"), ..Matching::default() })).starts_with("server"));
    assert!(refused(new(Matching { perspective: some("up"), ..Matching::default() })).starts_with("perspective"));
    assert!(refused(NewSilence { comment: "x".repeat(1_001), ..new(Matching::default()) }).starts_with("comment"));
}

#[test]
fn two_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let add = |_| {
        let silences = Silences::of_store(dir.path());
        (0..20).for_each(|n| drop(silences.add(new(Matching::default()), NOW + n).unwrap()));
    };
    std::thread::scope(|scope| (0..4).for_each(|n| drop(scope.spawn(move || add(n)))));
    assert_eq!(Silences::of_store(dir.path()).list(NOW).unwrap().len(), 80);
}
