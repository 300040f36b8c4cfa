//! Documents in both vocabularies, held against goldens, and their text forms.

use std::io::Cursor;
use std::net::IpAddr;

use serde_json::{Value, json};
use tracker::Outcome;

use super::csv::{CsvTable, csv_line, csv_text};
use super::write::{bulk, ndjson};
use super::*;
use crate::result::{
    AnomalyRecord, BucketResult, Cause, Expectation, Explanation, Influencer, InfluencerResult, Level, OutcomeCount,
    SeriesKey,
};
use crate::score::Score;

const TIME: i64 = 1_773_151_200_000;
const EXPECTED: Expectation = Expectation { typical: 9.0, lower: 3.5, upper: 17.25 };

fn documents(schema: Schema) -> Documents {
    Documents::new(schema, Prefix::default())
}

fn series(level: Level) -> SeriesKey {
    let server = matches!(level, Level::ServerPort | Level::Server).then(|| IpAddr::from([10, 2, 0, 7]));
    let port = matches!(level, Level::ServerPort | Level::Port).then_some(443);
    let client = (level == Level::Client).then(|| IpAddr::from([192, 0, 2, 9]));
    SeriesKey { perspective: Perspective::Inbound, level, server, port, client }
}

fn influencer(field: &str, value: &str, share: f64) -> Influencer {
    Influencer {
        field: field.to_owned(),
        value: value.to_owned(),
        share,
        usual_share: 0.25,
        score: Score::new(100.0 * share),
    }
}

fn record(level: Level) -> AnomalyRecord {
    AnomalyRecord {
        series: series(level),
        service: Some("https".to_owned()),
        timestamp: TIME,
        bucket_span: 900,
        record_score: Score::new(91.5),
        initial_record_score: Score::new(93.0),
        probability: 1e-30,
        multi_bucket_impact: -5.0,
        actual: 412.0,
        expected: EXPECTED,
        attempts: 430,
        clients: 38,
        explanation: Explanation {
            spike: true,
            length: 2,
            single_bucket_impact: 30,
            multi_bucket_impact: 4,
            high_variance_penalty: false,
            incomplete_bucket_penalty: true,
        },
        influencers: vec![
            influencer("client_ip", "192.0.2.9", 0.75),
            influencer("client_ip", "192.0.2.10", 0.125),
            influencer("server_port", "443", 1.0),
            influencer("outcome", "refused", 1.0),
            influencer("observer", "core-1", 1.0),
        ],
        outcomes: vec![OutcomeCount { outcome: Outcome::Refused, count: 412 }],
        cause: Some(Cause { group: "server".to_owned(), evidence: "every client is refused".to_owned() }),
        is_interim: false,
        revised: true,
    }
}

fn bucket(perspective: Perspective, timestamp: i64, score: f64) -> BucketResult {
    BucketResult {
        perspective,
        timestamp,
        bucket_span: 900,
        anomaly_score: Score::new(score),
        initial_anomaly_score: Score::new(score),
        probability: 1e-9,
        event_count: 9000,
        failed_count: 500,
        series_count: 40,
        is_interim: false,
    }
}

fn influencer_result() -> InfluencerResult {
    InfluencerResult {
        perspective: Perspective::Inbound,
        timestamp: TIME,
        bucket_span: 900,
        field: "client_ip".to_owned(),
        value: "192.0.2.9".to_owned(),
        influencer_score: Score::new(80.0),
        initial_influencer_score: Score::new(81.0),
        probability: 1e-8,
        is_interim: false,
    }
}

fn all(schema: Schema) -> Vec<Document> {
    let out = documents(schema);
    vec![
        out.record(&record(Level::ServerPort)),
        out.bucket(&bucket(Perspective::Inbound, TIME, 91.5)),
        out.influencer_result(&influencer_result()),
        out.model_plot(&series(Level::ServerPort), TIME, 900, Some(412.0), EXPECTED),
    ]
}

#[test]
fn documents_are_as_committed() {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        for schema in Schema::ALL {
            let shown: Vec<Value> = all(schema)
                .into_iter()
                .map(|document| serde_json::json!({"_id": document.id, "_source": document.body}))
                .collect();
            insta::assert_snapshot!(format!("documents_{schema}"), format!("{:#}", Value::Array(shown)));
        }
    });
}

#[test]
fn ids_are_unique_and_stable() {
    let out = documents(Schema::Ecs);
    let levels = [Level::ServerPort, Level::Server, Level::Port, Level::Client, Level::Perspective];
    let mut ids: Vec<String> = levels.map(|level| out.record(&record(level)).id).to_vec();
    assert_eq!(ids, levels.map(|level| out.record(&record(level)).id));
    let mut rescored = record(Level::Server);
    rescored.record_score = Score::new(1.0);
    assert_eq!(out.record(&rescored).id, ids[1]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn levels_are_split_by_their_own_fields() {
    let out = documents(Schema::Ecs);
    let fields = |level| {
        let body = out.record(&record(level)).body;
        ["by", "over", "partition"].map(|kind| body.get(&format!("{kind}_field_value")).cloned())
    };
    let text = |value: &str| Some(Value::from(value));
    assert_eq!(fields(Level::ServerPort), [text("https"), None, text("10.2.0.7")]);
    assert_eq!(fields(Level::Server), [None, None, text("10.2.0.7")]);
    assert_eq!(fields(Level::Port), [text("https"), None, None]);
    assert_eq!(fields(Level::Client), [None, text("192.0.2.9"), None]);
    assert_eq!(fields(Level::Perspective), [None, None, None]);
    assert!(!out.record(&record(Level::Client)).body.contains_key("causes"));
}

#[test]
fn every_field_named_is_flattened() {
    for schema in Schema::ALL {
        let body = documents(schema).record(&record(Level::ServerPort)).body;
        assert_eq!(body[Concept::ServerAddress.field(schema)], serde_json::json!(["10.2.0.7"]));
        assert_eq!(body[Concept::ClientAddress.field(schema)], serde_json::json!(["192.0.2.9", "192.0.2.10"]));
        assert_eq!(body[Concept::ServerPortName.field(schema)], serde_json::json!(["https"]));
        assert_eq!(body[Concept::Exporter.field(schema)], serde_json::json!(["core-1"]));
    }
}

#[test]
fn a_port_without_a_name_is_its_number() {
    let mut nameless = record(Level::ServerPort);
    nameless.service = None;
    nameless.series.port = Some(64_999);
    let body = documents(Schema::Codex).record(&nameless).body;
    assert_eq!(body["by_field_value"], "64999");
}

#[test]
fn overall_is_the_mean_of_the_highest() {
    let buckets = [
        bucket(Perspective::Inbound, TIME + 900_000, 10.0),
        bucket(Perspective::Inbound, TIME, 90.0),
        bucket(Perspective::Private, TIME, 30.0),
        bucket(Perspective::Edge, TIME, 0.0),
    ];
    let all: Vec<JobScore> = buckets
        .iter()
        .map(|bucket| JobScore {
            job: JobId::of(&Prefix::default(), Schema::Ecs, bucket.perspective),
            timestamp: bucket.timestamp,
            bucket_span: 900,
            score: bucket.anomaly_score.value(),
            is_interim: false,
        })
        .collect();
    let scores = |top_n| -> Vec<Value> {
        let documents = overall_buckets(all.clone(), top_n);
        documents.iter().map(|(_, document)| document.body["overall_score"].clone()).collect()
    };
    // A job of longer buckets makes the stretch as long; of the others the highest within counts.
    let hourly = JobScore { job: JobId::new("hourly").unwrap(), bucket_span: 3_600, score: 50.0, ..all[0].clone() };
    let hours = overall_buckets(all.iter().cloned().chain([hourly]).collect(), 2);
    assert_eq!((hours.len(), hours[0].0, &hours[0].1.body["bucket_span"]), (1, 70.0, &json!(3_600)));
    assert_eq!(hours[0].1.id, format!("overall_bucket_{}_3600", TIME - TIME % 3_600_000));
    assert_eq!(scores(1), [90.0, 10.0]);
    assert_eq!(scores(2), [60.0, 10.0]);
    assert_eq!(scores(0), [90.0, 10.0]);
    assert!((overall(std::iter::empty(), 1)).abs() < f64::EPSILON);
}

#[test]
fn ndjson_and_bulk() {
    let lines: Vec<String> = ndjson(all(Schema::Ecs)).collect();
    for (line, document) in lines.iter().zip(all(Schema::Ecs)) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        assert_eq!(value["_id"], document.id.as_str());
        assert_eq!(value["job_id"], "elastiflow_ecs_avail_tcp_sess_fails_in");
    }
    let first = bulk(all(Schema::Ecs), "anomalies").next().unwrap();
    let (action, source) = first.split_once('\n').unwrap();
    assert!(action.starts_with(r#"{"index":{"_index":"anomalies","_id":"elastiflow_ecs_"#), "{action}");
    assert!(!source.contains("\"_id\""));
}

fn table(documents: Vec<Document>) -> Vec<String> {
    let mut table = CsvTable::new(Cursor::new(Vec::new()));
    documents.into_iter().for_each(|document| table.push_document(document).unwrap());
    table.lines().unwrap().map(Result::unwrap).collect()
}

#[test]
fn csv_has_one_width() {
    let documents = all(Schema::Codex);
    let lines = table(documents.clone());
    assert_eq!(lines.len(), documents.len() + 1);
    assert!(lines[0].starts_with("_id,job_id,result_type,timestamp,bucket_span,detector_index"));
    assert!(lines[0].contains(",anomaly_score_explanation.anomaly_type,"));
    assert!(lines[1].contains(",192.0.2.9;192.0.2.10,"), "{}", lines[1]);
    assert!(table(Vec::new()).is_empty());
}

#[test]
fn columns_that_come_late_are_empty_before() {
    let objects = [json!({"a": 1, "b": {"c": "x\ny"}}), json!({"b": {"d": null}, "e": [1, "y"]})];
    let text = csv_text(objects.iter().filter_map(Value::as_object).cloned()).unwrap();
    assert_eq!(text, "a,b.c,b.d,e\r\n1,\"x\ny\",,\r\n,,,1;y\r\n");
}

#[test]
fn a_spool_that_fails_is_an_error() {
    let mut room = [0; 64];
    let mut table = CsvTable::new(Cursor::new(room.as_mut_slice()));
    all(Schema::Ecs).into_iter().for_each(|document| drop(table.push_document(document)));
    assert!(table.lines().is_err());
}

#[test]
fn cells_are_quoted_and_never_formulas() {
    let line = csv_line(["a,b", "say \"x\"", "=1+1", "-5", "@x,y", "", "line\nfeed"]);
    assert_eq!(line, "\"a,b\",\"say \"\"x\"\"\",'=1+1,-5,\"'@x,y\",,\"line\nfeed\"\r\n");
}
