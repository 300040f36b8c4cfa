//! Forms beyond one detector over one query: aggregations, count fields, `metric`; and what is refused or noted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::json;

use super::counts::{NONE, all, asked, case, ran, same, sql};
use super::{definition, job, world};
use crate::detect::Silent;
use crate::jobs::{Plan, Surroundings, run_job};
use crate::testing::wait;

#[test]
fn metric_is_three_functions() {
    let (_folder, store) = world(500);
    let plan =
        Plan::new(&definition(&job(&json!({"function": "metric", "field_name": "network.bytes"}), &all()))).unwrap();
    let names: Vec<&str> = plan.parts.iter().map(|part| part.function.as_str()).collect();
    assert_eq!(names, ["mean", "min", "max"]);
    let mut seen = 0;
    wait(run_job(&store, &plan, &Surroundings::default(), i64::MIN..i64::MAX, &Silent, &mut |bucket| {
        let of = |name: &str| bucket.values.iter().find(|v| v.function.as_str() == name).unwrap().actual;
        assert!(of("min") <= of("mean") && of("mean") <= of("max"));
        seen += 1;
        Ok(ControlFlow::Continue(()))
    }))
    .unwrap();
    assert!(seen > 10);
}

#[test]
fn documents_without_a_value_are_left_out_unless_asked_for() {
    let (_folder, store) = world(1_000);
    let detector = json!({"function": "count", "by_field_name": "server.domain", "use_null": true});
    let sql = "SELECT CAST(\"end\" AS BIGINT) / 900000000, server_host, CAST(NULL AS VARCHAR) AS one, CAST(NULL AS VARCHAR) AS two, \
               CAST(count(*) AS DOUBLE) FROM sessions WHERE end_reason <> 'active' GROUP BY 1, 2";
    same(&ran(&store, &job(&detector, &all())), &asked(&store, sql), "use_null");
}

/// The ratio form: failed over attempted sessions of each server, by aggregations of the datafeed.
#[test]
fn aggregations_of_the_ratio_form() {
    let (_folder, store) = world(3_000);
    let mut json = job(
        &json!({"function": "high_mean", "field_name": "ratio", "partition_field_name": "server.ip"}),
        &json!({"term": {"network.transport": "tcp"}}),
    );
    json["job"]["analysis_config"]["summary_count_field_name"] = json!("doc_count");
    json["datafeed"]["aggregations"] = json!({"buckets": {
    "date_histogram": {"field": "@timestamp", "fixed_interval": "15m"},
    "aggregations": {
        "@timestamp": {"max": {"field": "@timestamp"}},
        "server.ip": {"terms": {"field": "server.ip", "size": 1000}, "aggregations": {
            "failed": {"filter": {"term": {"l4.session.established": false}}},
            "bytes": {"sum": {"field": "network.bytes"}},
            "ratio": {"bucket_script": {"buckets_path": {"failed": "failed>_count", "all": "_count"},
                "script": "params.failed / params.all"}}
        }}}}});
    let select = |value: &str| {
        format!(
            "SELECT CAST(\"end\" AS BIGINT) / 900000000, CAST(NULL AS VARCHAR) AS one, CAST(NULL AS VARCHAR) AS two, server_ip, {value} \
             FROM sessions WHERE proto = 6 AND end_reason <> 'active' GROUP BY 1, 4"
        )
    };
    let ratio = select("CAST(count(*) FILTER (WHERE outcome_class = 'failed') AS DOUBLE) / count(*)");
    same(&ran(&store, &json), &asked(&store, &ratio), "ratio");

    json["job"]["analysis_config"]["detectors"][0] = json!({"function": "count", "partition_field_name": "server.ip"});
    same(&ran(&store, &json), &asked(&store, &select("CAST(count(*) AS DOUBLE)")), "count of summed documents");

    // Of the terms only the largest are kept: three servers of each bucket.
    json["datafeed"]["aggregations"]["buckets"]["aggregations"]["server.ip"]["terms"]["size"] = json!(3);
    let mut buckets: BTreeMap<i64, usize> = BTreeMap::new();
    ran(&store, &json).keys().for_each(|series| *buckets.entry(series.0).or_default() += 1);
    assert!(buckets.len() > 10 && buckets.values().all(|count| *count == 3), "{buckets:?}");
}

/// Distinct values beside sums, of several fields, one of them behind a filter and one without a value now and then.
#[test]
fn aggregations_count_distinct_values() {
    let (_folder, store) = world(3_000);
    let mut json =
        job(&json!({"function": "high_mean", "field_name": "clients", "partition_field_name": "server.ip"}), &all());
    json["datafeed"]["aggregations"] = json!({"buckets": {
    "date_histogram": {"field": "@timestamp", "fixed_interval": "15m"},
    "aggregations": {
        "@timestamp": {"max": {"field": "@timestamp"}},
        "server.ip": {"terms": {"field": "server.ip", "size": 1000}, "aggregations": {
            "bytes": {"sum": {"field": "network.bytes"}},
            "clients": {"cardinality": {"field": "client.ip"}},
            "names": {"cardinality": {"field": "server.domain"}},
            "failed": {"filter": {"term": {"l4.session.established": false}},
                "aggregations": {"clients": {"cardinality": {"field": "client.ip"}}}},
            "ratio": {"bucket_script": {"buckets_path": {"failed": "failed>clients", "all": "clients", "names": "names"},
                "script": "params.names + params.failed / params.all"}}
        }}}}});
    json["job"]["analysis_config"]["summary_count_field_name"] = json!("doc_count");
    let clients = "CAST(count(DISTINCT client_ip) AS DOUBLE)";
    let failed = "count(DISTINCT client_ip) FILTER (WHERE outcome_class = 'failed')";
    for (field, value) in [
        ("clients", clients),
        ("names", "CAST(count(DISTINCT server_host) AS DOUBLE)"),
        ("bytes", "CAST(sum(client_bytes + server_bytes) AS DOUBLE)"),
        ("ratio", &format!("count(DISTINCT server_host) + {failed} / {clients}")),
    ] {
        json["job"]["analysis_config"]["detectors"][0]["field_name"] = json!(field);
        let sql = format!(
            "SELECT CAST(\"end\" AS BIGINT) / 900000000, CAST(NULL AS VARCHAR) AS one, CAST(NULL AS VARCHAR) AS two, server_ip, {value} \
             FROM sessions WHERE end_reason <> 'active' GROUP BY 1, 4"
        );
        same(&ran(&store, &json), &asked(&store, &sql), field);
    }
}

#[test]
fn a_count_field_counts() {
    let (_folder, store) = world(1_000);
    let mut json = job(&json!({"function": "count"}), &all());
    json["job"]["analysis_config"]["summary_count_field_name"] = json!("network.packets");
    let case = case(json!({}), json!({}), "true", "sum(client_packets + server_packets)", NONE);
    same(&ran(&store, &json), &asked(&store, &sql(&case)), "summary_count_field_name");
}

#[test]
fn what_cannot_be_run_is_refused_by_name() {
    let count = json!({"function": "count"});
    let by = |field: &str| json!({"function": "count", "by_field_name": field});
    let cases = [
        (by("flow.client.cloud.provider.name"), all(), "detectors[0].by_field_name", "flow.client.cloud.provider.name"),
        (by("user.name"), all(), "detectors[0].by_field_name", "user.name"),
        (by("sec.threat.name"), all(), "detectors[0].by_field_name", "known threats"),
        (json!({"function": "mean", "field_name": "server.ip"}), all(), "detectors[0].field_name", "a number"),
        (json!({"function": "lat_long", "field_name": "server.ip"}), all(), "detectors[0].function", "lat_long"),
        (
            json!({"function": "freq_rare", "by_field_name": "server.port", "over_field_name": "client.ip"}),
            all(),
            "function",
            "freq_rare",
        ),
        (count.clone(), json!({"term": {"user.name": "x"}}), "$.datafeed.query.term[\"user.name\"]", "user.name"),
        (
            count.clone(),
            json!({"bool": {"filter": [{"term": {"server.port": "x"}}]}}),
            "bool.filter[0].term",
            "a number",
        ),
        (count.clone(), json!({"term": {"client.ip": "x"}}), "term", "an address"),
        (count.clone(), json!({"prefix": {"client.ip": "10."}}), "prefix", "10.0.0.0/8"),
        (count.clone(), json!({"ids": {"values": ["a"]}}), "ids", "ids"),
        (count.clone(), json!({"nested": {"path": "a", "query": {"match_all": {}}}}), "nested", "nested"),
        (count.clone(), json!({"range": {"@timestamp": {"gte": "now-1h"}}}), "range", "now-1h"),
        (count.clone(), json!({"query_string": {"query": "what"}}), "query_string", "default_field"),
        (count.clone(), json!({"query_string": {"query": "user.name:x"}}), "query_string", "user.name"),
        (count, json!({"regexp": {"l4.session.outcome": "("}}), "regexp", "regular expression"),
    ];
    for (detector, query, path, reason) in cases {
        let json = job(&detector, &query);
        let refused = Plan::new(&definition(&json)).expect_err(&json.to_string()).to_string();
        assert!(refused.contains(path) && refused.contains(reason), "{refused}\nshould name {path} and {reason}");
    }
    let mut scripted = job(&by("made.up"), &all());
    scripted["datafeed"]["runtime_mappings"] = json!({"made.up": {"type": "keyword"}});
    assert!(Plan::new(&definition(&scripted)).unwrap_err().to_string().contains("not run"));
    let mut span = job(&json!({"function": "count"}), &all());
    span["job"]["analysis_config"]["bucket_span"] = json!("7m");
    assert!(Plan::new(&definition(&span)).unwrap_err().to_string().starts_with("$.job.analysis_config.bucket_span"));
}

#[test]
fn what_a_user_should_know_is_noted() {
    let mut json =
        job(&json!({"function": "count"}), &json!({"bool": {"must_not": [{"exists": {"field": "sec.threat.name"}}]}}));
    json["job"]["analysis_config"]["influencers"] = json!(["server.ip", "flow.server.cloud.service.name"]);
    let notes = Plan::new(&definition(&json)).unwrap().notes.join("\n");
    assert!(notes.contains("sec.threat.name") && notes.contains("flow.server.cloud.service.name"), "{notes}");
}

/// The ratio of failed to all sessions, as the mean of a number that a script computes.
#[test]
fn runtime_fields_are_computed() {
    let (_folder, store) = world(3_000);
    let detector = json!({"function": "high_mean", "field_name": "failed", "partition_field_name": "server.ip"});
    let mut json = job(&detector, &json!({"exists": {"field": "l4.session.established"}}));
    json["datafeed"]["runtime_mappings"] = json!({"failed": {"type": "long",
        "script": {"source": "emit(doc['l4.session.established'].value ? 0 : 1)"}}});
    let sql = "SELECT CAST(\"end\" AS BIGINT) / 900000000, CAST(NULL AS VARCHAR) AS one, CAST(NULL AS VARCHAR) AS two, server_ip, \
               avg(CASE WHEN outcome_class = 'failed' THEN 1.0 ELSE 0.0 END) FROM sessions \
               WHERE end_reason <> 'active' AND outcome_class IN ('failed', 'established') GROUP BY 1, 4";
    same(&ran(&store, &json), &asked(&store, sql), "runtime field");
}
