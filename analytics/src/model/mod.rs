//! The temporal model: one series' own past as expectation, tail probability and score.
//!
//! Pure and deterministic: fed one bucket at a time, never looking ahead. Must not know stores, SQL or other series.

pub(crate) mod baseline;
mod belief;
mod calendar;
mod compact;
mod crowd;
mod features;
pub(crate) mod gauge;
mod glm;
mod level;
pub(crate) mod persist;
mod profile;
mod score;
mod sided;
pub(crate) mod tail;
mod window;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;

pub use baseline::{Baseline, Observation, Scored};
pub use calendar::{Calendar, Moment};
pub use crowd::{Crowd, Joined, together};
pub use score::score_of;
pub use sided::{Judgement, Sided, counts, side};
