//! Detection: scores sealed buckets and keeps what is unusual.
//!
//! A detection is a pure function of the store: live equals replay. Must not know HTTP or sockets.

mod settings;
mod status;

pub use settings::DetectSettings;
pub use status::{DetectSummary, JobState, JobStatus, Progress, Silent};
