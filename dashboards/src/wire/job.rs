//! A job as the API lists it.

use analytics::{JobState, JobStatus};
use jobs::{JobDefinition, Schema, failed_sessions};
use serde::Serialize;
use tracker::Perspective;
use utoipa::ToSchema;

use super::imported::ImportedJob;
use super::names::{PerspectiveName, SchemaName};
use crate::state::JobSettings;

/// A job in one vocabulary.
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// Id.
    pub job_id: String,
    /// Vocabulary.
    pub schema: SchemaName,
    /// Perspective.
    pub perspective: PerspectiveName,
    /// Description.
    pub description: String,
    /// Path of the job file.
    pub href: String,
    /// Name of the job file.
    pub filename: String,
    /// Whether the job scores.
    pub state: JobStateName,
    /// Start of the last bucket that was scored, ms since the epoch.
    #[schema(required)]
    pub last_bucket: Option<i64>,
    /// How far that is behind, seconds.
    #[schema(required)]
    pub lag_seconds: Option<i64>,
    /// Series that are modelled.
    pub series: u64,
    /// Memory of the models, bytes.
    pub memory_bytes: u64,
}

/// Whether a job scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = JobState)]
pub enum JobStateName {
    /// It scores.
    Running,
    /// It has sessions and not enough of them.
    Learning,
    /// It has no whole bucket of sessions yet.
    Waiting,
}

impl From<JobState> for JobStateName {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Running => Self::Running,
            JobState::Learning => Self::Learning,
            JobState::Waiting => Self::Waiting,
        }
    }
}

/// All jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// The jobs that come with the program: ECS first, by perspective.
    pub items: Vec<Job>,
    /// The jobs that were imported, by id.
    pub imported: Vec<ImportedJob>,
}

/// The jobs with their states.
pub fn list(settings: &JobSettings, statuses: &[JobStatus], imported: Vec<ImportedJob>) -> JobList {
    let pairs = [Schema::Ecs, Schema::Codex].into_iter().flat_map(|s| Perspective::ALL.iter().map(move |&p| (s, p)));
    let job = |(schema, perspective): (Schema, Perspective)| {
        let definition: JobDefinition = failed_sessions(&settings.prefix, schema, perspective);
        let status = statuses.iter().find(|status| status.perspective == perspective);
        let last_bucket = status.and_then(|status| status.last_bucket);
        Job {
            job_id: definition.id.to_string(),
            schema: schema.into(),
            perspective: perspective.into(),
            href: format!("/api/v1/jobs/{schema}/{perspective}"),
            filename: definition.file_name(),
            description: definition.description.unwrap_or_default(),
            state: status.map_or(JobStateName::Waiting, |status| status.state.into()),
            last_bucket,
            lag_seconds: status.filter(|_| last_bucket.is_some()).map(|status| status.lag_seconds),
            series: status.map_or(0, |status| status.series),
            memory_bytes: status.map_or(0, |status| status.memory_bytes),
        }
    };
    JobList { items: pairs.map(job).collect(), imported }
}

/// The perspective of a path segment: its name, or the short form of job ids.
pub fn perspective(name: &str) -> Option<Perspective> {
    Perspective::ALL.iter().copied().find(|p| p.as_str() == name || p.short() == name)
}
