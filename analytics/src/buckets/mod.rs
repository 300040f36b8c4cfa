//! Bucket counts: what failed, per bucket, perspective and series, computed by SQL and kept as a small data set.
//!
//! Must not know models or scores.

pub(crate) mod count;
pub(crate) mod counts;
pub(crate) mod dataset;
pub(crate) mod stored;

#[cfg(test)]
mod tests;
