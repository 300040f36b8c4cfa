//! Detection: scores sealed buckets and keeps what is unusual.
//!
//! A detection is a pure function of the store: live equals replay. Must not know HTTP or sockets.

mod blame;
mod carry;
mod checkpoint;
mod compose;
mod detector;
mod explain;
mod forecast;
mod interim;
mod newcomers;
mod pass;
mod planned;
mod primary;
mod reasons;
mod room;
mod series;
mod settings;
mod snapshot;
mod status;
mod together;
pub(crate) mod world;

#[cfg(test)]
mod tests;

pub use detector::Detector;
pub use forecast::{ForecastPoint, Forecaster};
pub use interim::Interim;
pub use settings::DetectSettings;
pub use status::{DetectSummary, JobState, JobStatus, Progress, Silent};
