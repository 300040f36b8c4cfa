//! Imported jobs as the API shows them.

use analytics::jobs::{Imported, RunEntry, StoredJob};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An imported job.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedJob {
    /// Id.
    pub job_id: String,
    /// Description.
    pub description: String,
    /// Groups that it is listed under.
    pub groups: Vec<String>,
    /// Whether it runs: `running`, `catching_up`, `disabled` or `failed`.
    pub state: ImportedState,
    /// Why it failed.
    #[schema(required)]
    pub error: Option<String>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What is watched, one line for each detector.
    pub detectors: Vec<String>,
    /// Length of a bucket, seconds.
    pub bucket_span: u64,
    /// Start of the last bucket that was scored, ms since the epoch.
    #[schema(required)]
    pub last_bucket: Option<i64>,
    /// How far its end is behind, seconds.
    pub lag_seconds: i64,
    /// Buckets scored, and all of them, while it runs over history.
    #[schema(required)]
    pub progress: Option<JobProgress>,
    /// Series that are modelled.
    pub series: u64,
    /// Series that are not, for want of memory.
    pub refused_series: u64,
    /// Memory of the models, bytes.
    pub memory_bytes: u64,
    /// When it was imported, ms since the epoch.
    pub imported: i64,
    /// Path of its file.
    pub href: String,
    /// Name of its file.
    pub filename: String,
    /// The newest runs that scored something or failed, newest first; only where one job is asked for.
    pub runs: Vec<JobRun>,
    /// The definition as Kibana has it; only where one job is asked for.
    #[schema(required)]
    pub definition: Option<serde_json::Value>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct JobProgress {
    /// Buckets scored.
    pub done: u64,
    /// All of them.
    pub of: u64,
}

/// Whether an imported job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportedState {
    /// It runs on every sealed bucket.
    Running,
    /// It runs over history.
    CatchingUp,
    /// It is switched off.
    Disabled,
    /// Its last run failed.
    Failed,
}

/// One run.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobRun {
    /// When, ms since the epoch.
    pub at: i64,
    /// Buckets scored.
    pub buckets: u64,
    /// Of these, scored anew because of late data.
    pub revised: u64,
    /// Records found.
    pub records: u64,
    /// Why it failed.
    #[schema(required)]
    pub error: Option<String>,
}

impl From<&RunEntry> for JobRun {
    fn from(entry: &RunEntry) -> Self {
        Self {
            at: entry.at.div_euclid(1000),
            buckets: entry.buckets,
            revised: entry.revised,
            records: entry.records,
            error: entry.error.clone(),
        }
    }
}

impl ImportedJob {
    /// The job; with everything where `whole`.
    pub fn new(job: &StoredJob, whole: bool) -> Self {
        let (definition, life) = (&job.definition, &job.life);
        let progress = life.progress.map(|(done, of)| JobProgress { done, of });
        let state = match (job.switches.enabled, &life.error, progress) {
            (false, ..) => ImportedState::Disabled,
            (true, Some(_), _) => ImportedState::Failed,
            (true, None, Some(_)) => ImportedState::CatchingUp,
            (true, None, None) => ImportedState::Running,
        };
        let id = definition.id.as_str();
        Self {
            job_id: id.to_owned(),
            description: definition.description.clone().unwrap_or_default(),
            groups: definition.groups.clone(),
            state,
            error: life.error.clone(),
            notes: life.notes.clone(),
            detectors: definition.analysis.detectors.iter().map(in_words).collect(),
            bucket_span: definition.bucket_span().as_seconds(),
            last_bucket: life.last_bucket,
            lag_seconds: life.lag_seconds,
            progress,
            series: life.series,
            refused_series: life.refused,
            memory_bytes: life.memory_bytes,
            imported: job.switches.imported.div_euclid(1000),
            href: format!("/api/v1/jobs/imported/{id}/definition"),
            filename: definition.file_name(),
            runs: if whole { life.runs.iter().map(JobRun::from).collect() } else { Vec::new() },
            definition: whole.then(|| definition.to_json()),
        }
    }
}

fn in_words(detector: &jobs::Detector) -> String {
    detector.description.clone().unwrap_or_else(|| formula(detector))
}

/// `high_count by server.port over client.ip partition server.ip`
pub fn formula(detector: &jobs::Detector) -> String {
    let mut text = detector.function.as_str().to_owned();
    if let Some(field) = &detector.field {
        text.extend(["(", field.as_str(), ")"]);
    }
    for (word, field) in [("by", &detector.by), ("over", &detector.over), ("partition", &detector.partition)] {
        if let Some(field) = field {
            text.extend([" ", word, " ", field.as_str()]);
        }
    }
    text
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportReport {
    /// Each job of the document.
    pub items: Vec<ImportedItem>,
}

/// What became of one job of an import.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedItem {
    /// Id.
    pub job_id: String,
    /// It can be run, and unless only tried is imported.
    pub accepted: bool,
    /// It is new, or another than before.
    pub changed: bool,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Why it cannot be run, by JSON path.
    pub errors: Vec<ImportProblem>,
}

/// Something that cannot be run.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportProblem {
    /// Where in the document.
    pub path: String,
    /// What and why.
    pub problem: String,
}

/// The report of an import.
pub fn report(imported: Vec<Imported>) -> ImportReport {
    let item = |job: Imported| {
        let (accepted, changed, errors) = match job.outcome {
            Ok(changed) => (true, changed, Vec::new()),
            Err(refused) => {
                let problem = |error: jobs::json::ReadError| ImportProblem { path: error.path, problem: error.problem };
                (false, false, refused.0.into_iter().map(problem).collect())
            }
        };
        ImportedItem { job_id: job.id.to_string(), accepted, changed, notes: job.notes, errors }
    };
    ImportReport { items: imported.into_iter().map(item).collect() }
}

/// An order to go back to a snapshot.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Revert {
    /// The snapshot: end of its last bucket, ms since the epoch.
    pub snapshot: i64,
    /// Also drop the results since, and run over them again.
    pub delete_results: bool,
}

/// Snapshots of a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotList {
    /// End of the last bucket of each, ms since the epoch, ascending.
    pub items: Vec<i64>,
}
