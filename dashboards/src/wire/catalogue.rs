//! The jobs that come with the program, by what they are about.

use jobs::{JobDefinition, Prefix, Schema, Topic, by_topic};
use serde::Serialize;
use utoipa::ToSchema;

use super::imported::formula;
use super::names::{PerspectiveName, SchemaName};

/// Every topic.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogueList {
    /// The topics: failed TCP sessions, which detection watches of itself, first.
    pub items: Vec<CatalogueTopic>,
}

/// What some jobs are about, for the person who reads their results and has never seen them.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogueTopic {
    /// Its part of the ids.
    pub topic: &'static str,
    /// What an anomaly says.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What usually causes it.
    pub causes: &'static [&'static str],
    /// What to do first.
    pub first_steps: &'static [&'static str],
    /// `availability` or `security`.
    pub group: &'static str,
    /// Length of a bucket, seconds.
    pub bucket_span: u64,
    /// What is watched, one line for each detector, in the names of ECS.
    pub detectors: Vec<String>,
    /// Whether detection watches it without being told to.
    pub built_in: bool,
    /// Its jobs: ECS first, by perspective.
    pub jobs: Vec<CatalogueJob>,
}

/// A job of a topic in one vocabulary and perspective.
#[derive(Debug, Serialize, ToSchema)]
pub struct CatalogueJob {
    /// Id.
    pub job_id: String,
    /// Vocabulary.
    pub schema: SchemaName,
    /// Perspective.
    pub perspective: PerspectiveName,
    /// Path of its file.
    pub href: String,
    /// Name of its file.
    pub filename: String,
}

/// All of them, with the ids that this prefix gives.
pub fn list(prefix: &Prefix) -> CatalogueList {
    CatalogueList {
        items: by_topic(prefix).enumerate().map(|(place, (topic, jobs))| entry(place == 0, topic, jobs)).collect(),
    }
}

fn entry(built_in: bool, topic: &Topic, mut definitions: Vec<JobDefinition>) -> CatalogueTopic {
    // A stable sort: perspectives keep their order.
    definitions.sort_by_key(|definition| definition.schema() != Some(Schema::Ecs));
    let first = definitions.first();
    CatalogueTopic {
        topic: topic.slug,
        title: topic.what,
        why: topic.why,
        causes: topic.causes,
        first_steps: topic.steps,
        group: topic.group,
        bucket_span: first.map_or(0, |definition| definition.bucket_span().as_seconds()),
        detectors: first.map_or_else(Vec::new, |job| job.analysis.detectors.iter().map(formula).collect()),
        built_in,
        jobs: definitions.iter().filter_map(job).collect(),
    }
}

fn job(definition: &JobDefinition) -> Option<CatalogueJob> {
    let id = &definition.id;
    Some(CatalogueJob {
        schema: definition.schema()?.into(),
        perspective: definition.perspective()?.into(),
        href: format!("/api/v1/jobs/catalogue/{id}"),
        filename: definition.file_name(),
        job_id: id.to_string(),
    })
}
