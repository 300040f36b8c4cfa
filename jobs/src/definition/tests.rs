//! Definitions read back as written; foreign jobs; strictness.

use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::detector::{Action, AppliesTo, Comparison, Condition, ExcludeFrequent, Family, FilterRef, Function, Rule};

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn field() -> impl Strategy<Value = String> {
    "f[a-z.]{1,10}"
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?"
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        any::<u64>().prop_map(Span::seconds),
        any::<u64>().prop_map(Span::minutes),
        any::<u64>().prop_map(Span::hours),
        any::<u64>().prop_map(Span::days),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let condition = (0usize..4, 0usize..4, -1e9f64..1e9).prop_map(|(applies_to, comparison, value)| Condition {
        applies_to: [AppliesTo::Actual, AppliesTo::Typical, AppliesTo::DiffFromTypical, AppliesTo::Time][applies_to],
        comparison: [Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte][comparison],
        value,
    });
    let filter = (id(), any::<bool>()).prop_map(|(filter_id, include)| FilterRef { filter_id, include });
    (
        proptest::sample::subsequence(vec![Action::SkipResult, Action::SkipModelUpdate], 1..=2),
        proptest::collection::btree_map(field(), filter, 0..2),
        proptest::collection::vec(condition, 1..3),
    )
        .prop_map(|(actions, scope, conditions)| Rule { actions, scope, conditions })
}

fn detector() -> impl Strategy<Value = Detector> {
    let function = proptest::sample::select(Function::ALL);
    let exclude = [ExcludeFrequent::All, ExcludeFrequent::None, ExcludeFrequent::By, ExcludeFrequent::Over];
    (
        function,
        (field(), of(field()), of(field()), of(field())),
        of(any::<bool>()),
        of(proptest::sample::select(exclude.to_vec())),
        of(text()),
        proptest::collection::vec(rule(), 0..2),
    )
        .prop_map(|(function, fields, use_null, exclude_frequent, description, rules)| {
            let tagged = |tag: &str, field: Option<String>| field.map(|field| format!("{field}.{tag}"));
            let mut detector = Detector {
                function,
                field: (function.family() == Family::Field).then_some(fields.0),
                by: tagged("by", fields.1),
                over: tagged("over", fields.2).filter(|_| function.takes_over()),
                partition: tagged("partition", fields.3),
                use_null,
                exclude_frequent,
                description,
                rules,
            };
            if function.family() == Family::Rare {
                detector.by.get_or_insert_with(|| "f.by".to_owned());
                detector.over.get_or_insert_with(|| "f.over".to_owned());
            }
            detector
        })
}

fn analysis() -> impl Strategy<Value = Analysis> {
    let categorization = (field(), proptest::collection::vec(text(), 0..2), of(any::<bool>()), of(any::<bool>()))
        .prop_map(|(field, filters, enabled, stop_on_warn)| Categorization {
            field,
            filters,
            analyzer: enabled.map(|_| json!("standard")),
            per_partition: enabled.map(|enabled| PerPartition { enabled, stop_on_warn }),
        });
    (
        of(span()),
        proptest::collection::vec(detector(), 1..3),
        proptest::collection::vec(field(), 0..3),
        (of(span()), of(span())),
        of(field()),
        of(any::<bool>()),
        of(categorization),
    )
        .prop_map(|(bucket_span, detectors, influencers, spans, summary, multivariate, categorization)| Analysis {
            bucket_span,
            detectors,
            influencers,
            model_prune_window: spans.0,
            latency: spans.1,
            summary_count_field: summary,
            multivariate_by_fields: multivariate,
            categorization,
        })
}

fn datafeed() -> impl Strategy<Value = Datafeed> {
    let chunking = prop_oneof![Just(Chunking::Auto), Just(Chunking::Off), span().prop_map(Chunking::Manual)];
    let check =
        (any::<bool>(), of(span())).prop_map(|(enabled, check_window)| DelayedDataCheck { enabled, check_window });
    let free = || of(field().prop_map(|field| json!({field: {"x": 1}}).as_object().cloned().unwrap_or_default()));
    (
        (id(), proptest::collection::vec(text(), 1..3), crate::query::tests::query()),
        (of(span()), of(span()), of(any::<u64>()), of(any::<i64>())),
        (of(chunking), of(check)),
        (free(), free(), free(), free()),
    )
        .prop_map(|(what, how, checks, free)| Datafeed {
            id: what.0,
            indices: what.1,
            query: what.2,
            query_delay: how.0,
            frequency: how.1,
            scroll_size: how.2,
            max_empty_searches: how.3,
            chunking: checks.0,
            delayed_data_check: checks.1,
            aggregations: free.0,
            runtime_mappings: free.1,
            script_fields: free.2,
            indices_options: free.3,
        })
}

/// Any job that can be written.
pub(crate) fn definition() -> impl Strategy<Value = JobDefinition> {
    let limits = (of(text()), of(any::<u64>()))
        .prop_map(|(model_memory, categorization_examples)| Limits { model_memory, categorization_examples });
    let data = (of(field()), of(text()), of(text()), of(text())).prop_map(
        |(time_field, time_format, format, field_delimiter)| DataDescription {
            time_field,
            time_format,
            format,
            field_delimiter,
        },
    );
    let plot = (any::<bool>(), of(any::<bool>()), of(text()))
        .prop_map(|(enabled, annotations_enabled, terms)| ModelPlot { enabled, annotations_enabled, terms });
    let retention = (of(any::<u64>()), of(any::<u64>()), of(any::<u64>()), of(any::<u64>()), of(span())).prop_map(
        |(model_snapshot_days, daily, results_days, renormalization_window_days, background_persist_interval)| {
            Retention {
                model_snapshot_days,
                daily_model_snapshot_after_days: daily,
                results_days,
                renormalization_window_days,
                background_persist_interval,
            }
        },
    );
    let custom = proptest::collection::btree_map(text(), text().prop_map(Value::from), 0..3);
    (
        (id(), of(text()), proptest::collection::vec(id(), 0..3)),
        analysis(),
        (of(limits), data, of(plot), retention),
        (of(text()), of(any::<bool>()), custom),
        of(datafeed()),
    )
        .prop_map(|(head, analysis, parts, tail, datafeed)| JobDefinition {
            id: JobId::new(&head.0).unwrap(),
            description: head.1,
            groups: head.2,
            analysis,
            limits: parts.0,
            data: parts.1,
            model_plot: parts.2,
            retention: parts.3,
            results_index: tail.0,
            allow_lazy_open: tail.1,
            custom_settings: tail.2.into_iter().collect(),
            datafeed,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn reads_back_as_written(mut jobs in proptest::collection::vec(definition(), 0..3)) {
        jobs.sort_by(|a, b| a.id.cmp(&b.id));
        jobs.dedup_by(|a, b| a.id == b.id);
        prop_assert_eq!(parse(&render(&jobs).to_string()).unwrap(), jobs);
    }
}

fn minimal() -> Value {
    json!({"job": {"job_id": "a", "analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {}},
        "datafeed": {"indices": ["x"]}})
}

#[test]
fn a_minimal_job_is_read() {
    let job = from_json(&minimal()).unwrap().remove(0);
    let datafeed = job.datafeed.clone().unwrap();
    assert_eq!((datafeed.id.as_str(), datafeed.query), ("datafeed-a", Query::MatchAll));
    assert_eq!(job.bucket_span(), Span::minutes(5));
    assert_eq!((job.schema(), job.perspective()), (None, None));
    assert_eq!(job.findings(None), []);
}

#[test]
fn every_form_that_elasticsearch_takes_or_gives_is_read() {
    let pair = minimal();
    let expected = from_json(&pair).unwrap();
    let mut body = pair["job"].clone();
    body["datafeed_config"] = pair["datafeed"].clone();
    assert_eq!(from_json(&body).unwrap(), expected);
    body["create_time"] = json!(1);
    body["job_version"] = json!("9.0.0");
    assert_eq!(from_json(&json!({"count": 1, "jobs": [body]})).unwrap(), expected);
    let mut datafeed = pair["datafeed"].clone();
    datafeed["job_id"] = json!("a");
    let apart = json!({"jobs": [pair["job"]], "datafeeds": [datafeed]});
    assert_eq!(from_json(&apart).unwrap(), expected);
    assert_eq!(from_json(&json!([pair, pair])).unwrap_err().path, "$");
    let mut twice = body.clone();
    twice["job_id"] = json!("b");
    assert_eq!(from_json(&json!({"job": twice, "datafeed": {"indices": ["x"]}})).unwrap_err().path, "$.datafeed");
}

#[test]
fn enormous_input_is_refused() {
    let mut job = minimal();
    job["datafeed"]["query"] = json!({"terms": {"a": vec![1; 20_000]}});
    assert_eq!(from_json(&job).unwrap_err().path, "$.datafeed.query");
    let deep = "[".repeat(100_000);
    assert!(matches!(parse(&deep), Err(DefinitionError::Json(_))));
    assert!(matches!(parse(&" ".repeat(LONGEST + 1)), Err(DefinitionError::Length(_))));
}

#[test]
fn refusals_name_the_path() {
    let cases = [
        ("/job/analysis_config/detectors/0/functoin", json!("count"), "$.job.analysis_config.detectors[0].functoin"),
        ("/job/analysis_config/detectors/0/function", json!("cuont"), "$.job.analysis_config.detectors[0].function"),
        ("/job/analysis_config/detectors/0/field_name", json!("x"), "$.job.analysis_config.detectors[0]"),
        ("/job/analysis_config/bucket_span", json!("15 m"), "$.job.analysis_config.bucket_span"),
        ("/job/job_id", json!("A"), "$.job.job_id"),
        ("/job/surprise", json!(1), "$.job.surprise"),
        ("/datafeed/job_id", json!("b"), "$.datafeed.job_id"),
        ("/datafeed/indices", json!([]), "$.datafeed.indices"),
        ("/datafeed/query", json!({"knn": {}}), "$.datafeed.query.knn"),
        ("/datafeed/chunking_config", json!({"mode": "manual"}), "$.datafeed.chunking_config"),
        ("/calendar", json!({}), "$.calendar"),
    ];
    for (pointer, value, path) in cases {
        let mut job = minimal();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        job.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(from_json(&job).unwrap_err().path, path);
        let listed = json!([minimal(), job]);
        assert_eq!(from_json(&listed).unwrap_err().path, path.replacen('$', "$[1]", 1));
    }
    assert!(matches!(parse("{"), Err(DefinitionError::Json(_))));
}

#[test]
fn what_elasticsearch_would_refuse_is_found() {
    let mut job = from_json(&minimal()).unwrap().remove(0);
    job.analysis.bucket_span = Some(Span::minutes(7));
    assert_eq!(job.findings(None), [Finding::BucketSpan("7m".to_owned())]);
    job.analysis.bucket_span = Some(Span::minutes(15));
    job.analysis.model_prune_window = Some(Span::minutes(15));
    job.analysis.influencers = vec!["a".to_owned(), "a".to_owned()];
    let detector = job.analysis.detectors[0].clone();
    job.analysis.detectors.push(detector);
    assert_eq!(
        job.findings(None),
        [
            Finding::PruneWindow("15m".to_owned()),
            Finding::RepeatedDetector(0, 1),
            Finding::RepeatedInfluencer("a".to_owned()),
        ]
    );
    assert!(job.findings(Some(Schema::Ecs)).len() > 3);
}
