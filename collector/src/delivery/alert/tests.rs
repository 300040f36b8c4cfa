//! When somebody is told, and when nobody is.

use dashboards::Matching;
use jobs::{AnomalyRecord, BucketResult, JobBucket, JobId, JobOutcome, Score};
use tracker::Perspective;

use super::*;
use crate::config::delivery::View;
use crate::config::section::Span;

const START: i64 = 1_763_700_300_000;
const SPAN: i64 = 900_000;

/// A record of 10.2.0.`host`:443 with this score in the bucket of this number.
pub fn record(host: u8, score: f64, bucket: i64) -> AnomalyRecord {
    jobs::testing::record(host, score, START + bucket * SPAN)
}

/// What was found in the bucket of this number: hosts and scores.
pub fn found(bucket: i64, scores: &[(u8, f64)]) -> Found {
    let result = BucketResult {
        perspective: Perspective::Inbound,
        timestamp: START + bucket * SPAN,
        bucket_span: 900,
        anomaly_score: Score::new(50.0),
        initial_anomaly_score: Score::new(50.0),
        probability: 1e-9,
        event_count: 600,
        failed_count: 500,
        series_count: 40,
        is_interim: false,
    };
    Found::made(result, scores.iter().map(|(host, score)| (record(*host, *score, bucket), true)).collect(), Vec::new())
}

/// What an imported job, tagged with a perspective, found in the bucket of this number: hosts and scores.
fn of_job(bucket: i64, scores: &[(u8, f64)]) -> Found {
    let timestamp = START + bucket * SPAN;
    let record = |(host, score): &(u8, f64)| jobs::testing::job_record(*host, *score, timestamp);
    let bucket = JobBucket {
        timestamp,
        bucket_span: 900,
        anomaly_score: 60.0,
        initial_anomaly_score: 60.0,
        probability: 1e-9,
        event_count: 600,
        series_count: 9,
        left_out: 0,
        scheduled_events: Vec::new(),
    };
    let outcome = JobOutcome { bucket, records: scores.iter().map(record).collect(), influencers: Vec::new() };
    let finder = Finder::Imported(JobId::new("mine").unwrap(), Some(Perspective::Outbound));
    Found::of_job(finder, outcome)
}

struct Trial {
    rules: Rules,
    state: State,
    silences: Vec<Silence>,
}

impl Trial {
    fn new(rule: Alert) -> Self {
        let rule = Alert { name: "r".to_owned(), sinks: vec!["s".to_owned()], ..rule };
        let config = Config { alerts: vec![rule], ..Config::default() };
        Self { rules: Rules::new(&config, &Prefix::default()), state: State::default(), silences: Vec::new() }
    }

    /// Judges a bucket as soon as it has ended; what is told of which hosts.
    fn judge(&mut self, bucket: i64, scores: &[(u8, f64)]) -> Vec<String> {
        self.judge_late(bucket, scores, 0)
    }

    fn judge_late(&mut self, bucket: i64, scores: &[(u8, f64)], late: i64) -> Vec<String> {
        // What is going on outlives a restart at any moment.
        self.state = serde_json::from_str(&serde_json::to_string(&self.state).unwrap()).unwrap();
        let now = START + (bucket + 1) * SPAN + late;
        self.tell(&found(bucket, scores), now)
    }

    /// What an imported job found of these hosts.
    fn judge_job(&mut self, bucket: i64, scores: &[(u8, f64)]) -> Vec<String> {
        self.tell(&of_job(bucket, scores), START + (bucket + 1) * SPAN)
    }

    fn tell(&mut self, found: &Found, now: i64) -> Vec<String> {
        let notices = self.rules.judge(&mut self.state, found, &self.silences, now);
        let ids: HashSet<_> = notices.iter().map(|notice| &notice.id).collect();
        assert_eq!(ids.len(), notices.len());
        let tell = |notice: &Notice| {
            assert_eq!(notice.sinks, ["s"]);
            format!("{} {}", notice.body["status"].as_str().unwrap(), notice.body["server"].as_str().unwrap())
        };
        notices.iter().map(tell).collect()
    }
}

const NOTHING: [&str; 0] = [];
const FIRING: [&str; 1] = ["firing 10.2.0.7"];
const OVER: [&str; 1] = ["recovered 10.2.0.7"];

#[test]
fn one_message_when_it_begins_and_one_when_it_is_over() {
    let mut trial = Trial::new(Alert::default());
    assert_eq!(trial.judge(0, &[(7, 49.0)]), NOTHING, "below major");
    assert_eq!(trial.judge(1, &[(7, 60.0)]), FIRING);
    assert_eq!(trial.judge(2, &[(7, 60.0)]), NOTHING);
    assert_eq!(trial.state.going().count(), 1);
    assert_eq!(trial.judge(3, &[]), NOTHING);
    assert_eq!(trial.judge(4, &[(7, 60.0)]), NOTHING, "one calm bucket is not the end");
    assert_eq!(trial.judge(5, &[]), NOTHING);
    assert_eq!(trial.judge(6, &[]), OVER);
    assert_eq!((trial.judge(7, &[]), trial.state.going().count()), (vec![], 0));
}

#[test]
fn quiet_holds_unless_it_gets_worse() {
    let mut trial = Trial::new(Alert { quiet: Span::seconds(4 * 900), ..Alert::default() });
    assert_eq!(trial.judge(0, &[(7, 60.0)]), FIRING);
    assert_eq!(trial.judge(1, &[(7, 74.0)]), NOTHING);
    assert_eq!(trial.judge(2, &[(7, 80.0)]), FIRING, "critical now");
    assert_eq!(trial.judge(3, &[]), NOTHING);
    assert_eq!(trial.judge(4, &[]), OVER);
    assert_eq!(trial.judge(5, &[(7, 80.0)]), NOTHING, "it flaps");
    assert_eq!(trial.judge(6, &[(7, 80.0)]), FIRING, "a reminder after the quiet period");
}

#[test]
fn several_buckets_in_a_row_when_that_is_wanted() {
    let mut trial = Trial::new(Alert { min_buckets: 3, ..Alert::default() });
    assert_eq!([trial.judge(0, &[(7, 60.0)]), trial.judge(1, &[(7, 60.0)])].concat(), NOTHING);
    assert_eq!([trial.judge(2, &[]), trial.judge(3, &[(7, 60.0)]), trial.judge(4, &[(7, 60.0)])].concat(), NOTHING);
    assert_eq!(trial.judge(5, &[(7, 60.0)]), FIRING);
}

#[test]
fn a_bucket_that_is_judged_again_tells_only_what_is_new() {
    let mut trial = Trial::new(Alert { min_buckets: 2, ..Alert::default() });
    trial.judge(0, &[(7, 60.0)]);
    assert_eq!(trial.judge(0, &[(7, 60.0)]), NOTHING, "the same bucket counts once");
    assert_eq!(trial.judge(1, &[(7, 60.0)]), FIRING);
    assert_eq!(trial.judge(1, &[(7, 60.0), (8, 60.0)]), NOTHING);
    assert_eq!(trial.judge(0, &[(9, 99.0)]), NOTHING, "the past");
    assert_eq!(trial.judge(2, &[(7, 60.0), (8, 60.0)]), ["firing 10.2.0.8"]);
}

#[test]
fn old_news_wakes_nobody() {
    let mut trial = Trial::new(Alert { max_age: Span::seconds(3_600), ..Alert::default() });
    assert_eq!(trial.judge_late(0, &[(7, 99.0)], 3_600_001), NOTHING);
    assert_eq!(trial.judge_late(1, &[(7, 99.0)], 3_600_000), FIRING);
}

#[test]
fn perspectives_and_jobs_narrow_a_rule() {
    let of = |perspectives: Vec<View>, jobs: &[&str]| {
        let jobs = jobs.iter().map(|job| (*job).to_owned()).collect();
        Trial::new(Alert { perspectives, jobs, ..Alert::default() }).judge(0, &[(7, 99.0)])
    };
    assert_eq!(of(vec![View(Perspective::Edge)], &[]), NOTHING);
    assert_eq!(of(vec![View(Perspective::Edge), View(Perspective::Inbound)], &[]), FIRING);
    assert_eq!(of(vec![], &["elastiflow_codex_avail_tcp_sess_fails_in"]), FIRING);
    assert_eq!(of(vec![], &["elastiflow_codex_avail_tcp_sess_fails_out"]), NOTHING);
}

#[test]
fn a_silence_holds_until_it_ends() {
    let mut trial = Trial::new(Alert::default());
    let matching = Matching { server: Some("10.2.0.7".to_owned()), ..Matching::default() };
    let silence = Silence {
        id: "q".to_owned(),
        created: 0,
        until: 0,
        active: true,
        matching,
        comment: String::new(),
        author: String::new(),
    };
    trial.silences = vec![silence];
    assert_eq!(trial.judge(0, &[(7, 60.0), (8, 60.0)]), ["firing 10.2.0.8"]);
    assert_eq!(trial.state.going().filter(|(_, _, going)| going.silenced_by.is_some()).count(), 1);
    trial.silences[0].active = false;
    assert_eq!(trial.judge(1, &[(7, 60.0), (8, 60.0)]), FIRING);
    trial.silences[0].active = true;
    trial.judge(2, &[(7, 60.0)]);
    trial.judge(3, &[]);
    assert_eq!(trial.judge(4, &[]), NOTHING, "silenced to its end");
}

#[test]
fn a_storm_is_told_in_parts_the_worst_first() {
    let mut trial = Trial::new(Alert::default());
    let storm: Vec<(u8, f64)> = (0..50).map(|host| (host, 50.0 + f64::from(host))).collect();
    let first = trial.judge(0, &storm);
    assert_eq!((first.len(), first[0].as_str()), (AT_ONCE, "firing 10.2.0.49"));
    let told: HashSet<String> = (1..4).flat_map(|bucket| trial.judge(bucket, &storm)).chain(first).collect();
    assert_eq!(told.len(), 50);
}

#[test]
fn messages_say_what_people_need() {
    let config = Config {
        alerts: vec![Alert { name: "r".to_owned(), ..Alert::default() }],
        delivery: crate::config::Delivery { public_url: "https://h.example/".to_owned(), ..Default::default() },
        ..Config::default()
    };
    let rules = Rules::new(&config, &Prefix::default());
    let notices = rules.judge(&mut State::default(), &found(0, &[(7, 91.5)]), &[], START);
    let body = &notices[0].body;
    assert_eq!((&body["severity"], &body["series"]), (&"critical".into(), &"10.2.0.7:443".into()));
    assert!(body["summary"].as_str().unwrap().contains("412"), "{body:?}");
    assert!(
        body["link"]
            .as_str()
            .unwrap()
            .starts_with("https://h.example/series?perspective=inbound&level=server_port&server=10.2.0.7&port=443")
    );
    assert_eq!(body["since"], "2025-11-21T04:45:00Z");
    assert!(!body.contains_key("client"));
}

#[test]
fn imported_jobs_are_told_of_by_the_same_rules() {
    let mut trial = Trial::new(Alert::default());
    assert_eq!(trial.judge(0, &[(7, 60.0)]), FIRING);
    assert_eq!(trial.judge_job(0, &[(7, 60.0)]), FIRING, "another job has found it");
    assert_eq!((trial.judge_job(1, &[(7, 60.0)]), trial.judge(1, &[(7, 60.0)])), (vec![], vec![]));
    assert_eq!([trial.judge_job(2, &[]), trial.judge_job(3, &[])].concat(), OVER, "each ends for itself");
    assert_eq!(trial.state.going().count(), 1);

    let of = |alert: Alert| Trial::new(alert).judge_job(0, &[(7, 60.0)]);
    let jobs = |job: &str| Alert { jobs: vec![job.to_owned()], ..Alert::default() };
    assert_eq!((of(jobs("mine")).len(), of(jobs("other")).len()), (1, 0));
    let views = |view| Alert { perspectives: vec![View(view)], ..Alert::default() };
    assert_eq!((of(views(Perspective::Outbound)).len(), of(views(Perspective::Inbound)).len()), (1, 0));
}

#[test]
fn messages_of_imported_jobs_say_what_was_counted() {
    let config = Config {
        alerts: vec![Alert { name: "r".to_owned(), ..Alert::default() }],
        delivery: crate::config::Delivery { public_url: "https://h.example".to_owned(), ..Default::default() },
        ..Config::default()
    };
    let rules = Rules::new(&config, &Prefix::default());
    let notices = rules.judge(&mut State::default(), &of_job(0, &[(7, 91.5)]), &[], START);
    let body = &notices[0].body;
    assert_eq!((&notices[0].job, &body["job_id"]), (&"mine".to_owned(), &"mine".into()));
    assert_eq!((&body["severity"], &body["perspective"]), (&"critical".into(), &"outbound".into()));
    assert_eq!((&body["series"], &body["server"]), (&"high_count of server.ip 10.2.0.7".into(), &"10.2.0.7".into()));
    let summary = "mine: high_count of server.ip 10.2.0.7 was 60 on Friday 04:45, usual: 3";
    assert_eq!(body["summary"], summary);
    assert_eq!(body["link"], "https://h.example/jobs?job=mine");
}
