//! The eight jobs as files, held against their goldens, Elastic's published schemas and our own checks.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::definition::{parse, render};
use crate::id::{Prefix, is_id};

fn jobs() -> Vec<JobDefinition> {
    catalogue(&Prefix::default())
}

fn all() -> Vec<JobDefinition> {
    everything(&Prefix::default())
}

#[test]
fn every_topic_in_both_vocabularies() {
    let all = all();
    assert!(all.len() > 60, "{}", all.len());
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    for job in &all {
        assert!(crate::JobId::new(job.id.as_str()).is_ok());
        let text = job.to_json().to_string();
        assert!(job.description.as_ref().is_some_and(|text| text.len() > 60), "{}", job.id);
        let (schema, other) = if job.schema() == Some(Schema::Ecs) { ("ecs", "codex") } else { ("codex", "ecs") };
        assert!(ids.contains(job.id.as_str().replacen(schema, other, 1).as_str()), "{} in {other}", job.id);
        assert!(!text.contains("null"), "{}", job.id);
    }
    for job in all.iter().skip(8) {
        let guide = &job.custom_settings["guide"];
        for part in ["why", "causes", "first_steps"] {
            assert!(guide[part].is_string() || guide[part].as_array().is_some_and(|list| list.len() > 1), "{part}");
        }
    }
    let longest = Prefix::new(&"p".repeat(64 - "_codex_avail_tcp_sess_fails_edge".len())).unwrap();
    assert!(everything(&longest).iter().all(|job| crate::JobId::new(job.id.as_str()).is_ok()));
}

#[test]
fn one_file_of_each_topic_is_as_committed() {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        for job in all().into_iter().skip(8).filter(|job| job.id.as_str().contains("ecs") && job.id.as_str().ends_with("_priv")) {
            insta::assert_snapshot!(job.id.as_str(), job.file());
        }
    });
}

#[test]
fn the_files_are_as_committed() {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        for job in jobs() {
            insta::assert_snapshot!(job.id.as_str(), job.file());
        }
    });
}

#[test]
fn every_file_reads_back() {
    for job in all() {
        assert_eq!(parse(&job.file()).unwrap(), std::slice::from_ref(&job), "{}", job.id);
    }
    assert_eq!(parse(&render(&all()).to_string()).unwrap(), all());
}

#[test]
fn nothing_is_found_wrong() {
    for job in all() {
        let schema = Some(job.schema().unwrap()).filter(|_| job.datafeed.as_ref().unwrap().runtime_mappings.is_none());
        assert_eq!(job.findings(schema), [], "{}", job.id);
        let datafeed = job.datafeed.as_ref().unwrap();
        assert_eq!(datafeed.id, format!("datafeed-{}", job.id));
        assert!(is_id(&datafeed.id));
        assert_eq!(job.results_index.as_deref(), Some(format!("custom-{}", job.id).as_str()));
        assert_eq!(job.file_name(), format!("{}.json", job.id));
        assert_eq!(job.to_json()["datafeed"]["job_id"], job.to_json()["job"]["job_id"]);
        assert!(job.analysis.influencers.len() <= 12);
    }
}

#[test]
fn both_vocabularies_ask_the_same() {
    for &perspective in Perspective::ALL {
        let prefix = Prefix::default();
        let in_concepts = |schema: Schema| -> Vec<Concept> {
            let job = failed_sessions(&prefix, schema, perspective);
            job.fields().map(|field| schema.concept(field).unwrap()).collect()
        };
        assert_eq!(in_concepts(Schema::Codex), in_concepts(Schema::Ecs));
    }
}

/// What a document says about a session, for the filter to be tried on.
fn matches(query: &Query, document: &[(&str, Value)]) -> bool {
    let get = |field: &str| document.iter().find(|(name, _)| *name == field).map(|(_, value)| value);
    match query {
        Query::Bool(parts) => {
            parts.filter.iter().all(|query| matches(query, document))
                && !parts.must_not.iter().any(|query| matches(query, document))
        }
        Query::Term(term) => get(&term.field) == Some(&term.value.to_json()),
        Query::Exists { field } => get(field).is_some(),
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn a_failed_session_belongs_to_one_perspective() {
    for schema in Schema::ALL {
        for (client, server, expected) in [
            ("ACME", "EXAMPLE", Perspective::Edge),
            ("ACME", "PRIVATE", Perspective::Inbound),
            ("PRIVATE", "ACME", Perspective::Outbound),
            ("PRIVATE", "PRIVATE", Perspective::Private),
        ] {
            let locality = if expected == Perspective::Private { "private" } else { "public" };
            let document = [
                (Concept::Transport.field(schema), Value::from(schema.tcp())),
                (Concept::Established.field(schema), Value::from(false)),
                (Concept::ClientAsOrg.field(schema), Value::from(client)),
                (Concept::ServerAsOrg.field(schema), Value::from(server)),
                (Concept::Locality.field(schema), Value::from(locality)),
            ];
            let found: Vec<_> = Perspective::ALL.iter().filter(|&&p| matches(&filter(schema, p), &document)).collect();
            assert_eq!(found, [&expected]);
            let established = document.clone().map(|(field, value)| {
                (field, if field == Concept::Established.field(schema) { Value::from(true) } else { value })
            });
            assert!(!matches(&filter(schema, expected), &established));
            let threat: Vec<_> =
                document.into_iter().chain([(Concept::ThreatName.field(schema), Value::from("x"))]).collect();
            assert_eq!(matches(&filter(schema, expected), &threat), expected == Perspective::Private);
        }
    }
}

#[test]
fn the_prefix_is_a_setting() {
    let jobs = catalogue(&Prefix::new("acme").unwrap());
    assert_eq!(jobs[4].id.as_str(), "acme_ecs_avail_tcp_sess_fails_edge");
    assert!(catalogue(&Prefix::new("").unwrap())[0].id.as_str().starts_with("codex_"));
}

/// Where the test corpus is, `None` (with a note) where it is not.
fn corpus() -> Option<PathBuf> {
    let given = std::env::var_os("HALFOPEN_CORPUS").map(PathBuf::from);
    let path = given.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")));
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no corpus at {}", path.display());
    None
}

#[test]
fn elastics_published_schemas_accept_every_job() {
    let Some(corpus) = corpus() else { return };
    let load = |name: &str| -> Value {
        let path = corpus.join("elastic").join(name);
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
    };
    for (schema, part) in [("put_job.schema.json", "job"), ("put_datafeed.schema.json", "datafeed")] {
        let validator = jsonschema::draft4::new(&load(schema)).unwrap();
        for job in all() {
            let body = &job.to_json()[part];
            let errors: Vec<String> =
                validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert_eq!(errors, [] as [String; 0], "{} {part}", job.id);
        }
    }
}
