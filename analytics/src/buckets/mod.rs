//! Bucket counts: what failed, per bucket, perspective and series, counted from stored sessions and kept as a small data set.
//!
//! Must not know models or scores.

pub(crate) mod count;
pub(crate) mod counts;
pub(crate) mod dataset;
mod levels;
pub(crate) mod stored;

#[cfg(test)]
mod tests;
