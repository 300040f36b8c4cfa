//! At least forty definitions as others write them: each function, each form of query, both vocabularies. The values of
//! every bucket and series are those of straightforward SQL over the same store.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use futures::StreamExt as _;
use jobs::Schema;
use serde_json::{Value, json};

use super::{definition, job, world};
use crate::detect::Silent;
use crate::jobs::{Plan, Surroundings, run_job};
use crate::testing::wait;
use crate::{QueryEngine, SessionStore};

/// Bucket start (s) and the by-, over- and partition value.
pub(super) type Series = (i64, Option<String>, Option<String>, Option<String>);

/// What is asked, and the same in SQL: a condition, a value, and the fields that split it.
pub(super) struct Case {
    detector: Value,
    query: Value,
    condition: &'static str,
    value: &'static str,
    split: [&'static str; 3],
}

pub(super) fn case(
    detector: Value,
    query: Value,
    condition: &'static str,
    value: &'static str,
    split: [&'static str; 3],
) -> Case {
    Case { detector, query, condition, value, split }
}

/// What the job's values are, empty buckets of known series left out.
pub(super) fn ran(store: &SessionStore, json: &Value) -> BTreeMap<Series, f64> {
    let plan = Plan::new(&definition(json)).unwrap_or_else(|refused| panic!("{refused}: {json:#}"));
    let mut found = BTreeMap::new();
    wait(run_job(store, &plan, &Surroundings::default(), i64::MIN..i64::MAX, &Silent, &mut |bucket| {
        for value in bucket.values.iter().filter(|value| !value.whole || plan.parts.iter().all(|p| p.over.is_none())) {
            let text = |part: &Option<std::sync::Arc<str>>| part.as_deref().map(str::to_owned);
            let key = &value.key;
            let series = (value.timestamp / 1000, text(&key.by), text(&key.over), text(&key.partition));
            if value.actual != 0.0 {
                found.insert(series, value.actual);
            }
        }
        Ok(ControlFlow::Continue(()))
    }))
    .unwrap();
    found
}

/// What SQL says.
pub(super) fn asked(store: &SessionStore, sql: &str) -> BTreeMap<Series, f64> {
    let mut found = BTreeMap::new();
    wait(async {
        let (_, mut stream) = QueryEngine::new(store).sql(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
        while let Some(batch) = stream.next().await {
            let batch = batch.unwrap_or_else(|error| panic!("{error}: {sql}"));
            let bucket = batch.column(0).as_primitive::<Int64Type>();
            let value = batch.column(4).as_primitive::<Float64Type>();
            let text = |column: usize, row: usize| {
                let column = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8).unwrap();
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            for row in (0..batch.num_rows()).filter(|row| value.is_valid(*row) && value.value(*row) != 0.0) {
                found.insert((bucket.value(row) * 900, text(1, row), text(2, row), text(3, row)), value.value(row));
            }
        }
    });
    found
}

pub(super) fn sql(case: &Case) -> String {
    let [by, over, partition] = case.split.map(|field| if field.is_empty() { "NULL" } else { field });
    let present = case.split.iter().filter(|field| !field.is_empty());
    let present = present.map(|field| format!(" AND {field} IS NOT NULL")).collect::<Vec<_>>().concat();
    format!(
        "SELECT CAST(\"end\" AS BIGINT) / 900000000 AS bucket, CAST({by} AS VARCHAR) AS by, CAST({over} AS VARCHAR) AS over, \
         CAST({partition} AS VARCHAR) AS part, CAST({} AS DOUBLE) AS value \
         FROM sessions WHERE end_reason <> 'active' AND ({}){present} GROUP BY 1, 2, 3, 4",
        case.value, case.condition
    )
}

const PORT_NAME: &str = "coalesce(service, CAST(server_port AS VARCHAR))";
pub(super) const NONE: [&str; 3] = ["", "", ""];

pub(super) fn all() -> Value {
    json!({"match_all": {}})
}

fn functions() -> Vec<Case> {
    let of = |function: &str, field: &str| json!({"function": function, "field_name": field});
    let mut cases = vec![
        case(json!({"function": "count"}), all(), "true", "count(*)", NONE),
        case(
            json!({"function": "high_count", "by_field_name": "server.port"}),
            all(),
            "true",
            "count(*)",
            ["server_port", "", ""],
        ),
        case(
            json!({"function": "low_count", "partition_field_name": "server.ip"}),
            all(),
            "true",
            "count(*)",
            ["", "", "server_ip"],
        ),
        case(
            json!({"function": "non_zero_count", "by_field_name": "client.ip"}),
            all(),
            "true",
            "count(*)",
            ["client_ip", "", ""],
        ),
        case(
            json!({"function": "high_non_zero_count", "by_field_name": "host.name"}),
            all(),
            "true",
            "count(*)",
            ["observer", "", ""],
        ),
        case(
            json!({"function": "low_nzc", "by_field_name": "network.transport"}),
            all(),
            "true",
            "count(*)",
            ["CASE proto WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' ELSE 'icmp' END", "", ""],
        ),
        case(
            json!({"function": "high_count", "over_field_name": "client.ip"}),
            all(),
            "true",
            "count(*)",
            ["", "client_ip", ""],
        ),
        case(
            json!({"function": "high_count", "by_field_name": "flow.server.l4.port.name", "over_field_name": "flow.client.ip.addr",
                "partition_field_name": "flow.server.ip.addr"}),
            all(),
            "true",
            "count(*)",
            [PORT_NAME, "client_ip", "server_ip"],
        ),
        case(
            json!({"function": "rare", "by_field_name": "server.port"}),
            all(),
            "true",
            "count(*)",
            ["server_port", "", ""],
        ),
        case(
            json!({"function": "rare", "by_field_name": "server.ip", "partition_field_name": "network.direction"}),
            all(),
            "true",
            "count(*)",
            [
                "server_ip",
                "",
                "CASE perspective WHEN 'edge' THEN 'external' WHEN 'private' THEN 'internal' ELSE perspective END",
            ],
        ),
        case(
            json!({"function": "mean", "field_name": "network.bytes", "over_field_name": "client.ip"}),
            all(),
            "true",
            "avg(client_bytes + server_bytes)",
            ["", "client_ip", ""],
        ),
        case(
            json!({"function": "high_distinct_count", "field_name": "flow.server.l4.port.id", "over_field_name": "flow.client.ip.addr"}),
            all(),
            "true",
            "count(DISTINCT server_port)",
            ["", "client_ip", ""],
        ),
        case(
            json!({"function": "sum", "field_name": "client.bytes", "by_field_name": "client.as.number"}),
            all(),
            "true",
            "sum(client_bytes)",
            ["client_asn", "", ""],
        ),
    ];
    for (function, value) in [
        ("distinct_count", "count(DISTINCT server_ip)"),
        ("high_distinct_count", "count(DISTINCT server_ip)"),
        ("low_dc", "count(DISTINCT server_ip)"),
    ] {
        cases.push(case(of(function, "server.ip"), all(), "true", value, NONE));
    }
    for (function, value) in [
        ("sum", "sum(client_bytes + server_bytes)"),
        ("high_sum", "sum(client_bytes + server_bytes)"),
        ("low_sum", "sum(client_bytes + server_bytes)"),
        ("non_null_sum", "sum(client_bytes + server_bytes)"),
        ("mean", "avg(client_bytes + server_bytes)"),
        ("avg", "avg(client_bytes + server_bytes)"),
        ("high_mean", "avg(client_bytes + server_bytes)"),
        ("low_mean", "avg(client_bytes + server_bytes)"),
        ("min", "min(client_bytes + server_bytes)"),
        ("max", "max(client_bytes + server_bytes)"),
        ("high_non_null_sum", "sum(client_bytes + server_bytes)"),
        ("low_non_null_sum", "sum(client_bytes + server_bytes)"),
        ("high_median", "median(CAST(client_bytes + server_bytes AS DOUBLE))"),
        ("low_median", "median(CAST(client_bytes + server_bytes AS DOUBLE))"),
        ("high_varp", "var_pop(client_bytes + server_bytes)"),
        ("low_varp", "var_pop(client_bytes + server_bytes)"),
        ("median", "median(CAST(client_bytes + server_bytes AS DOUBLE))"),
        ("varp", "var_pop(client_bytes + server_bytes)"),
    ] {
        cases.push(case(of(function, "flow.bytes"), all(), "true", value, NONE));
    }
    cases
}

fn queries() -> Vec<Case> {
    let count = || json!({"function": "count"});
    let forms: Vec<(Value, &'static str)> = vec![
        (json!({"term": {"network.transport": {"value": "tcp"}}}), "proto = 6"),
        (json!({"term": {"l4.proto.name": "TCP"}}), "proto = 6"),
        (json!({"term": {"server.port": 443}}), "server_port = 443"),
        (json!({"term": {"server.port": "443"}}), "server_port = 443"),
        (json!({"term": {"client.ip": "10.1.0.0/16"}}), "client_ip LIKE '10.1.%'"),
        (json!({"term": {"server.ip": "2600::/16"}}), "server_ip LIKE '2600::%'"),
        (
            json!({"term": {"l4.session.outcome": {"value": "REFUSED", "case_insensitive": true}}}),
            "outcome = 'refused'",
        ),
        (json!({"term": {"l4.session.established": false}}), "outcome_class = 'failed'"),
        (json!({"term": {"flow.locality": "private"}}), "perspective = 'private'"),
        (json!({"term": {"flow.client.as.org": "PRIVATE"}}), "perspective IN ('outbound', 'private')"),
        (
            json!({"bool": {"must_not": [{"term": {"server.as.organization.name": "PRIVATE"}}]}}),
            "perspective IN ('outbound', 'edge')",
        ),
        (json!({"terms": {"flow.server.l4.port.id": [22, 3389]}}), "server_port IN (22, 3389)"),
        (
            json!({"terms": {"server.ip": ["10.1.0.0/24", "8.8.0.1"]}}),
            "server_ip LIKE '10.1.0.%' OR server_ip = '8.8.0.1'",
        ),
        (
            json!({"exists": {"field": "client.as.organization.name"}}),
            "perspective IN ('outbound', 'private') OR client_as_org IS NOT NULL",
        ),
        (json!({"bool": {"must_not": [{"exists": {"field": "server.domain"}}]}}), "server_host IS NULL"),
        (json!({"bool": {"must_not": {"exists": {"field": "sec.threat.name"}}}}), "true"),
        (
            json!({"range": {"network.bytes": {"gte": 1000, "lt": 5000}}}),
            "client_bytes + server_bytes >= 1000 AND client_bytes + server_bytes < 5000",
        ),
        (json!({"range": {"client.port": {"gt": 40003}}}), "client_port > 40003"),
        (
            json!({"range": {"@timestamp": {"gte": "2025-11-03T01:00:00Z", "lte": 1_762_135_200_000_i64}}}),
            "\"end\" >= TIMESTAMP '2025-11-03T01:00:00' AND \"end\" <= TIMESTAMP '2025-11-03T02:00:00'",
        ),
        (json!({"match": {"l4.session.outcome": "no_answer"}}), "outcome = 'no_answer'"),
        (json!({"match": {"server.port": {"query": "80", "operator": "and"}}}), "server_port = 80"),
        (json!({"match_phrase": {"host.name": "192.0.2.1"}}), "observer = '192.0.2.1'"),
        (
            json!({"multi_match": {"query": "10.1.0.3", "fields": ["client.ip", "server.ip"]}}),
            "client_ip = '10.1.0.3' OR server_ip = '10.1.0.3'",
        ),
        (json!({"prefix": {"l4.session.outcome": "half"}}), "outcome LIKE 'half%'"),
        (json!({"wildcard": {"server.domain": {"value": "web?.example.*"}}}), "server_host LIKE 'web_.example.%'"),
        (
            json!({"wildcard": {"server.domain": {"value": "WEB1*", "case_insensitive": true}}}),
            "server_host LIKE 'web1%'",
        ),
        (
            json!({"regexp": {"l4.session.outcome": "(no|half)_.*"}}),
            "starts_with(outcome, 'no_') OR starts_with(outcome, 'half_')",
        ),
        (
            json!({"query_string": {"query": "server.port:443 AND NOT l4.session.outcome:refused"}}),
            "server_port = 443 AND outcome <> 'refused'",
        ),
        (
            json!({"query_string": {"query": "server.port:(22 OR 80) AND client.ip:\"10.0.0.0/8\""}}),
            "server_port IN (22, 80) AND client_ip LIKE '10.%'",
        ),
        (
            json!({"query_string": {"query": "network.bytes:>=2000 AND server.domain:web*"}}),
            "client_bytes + server_bytes >= 2000 AND server_host LIKE 'web%'",
        ),
        (
            json!({"query_string": {"query": "_exists_:server.domain", "analyze_wildcard": true}}),
            "server_host IS NOT NULL",
        ),
        (json!({"query_string": {"query": "refused", "default_field": "l4.session.outcome"}}), "outcome = 'refused'"),
        (json!({"match_none": {}}), "false"),
        (json!({"constant_score": {"filter": {"term": {"server.port": 22}}}}), "server_port = 22"),
        (
            json!({"term": {"tcp.flags.bits": 18}}),
            "(coalesce(client_tcp_flags, 0) | coalesce(server_tcp_flags, 0)) = 18",
        ),
        (json!({"term": {"server.geo.country_iso_code": "DE"}}), "server_country = 'DE'"),
        (
            json!({"bool": {"should": [{"term": {"server.port": 22}}, {"term": {"server.port": 80}}, {"term": {"network.transport": "tcp"}}],
            "minimum_should_match": 2}}),
            "server_port IN (22, 80) AND proto = 6",
        ),
        (
            json!({"bool": {"must": [{"term": {"network.transport": "tcp"}}], "should": [{"term": {"server.port": 22}}]}}),
            "proto = 6",
        ),
        (
            json!({"bool": {"filter": [{"bool": {"should": [{"term": {"server.port": 22}}, {"term": {"client.ip": "8.8.0.0/16"}}]}}],
            "must_not": [{"terms": {"l4.session.outcome": ["closed", "refused"]}}]}}),
            "(server_port = 22 OR client_ip LIKE '8.8.%') AND outcome NOT IN ('closed', 'refused')",
        ),
    ];
    forms.into_iter().map(|(query, condition)| case(count(), query, condition, "count(*)", NONE)).collect()
}

/// The same with the fields of a vocabulary, and the values that it writes in another case.
fn spoken(json: &Value, schema: Schema) -> Value {
    match json {
        Value::Object(map) => map.iter().map(|(key, value)| (word(key, schema), spoken(value, schema))).collect(),
        Value::Array(items) => items.iter().map(|item| spoken(item, schema)).collect(),
        Value::String(text) if text.eq_ignore_ascii_case("tcp") => match schema {
            Schema::Codex => "TCP".into(),
            Schema::Ecs => "tcp".into(),
        },
        // Queries in words name fields, too.
        Value::String(text) => {
            text.split_inclusive([' ', ':', '(']).map(|part| word(part, schema)).collect::<String>().into()
        }
        other => other.clone(),
    }
}

fn word(text: &str, schema: Schema) -> String {
    let end = text.trim_end_matches([' ', ':', '(']);
    let field = Schema::concept_of(end).map_or(end, |concept| concept.field(schema));
    format!("{field}{}", &text[end.len()..])
}

/// Values without regard to case.
fn lower(values: BTreeMap<Series, f64>) -> BTreeMap<Series, f64> {
    let text = |text: Option<String>| text.map(|text| text.to_lowercase());
    values.into_iter().map(|((at, by, over, part), value)| ((at, text(by), text(over), text(part)), value)).collect()
}

#[test]
fn values_are_those_of_straightforward_sql() {
    let (_folder, store) = world(3_000);
    let cases: Vec<Case> = functions().into_iter().chain(queries()).collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    for case in cases {
        let expected = asked(&store, &sql(&case));
        for schema in Schema::ALL {
            let json = spoken(&job(&case.detector, &case.query), schema);
            same(&lower(ran(&store, &json)), &lower(expected.clone()), &format!("{json}"));
        }
        assert!(!expected.is_empty() || case.condition == "false", "{} says nothing", case.query);
    }
}

pub(super) fn same(found: &BTreeMap<Series, f64>, expected: &BTreeMap<Series, f64>, what: &str) {
    let keys = |map: &BTreeMap<Series, f64>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(found), keys(expected), "{what}");
    for (series, value) in found {
        let other = expected[series];
        assert!((value - other).abs() <= 1e-9 * other.abs().max(1.0), "{what}: {series:?} is {value}, not {other}");
    }
}
