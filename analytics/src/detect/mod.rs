//! Detection: scores sealed buckets and keeps what is unusual.
//!
//! A detection is a pure function of the store: live equals replay. Must not know HTTP or sockets.

mod checkpoint;
mod compose;
mod detector;
mod explain;
mod primary;
mod settings;
mod status;
mod world;

#[cfg(test)]
mod tests;

pub use detector::Detector;
pub use settings::DetectSettings;
pub use status::{DetectSummary, JobState, JobStatus, Progress, Silent};
