//! Damaged job files: nothing panics, refusals name a path, and what is still read renders to an equal definition.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::aggregation::Aggregations;
use crate::json::Node;
use crate::query::{Query, lucene};

/// A job that uses as many forms as one can.
fn rich() -> Value {
    json!({"job": {"job_id": "rich", "analysis_config": {"bucket_span": "15m", "influencers": ["a"],
        "summary_count_field_name": "doc_count", "model_prune_window": "14d", "detectors": [
            {"function": "high_mean", "field_name": "ratio", "partition_field_name": "s", "custom_rules": [
                {"actions": ["skip_result"], "scope": {"s": {"filter_id": "l", "filter_type": "include"}},
                 "conditions": [{"applies_to": "actual", "operator": "gt", "value": 1.5}]}]},
            {"function": "rare", "by_field_name": "b", "over_field_name": "o", "use_null": true}]},
        "data_description": {"time_field": "@timestamp"}, "analysis_limits": {"model_memory_limit": "64mb"}},
     "datafeed": {"indices": ["x"], "query_delay": "60s", "frequency": "450s", "chunking_config": {"mode": "auto"},
        "query": {"bool": {"must": [{"match": {"a": "x"}}, {"query_string": {"query": "a:(b OR c*) AND NOT d:[1 TO 2]"}}],
            "must_not": [{"range": {"p": {"gte": 1, "lt": 9}}}, {"wildcard": {"w": "x*"}}],
            "should": [{"terms": {"t": [1, 2, "3"]}}], "minimum_should_match": "50%"}},
        "aggregations": {"buckets": {"date_histogram": {"field": "@timestamp", "fixed_interval": "15m"}, "aggs": {
            "@timestamp": {"max": {"field": "@timestamp"}}, "s": {"terms": {"field": "s", "size": 5}, "aggs": {
                "failed": {"filter": {"term": {"e": false}}}, "ratio": {"bucket_script": {
                    "buckets_path": {"f": "failed>_count", "n": "_count"}, "script": "params.n > 0 ? params.f / params.n : 0"}}}}}}}}})
}

/// Something that stands nowhere in particular.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        "[a-z_]{1,6}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{}, 1, "x"])),
        ("[a-z_]{1,8}", any::<i32>()).prop_map(|(key, value)| json!({key: value})),
    ]
}

/// Calls with the value at place `left`, counted in the order of the document.
fn visit(value: &mut Value, left: &mut usize, act: &mut dyn FnMut(&mut Value)) {
    if *left == 0 {
        *left = usize::MAX;
        return act(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, left, act)),
        Value::Object(map) => map.values_mut().for_each(|item| visit(item, left, act)),
        _ => {}
    }
}

fn damaged() -> impl Strategy<Value = Value> {
    let hit = (0..120_usize, 0..4_u8, odd(), "[a-z_]{1,8}");
    (0..80_usize, proptest::collection::vec(hit, 1..4)).prop_map(|(job, hits)| {
        let all = crate::everything(&crate::Prefix::default());
        let mut json = all.get(job).map_or_else(rich, JobDefinition::to_json);
        for (mut place, kind, value, key) in hits {
            visit(&mut json, &mut place, &mut |found| match (kind, &mut *found) {
                (0, Value::Object(map)) => {
                    let first = map.keys().next().cloned();
                    first.and_then(|first| map.remove(&first)).into_iter().for_each(|value| {
                        map.insert(key.clone(), value);
                    });
                }
                (1, Value::Object(map)) => {
                    map.insert(key.clone(), value.clone());
                }
                (1, Value::Array(items)) => items.push(value.clone()),
                (2, Value::Array(items)) => items.extend(items.clone()),
                _ => *found = value.clone(),
            });
        }
        json
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_refused_by_its_path_or_read_whole(json in damaged()) {
        match from_json(&json) {
            Err(refusal) => prop_assert!(refusal.path.starts_with('$') && !refusal.problem.is_empty()),
            Ok(jobs) => {
                prop_assert_eq!(&from_json(&render(&jobs)).unwrap(), &jobs);
                for job in &jobs {
                    let _ = job.findings(job.schema());
                    let Some(datafeed) = &job.datafeed else { continue };
                    if let Some(map) = &datafeed.aggregations {
                        let value = Value::Object(map.clone());
                        let read = Aggregations::from_json(&Node::at(&value, "$.datafeed.aggregations"));
                        if let Err(refusal) = read {
                            prop_assert!(refusal.path.starts_with("$.datafeed.aggregations"));
                        }
                    }
                    if let Query::QueryString(text) = &datafeed.query {
                        let _ = lucene::parse(text);
                    }
                }
            }
        }
    }
}
