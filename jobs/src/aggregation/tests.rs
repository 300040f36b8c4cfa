//! Aggregations in the forms that Kibana writes; scripts; what is refused and where.

use serde_json::{Value, json};

use super::script::{Function, Operator, Script};
use super::*;
use crate::json::{Node, ReadError};

fn read(json: &Value) -> Result<Aggregations, ReadError> {
    Aggregations::from_json(&Node::root(json))
}

fn ratio() -> Value {
    json!({"buckets": {
        "date_histogram": {"field": "@timestamp", "fixed_interval": "15m", "time_zone": "UTC"},
        "aggregations": {
            "@timestamp": {"max": {"field": "@timestamp"}},
            "server.ip": {"terms": {"field": "server.ip", "size": 500}, "aggs": {
                "failed": {"filter": {"term": {"l4.session.established": false}}, "aggs": {
                    "bytes": {"sum": {"field": "network.bytes"}}}},
                "double": {"bucket_script": {"buckets_path": {"r": "ratio"}, "script": "params.r * 2"}},
                "ratio": {"bucket_script": {"buckets_path": {"f": "failed>_count", "all": "_count"},
                    "script": {"source": "params.all > 0 ? params.f / params.all : 0"}}}
            }}
        }
    }})
}

#[test]
fn the_ratio_form() {
    let found = read(&ratio()).unwrap();
    assert_eq!((found.time_field.as_str(), found.interval), ("@timestamp", Span::minutes(15)));
    assert_eq!(found.terms[0].size, Some(500));
    assert_eq!(found.names().collect::<Vec<_>>(), ["server.ip", "bytes", "ratio", "double"]);
    assert_eq!(
        found.fields(),
        ["@timestamp", "server.ip", "l4.session.established", "l4.session.established", "network.bytes"]
    );
    let Kind::Script(ratio) = &found.measures[3].kind else { panic!("{:?}", found.measures[3]) };
    assert_eq!(found.measures[ratio.params[0].1].path, "failed>_count");
}

#[test]
fn the_composite_form() {
    let found = read(&json!({"b": {"composite": {"size": 1000, "sources": [
        {"date": {"date_histogram": {"field": "@timestamp", "calendar_interval": "1h"}}},
        {"port": {"terms": {"field": "server.port"}}}]},
        "aggs": {"worst": {"filters": {"filters": {"a": {"match_all": {}}}}},
            "n": {"bucket_script": {"buckets_path": {"x": "worst['a']>_count"}, "script": "x"}}}}}))
    .unwrap();
    assert_eq!((found.interval, found.terms[0].size), (Span::hours(1), None));
    assert_eq!(found.names().collect::<Vec<_>>(), ["port", "n"]);
}

#[test]
fn refusals_name_the_path() {
    let within = "$.buckets.aggregations[\"server.ip\"].aggs";
    let cases = [
        ("/buckets/date_histogram/time_zone", json!("Europe/Berlin"), "$.buckets.date_histogram.time_zone".to_owned()),
        (
            "/buckets/aggregations/server.ip/terms/size",
            json!(0),
            "$.buckets.aggregations[\"server.ip\"].terms".to_owned(),
        ),
        ("/buckets/aggregations/x", json!({"sum": {"field": "a"}}), "$.buckets.aggregations.x".to_owned()),
        ("/buckets/aggregations/server.ip/aggs/x", json!({"derivative": {}}), format!("{within}.x.derivative")),
        (
            "/buckets/aggregations/server.ip/aggs/ratio/bucket_script/script",
            json!("params.f / params.y"),
            format!("{within}.ratio.bucket_script.script"),
        ),
        (
            "/buckets/aggregations/server.ip/aggs/ratio/bucket_script/buckets_path/f",
            json!("double"),
            format!("{within}.double"),
        ),
        (
            "/buckets/aggregations/server.ip/aggs/ratio/bucket_script/buckets_path/f",
            json!("nowhere"),
            format!("{within}.ratio.bucket_script.buckets_path.f"),
        ),
    ];
    for (pointer, value, path) in cases {
        let mut json = ratio();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(read(&json).unwrap_err().path, path, "{pointer}");
    }
}

#[test]
fn scripts() {
    let param = |name: &str| Box::new(Script::Param(name.to_owned()));
    let parsed = Script::parse("params.a + params['b'] * 2").unwrap();
    let product = Script::Binary(Operator::Multiply, param("b"), Box::new(Script::Number(2.0)));
    assert_eq!(parsed, Script::Binary(Operator::Add, param("a"), Box::new(product)));
    let max = Script::Call(Function::Max, vec![*param("a"), Script::Negative(Box::new(Script::Number(1.5e3)))]);
    assert_eq!(Script::parse("return Math.max(a, -1.5e3);"), Ok(max));
    assert!(matches!(Script::parse("a == 0 || b > 1 ? 0 : (double)a / b"), Ok(Script::Choice(..))));
    let emit = Script::parse_emit("emit(doc['a.b'].value ? 0 : 1);").unwrap();
    assert_eq!(emit.params(), ["doc:a.b"]);
    for bad in ["emit(x)", "emit(1", "doc['a'].value", "emit(doc['a'])"] {
        assert!(Script::parse_emit(bad).is_err(), "{bad}");
    }
    let deep = "(".repeat(10_000);
    for bad in ["", "a +", "1 2", "Math.exec(a)", "Math.max(a)", "params.", "a ? b", "params['x", deep.as_str(), "'x'"]
    {
        assert!(Script::parse(bad).is_err(), "{bad:.20}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,40}", marks in "[()a-b.+*/?:<>=!&|' -]{0,30}") {
        let _ = Script::parse(&text);
        let _ = Script::parse(&marks);
    }
}
