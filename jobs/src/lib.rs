//! What is asked of the sessions, and what an answer looks like.
//!
//! This crate owns job definitions, their two schemas, scores, severities and result records with their documents.
//! It is pure: no input or output, no clock, no query engine.

pub mod result;
pub mod score;

pub use result::{
    AnomalyRecord, BucketResult, Cause, Expectation, Explanation, Influencer, InfluencerResult, Level, OutcomeCount,
    SeriesKey,
};
pub use score::{Score, Severity};
