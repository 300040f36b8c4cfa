//! The shapes of answers, and how results and sessions become them.
//!
//! Times are milliseconds since the epoch. Must not know where results come from.

pub mod alerts;
pub mod anomaly;
pub mod bucket;
pub mod calendar;
pub mod catalogue;
pub mod exporter;
pub mod flows;
pub mod forecast;
pub mod imported;
pub mod influencers;
pub mod job;
pub mod live;
pub mod names;
pub mod overview;
pub mod reference;
pub mod series;
pub mod session;
pub mod silences;
pub mod sinks;
pub mod summary;
pub mod swimlane;

#[cfg(test)]
mod tests;
