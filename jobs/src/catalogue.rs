//! The eight jobs that watch failed TCP sessions: one description, in two vocabularies and four perspectives.
//!
//! Owns what the jobs ask. Must not know how a definition is written or who runs it.

mod more;
#[cfg(test)]
mod tests;

use serde_json::json;
use tracker::Perspective;

use crate::definition::{
    Analysis, Chunking, DataDescription, Datafeed, DelayedDataCheck, JobDefinition, Limits, ModelPlot, Retention,
};
use crate::detector::{Detector, Function};
use crate::id::{JobId, Prefix};
use crate::query::{Bool, Query};
use crate::schema::{Concept, Schema};
use crate::span::Span;

/// Value of the AS organisation of private addresses.
const PRIVATE_ORG: &str = "PRIVATE";
/// Clients that never cross a router, and whose failures say nothing about a service.
const LINK_LOCAL: [&str; 2] = ["169.254.0.0/16", "fe80::/10"];

/// The eight jobs, CODEX first, by perspective.
pub fn catalogue(prefix: &Prefix) -> Vec<JobDefinition> {
    let pairs = Schema::ALL.into_iter().flat_map(|schema| Perspective::ALL.iter().map(move |&p| (schema, p)));
    pairs.map(|(schema, perspective)| failed_sessions(prefix, schema, perspective)).collect()
}

/// Every job that comes with the program: the eight, then those about floods, scans, brute force, failure ratios and
/// servers that are down.
pub fn everything(prefix: &Prefix) -> Vec<JobDefinition> {
    by_topic(prefix).flat_map(|(_, jobs)| jobs).collect()
}

/// What jobs are about, for the person who reads their results and has never seen them.
#[derive(Debug)]
pub struct Topic {
    /// Its part of the ids.
    pub slug: &'static str,
    /// `availability` or `security`.
    pub group: &'static str,
    /// What an anomaly says, a sentence without its full stop.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What usually causes it.
    pub causes: &'static [&'static str],
    /// What to do first.
    pub steps: &'static [&'static str],
}

/// What the eight are about.
static FAILED_SESSIONS: Topic = Topic {
    slug: "avail_tcp_sess_fails",
    group: "availability",
    what: "More TCP connections to a service fail to establish than usual",
    why: "Networks fail quietly: a dead server, a wrong firewall rule, a flood and a scan all show first as connections that \
          never establish.",
    causes: &[
        "the server or its service is down or overloaded",
        "a congested or unreliable path",
        "a firewall rule or route that changed",
        "a flood, a scan or the guessing of passwords",
    ],
    steps: &[
        "look at the outcomes: refused means that the host answers and the service does not run, unanswered means path, \
         firewall or overload, unreachable names the router that gave up",
        "look who is hit: one client points at the client, one server at the server, everything at the network between",
        "look what else changed in the same bucket",
    ],
};

/// Every job that comes with the program, by what it is about; the eight first.
pub fn by_topic(prefix: &Prefix) -> impl Iterator<Item = (&'static Topic, Vec<JobDefinition>)> {
    std::iter::once((&FAILED_SESSIONS, catalogue(prefix))).chain(more::topics(prefix))
}

/// The job that watches the failed TCP sessions of one perspective.
pub fn failed_sessions(prefix: &Prefix, schema: Schema, perspective: Perspective) -> JobDefinition {
    let id = JobId::of(prefix, schema, perspective);
    let field = |concept: Concept| concept.field(schema).to_owned();
    let detector = Detector {
        by: Some(field(Concept::ServerPortName)),
        over: Some(field(Concept::ClientAddress)),
        partition: Some(field(Concept::ServerAddress)),
        description: Some(
            "more failed TCP sessions than usual, by server port over clients, for each server".to_owned(),
        ),
        ..Detector::new(Function::HighCount)
    };
    JobDefinition {
        description: Some(description(perspective)),
        groups: vec!["availability".to_owned(), "halfopen".to_owned(), "tcp".to_owned()],
        analysis: Analysis {
            bucket_span: Some(Span::minutes(15)),
            detectors: vec![detector],
            influencers: influencers(perspective).into_iter().map(field).collect(),
            model_prune_window: Some(Span::days(14)),
            latency: None,
            summary_count_field: None,
            multivariate_by_fields: None,
            categorization: None,
        },
        limits: Some(Limits { model_memory: Some("1024mb".to_owned()), categorization_examples: None }),
        data: DataDescription {
            time_field: Some(field(Concept::Time)),
            time_format: Some("epoch_ms".to_owned()),
            ..DataDescription::default()
        },
        model_plot: Some(ModelPlot { enabled: false, annotations_enabled: Some(true), terms: None }),
        retention: Retention {
            model_snapshot_days: Some(10),
            daily_model_snapshot_after_days: Some(1),
            ..Retention::default()
        },
        results_index: Some(id.results_index()),
        allow_lazy_open: Some(true),
        custom_settings: custom_settings(schema, perspective),
        datafeed: Some(Datafeed {
            id: id.datafeed(),
            indices: vec![index_pattern(schema).to_owned()],
            query: filter(schema, perspective),
            query_delay: Some(Span::seconds(90)),
            frequency: Some(Span::seconds(450)),
            scroll_size: Some(1000),
            max_empty_searches: None,
            chunking: Some(Chunking::Auto),
            delayed_data_check: Some(DelayedDataCheck { enabled: true, check_window: Some(Span::hours(2)) }),
            aggregations: None,
            runtime_mappings: None,
            script_fields: None,
            indices_options: None,
        }),
        id,
    }
}

fn index_pattern(schema: Schema) -> &'static str {
    match schema {
        Schema::Codex => "elastiflow-flow-codex-*",
        Schema::Ecs => "elastiflow-flow-ecs-*",
    }
}

fn description(perspective: Perspective) -> String {
    let who = match perspective {
        Perspective::Edge => "public clients to public servers",
        Perspective::Inbound => "public clients to private servers",
        Perspective::Outbound => "private clients to public servers",
        Perspective::Private => "private clients to private servers",
    };
    format!(
        "Availability, {perspective}: TCP connections from {who} that were attempted and never established. \
         An anomaly means that a service refuses, drops or cannot be reached by more connections than usual."
    )
}

fn custom_settings(schema: Schema, perspective: Perspective) -> serde_json::Map<String, serde_json::Value> {
    let mut settings = serde_json::Map::new();
    settings.insert("created_by".to_owned(), json!("halfopen"));
    settings.insert("job_tags".to_owned(), json!({"schema": schema.as_str(), "perspective": perspective.as_str()}));
    settings
}

/// The filter: TCP, not established, no link-local client, the perspective, and no known threat at the border.
fn filter(schema: Schema, perspective: Perspective) -> Query {
    let field = |concept: Concept| concept.field(schema);
    let own =
        vec![Query::term(field(Concept::Transport), schema.tcp()), Query::term(field(Concept::Established), false)];
    within(schema, perspective, own)
}

/// A filter for sessions of one perspective, without link-local clients and known threats at the border.
fn within(schema: Schema, perspective: Perspective, mut filter: Vec<Query>) -> Query {
    let field = |concept: Concept| concept.field(schema);
    let client_private = Query::term(field(Concept::ClientAsOrg), PRIVATE_ORG);
    let server_private = Query::term(field(Concept::ServerAsOrg), PRIVATE_ORG);
    let mut must_not: Vec<Query> =
        LINK_LOCAL.iter().map(|&prefix| Query::term(field(Concept::ClientAddress), prefix)).collect();
    match perspective {
        Perspective::Edge => must_not.extend([client_private, server_private]),
        Perspective::Inbound => {
            filter.push(server_private);
            must_not.push(client_private);
        }
        Perspective::Outbound => {
            filter.push(client_private);
            must_not.push(server_private);
        }
        Perspective::Private => filter.push(Query::term(field(Concept::Locality), "private")),
    }
    if perspective != Perspective::Private {
        must_not.push(Query::exists(field(Concept::ThreatName)));
    }
    Query::Bool(Bool { filter, must_not, ..Bool::default() })
}

/// What results are attributed to: who failed, and where the public sides are.
fn influencers(perspective: Perspective) -> Vec<Concept> {
    let mut influencers = vec![
        Concept::ServerPortName,
        Concept::ServerAddress,
        Concept::ClientAddress,
        Concept::ServerHost,
        Concept::ClientHost,
    ];
    if matches!(perspective, Perspective::Edge | Perspective::Inbound) {
        influencers.extend([Concept::ClientAsLabel, Concept::ClientCloudProvider, Concept::ClientCloudService]);
    }
    if matches!(perspective, Perspective::Edge | Perspective::Outbound) {
        influencers.extend([Concept::ServerAsLabel, Concept::ServerCloudProvider, Concept::ServerCloudService]);
    }
    influencers
}
