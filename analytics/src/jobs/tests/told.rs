//! What imported jobs find is told of as what detection finds: to those who follow results, and in SQL.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int64Type, UInt16Type};
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt as _;
use jobs::definition::ModelPlot;
use jobs::{Document, Prefix, Schema};

use super::keeping::{BUCKETS, after, kept, results, run};
use crate::jobs::Order;
use crate::testing::wait;
use crate::{Changes, Finder, Part, QueryEngine, ResultStore, Selection, SessionStore};

fn starts(changes: &Changes) -> Vec<i64> {
    changes.found.iter().map(|found| found.timestamp()).collect()
}

#[test]
fn what_is_new_is_told_once_also_after_a_reset() {
    let (_folder, store, shelf, id) = kept();
    let follower = ResultStore::open(&store);
    assert!(follower.changes(&HashSet::new()).unwrap().found.is_empty());
    run(&shelf, &id, after(99));
    let first = follower.changes(&HashSet::new()).unwrap();
    assert_eq!((first.found.len(), first.oldest), (100, Some(starts(&first)[0])));
    assert!(starts(&first).is_sorted());
    assert!(matches!(first.found[0].finder(), Finder::Imported(job, None) if job == id));
    run(&shelf, &id, after(BUCKETS));
    let second = follower.changes(&first.segments).unwrap();
    assert_eq!(second.found.len() as i64, BUCKETS - 100);
    assert!(follower.changes(&second.segments).unwrap().found.is_empty());

    // Merged days tell the same again under another name, and a reset tells of everything.
    shelf.order(&id, &Order::Reset).unwrap();
    run(&shelf, &id, after(BUCKETS) + 1_000_000);
    let third = follower.changes(&second.segments).unwrap();
    let told: BTreeSet<i64> = starts(&third).into_iter().collect();
    assert_eq!(told.len() as i64, BUCKETS);
    assert!(third.segments.is_disjoint(&second.segments), "names are not used again");
    shelf.remove(&id).unwrap();
    let gone = follower.changes(&third.segments).unwrap();
    assert!(gone.found.is_empty() && gone.segments.is_empty());
}

#[test]
fn documents_of_both_kinds_come_the_same_way() {
    let (_folder, store, shelf, id) = kept();
    run(&shelf, &id, after(BUCKETS));
    let changes = ResultStore::open(&store).changes(&HashSet::new()).unwrap();
    let highest = |found: &crate::Found| found.anomalies().iter().map(|one| one.score().value()).fold(0.0, f64::max);
    let worst = changes.found.iter().max_by(|a, b| highest(a).total_cmp(&highest(b))).unwrap();
    let ids = |schema| {
        let documents = worst.documents(Some(schema), &Prefix::default());
        assert!(documents.iter().all(|(_, _, document)| document.body["job_id"] == id.as_str()));
        let of = |part| documents.iter().filter(|(of, ..)| *of == part).count();
        assert_eq!((of(Part::Record), of(Part::Bucket)), (1, 1));
        assert!(documents.iter().any(|(part, score, _)| *part == Part::Record && score.value() >= 75.0));
        documents.into_iter().map(|(_, _, document)| document.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Schema::Ecs), ids(Schema::Codex), "ids do not depend on the vocabulary");
}

fn ask(store: &SessionStore, sql: &str) -> RecordBatch {
    wait(async {
        let (schema, stream) = QueryEngine::new(store).sql(sql).await.unwrap();
        concat_batches(&schema, &stream.try_collect::<Vec<_>>().await.unwrap()).unwrap()
    })
}

#[test]
fn sql_has_what_imported_jobs_found() {
    let (_folder, store, shelf, id) = kept();
    run(&shelf, &id, after(BUCKETS));
    let outcomes = results(&store, &id);
    let counted = ask(&store, "SELECT result_type, count(*) AS n FROM results GROUP BY 1 ORDER BY 1");
    let number = |batch: &RecordBatch, row| batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().value(row);
    let records: usize = outcomes.iter().map(|outcome| outcome.records.len()).sum();
    assert_eq!((number(&counted, 0), number(&counted, counted.num_rows() - 1)), (BUCKETS, records as i64));

    let sql = "SELECT job_id, perspective, server_port, by_field_name, by_field_value, function, score, \"timestamp\" \
               FROM results WHERE result_type = 'record' ORDER BY score DESC LIMIT 1";
    let worst = ask(&store, sql);
    let record =
        outcomes.iter().flat_map(|o| &o.records).max_by(|a, b| a.record_score.total_cmp(&b.record_score)).unwrap();
    let text = |name: &str| worst.column_by_name(name).unwrap().as_string::<i32>().value(0).to_owned();
    assert_eq!([text("job_id"), text("function")], [id.to_string(), "high_count".to_owned()]);
    assert_eq!([text("by_field_name"), text("by_field_value")], ["server.port", "443"]);
    assert!(worst.column_by_name("perspective").unwrap().is_null(0));
    assert_eq!(worst.column_by_name("server_port").unwrap().as_primitive::<UInt16Type>().value(0), 443);
    let score = worst.column_by_name("score").unwrap().as_primitive::<Float64Type>().value(0);
    assert_eq!(score.to_bits(), record.record_score.to_bits());
}

fn documents(store: &SessionStore, parts: &str) -> Vec<Document> {
    let parts = parts.parse().unwrap();
    let (prefix, schema) = (Prefix::default(), Some(Schema::Codex));
    let wanted = Selection { from: i64::MIN, to: i64::MAX, job: None, parts, min_score: 0.0, schema, prefix };
    let mut documents = Vec::new();
    let each = &mut |document| {
        documents.push(document);
        ControlFlow::Continue(())
    };
    ResultStore::open(store).documents(&wanted, each).unwrap();
    documents
}

#[test]
fn what_models_expected_and_overall_buckets_are_documents_too() {
    let (_folder, store, shelf, id) = kept();
    let mut definition = shelf.get(&id).unwrap().unwrap().definition;
    let mut plotted = |terms: Option<&str>| {
        let terms = terms.map(str::to_owned);
        definition.model_plot = Some(ModelPlot { enabled: true, annotations_enabled: None, terms });
        shelf.put(&definition, 1).unwrap();
        shelf.order(&id, &Order::Reset).unwrap();
        run(&shelf, &id, after(BUCKETS));
        documents(&store, "model_plot")
    };
    assert!(plotted(Some("80, 8080")).is_empty(), "there is no such port");
    let plots = plotted(Some("443"));
    assert_eq!(plots.len() as i64, BUCKETS);
    let ids: BTreeSet<&String> = plots.iter().map(|plot| &plot.id).collect();
    assert_eq!(ids.len(), plots.len());
    let number = |plot: &Document, name: &str| plot.body[name].as_f64().unwrap();
    let beyond = |plot: &&Document| number(plot, "actual") > 10.0 * number(plot, "model_upper").max(1.0);
    assert!(plots[48..].iter().filter(beyond).count() == 1, "the odd bucket alone");
    let body = &plots[0].body;
    assert_eq!((&body["by_field_name"], &body["by_field_value"]), (&"flow.server.l4.port.id".into(), &"443".into()));
    assert_eq!(plotted(None), plots, "as before after another reset");

    let overall = documents(&store, "overall_buckets");
    let highest = |documents: &[Document], name: &str| {
        documents.iter().filter_map(|document| document.body[name].as_f64()).fold(0.0, f64::max).to_bits()
    };
    assert_eq!(overall.len() as i64, BUCKETS);
    assert_eq!(highest(&overall, "overall_score"), highest(&documents(&store, "buckets"), "anomaly_score"));
}
