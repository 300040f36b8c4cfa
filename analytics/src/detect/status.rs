//! What detection tells of itself while and after it runs.

use jobs::AnomalyRecord;
use tracker::Perspective;

/// Told how far a run is. All methods are called from the thread that runs detection.
pub trait Progress: Send + Sync {
    /// Buckets counted so far, of how many.
    fn counted(&self, done: usize, of: usize) {
        let _ = (done, of);
    }

    /// Buckets scored so far, of how many.
    fn scored(&self, done: usize, of: usize) {
        let _ = (done, of);
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetectSummary {
    /// Buckets scored, each with all its perspectives.
    pub buckets: usize,
    /// Of these, buckets scored anew because late data changed them or one before them.
    pub rescored: usize,
    /// Telling records that are new or changed, by time and falling score.
    pub records: Vec<AnomalyRecord>,
    /// Starts (ms) of the first and last bucket scored.
    pub range: Option<(i64, i64)>,
}

/// Whether a job scores yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// No sealed bucket yet.
    Waiting,
    /// Buckets are counted; the model has not seen enough to score.
    Learning,
    /// Scores.
    Running,
}

impl JobState {
    /// The name shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Learning => "learning",
            Self::Running => "running",
        }
    }
}

/// State of the job of one perspective.
#[derive(Debug, Clone, PartialEq)]
pub struct JobStatus {
    /// Perspective.
    pub perspective: Perspective,
    /// State.
    pub state: JobState,
    /// What is waited for, while learning.
    pub learning: Option<String>,
    /// Start of the last scored bucket, ms.
    pub last_bucket: Option<i64>,
    /// How far the end of the last scored bucket lies behind the last run's time, seconds.
    pub lag_seconds: i64,
    /// Series that are modelled.
    pub series: u64,
    /// Series that the last bucket pooled because there were too many.
    pub pooled: u64,
    /// Series that failed once lately and have no model yet.
    pub newcomers: u64,
    /// Series forgotten so far for lack of room.
    pub evicted: u64,
    /// Memory of the models, bytes (estimate).
    pub memory_bytes: u64,
}
