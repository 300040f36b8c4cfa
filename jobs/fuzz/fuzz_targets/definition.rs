//! Job files of any form: what is read renders to an equal definition, and everything within is read without a panic.
#![no_main]

use jobs::aggregation::Aggregations;
use jobs::aggregation::script::Script;
use jobs::definition::{parse, render};
use jobs::json::Node;
use jobs::query::{Query, QueryString, lucene};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let _ = Script::parse(text);
    let query = text.to_owned();
    let words = QueryString {
        query,
        default_field: Some("f".to_owned()),
        fields: Vec::new(),
        default_operator: None,
        analyze_wildcard: None,
        lenient: None,
        time_zone: None,
    };
    if let Ok(query) = lucene::parse(&words) {
        let _ = query.size();
    }
    let Ok(json) = text.parse::<Value>() else { return };
    if let Ok(query) = Query::from_json(&Node::root(&json)) {
        assert_eq!(Query::from_json(&Node::root(&query.to_json())).as_ref(), Ok(&query));
    }
    let _ = Aggregations::from_json(&Node::root(&json));
    if let Ok(jobs) = parse(text) {
        let again = parse(&render(&jobs).to_string());
        assert_eq!(again.as_deref().ok(), Some(jobs.as_slice()));
        for job in &jobs {
            let _ = job.findings(job.schema());
            if let Some(aggregations) = job.datafeed.as_ref().and_then(|feed| feed.aggregations.clone()) {
                let _ = Aggregations::from_json(&Node::root(&Value::Object(aggregations)));
            }
        }
    }
});
