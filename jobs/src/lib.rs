//! What is asked of the sessions, and what an answer looks like.
//!
//! This crate owns job definitions, their two schemas, scores, severities and result records with their documents.
//! It is pure: no input or output, no clock, no query engine.

pub mod aggregation;
pub mod catalogue;
pub mod definition;
pub mod detector;
pub mod document;
pub mod id;
pub mod json;
pub mod query;
pub mod record;
pub mod result;
pub mod schema;
pub mod score;
pub mod sentence;
pub mod span;
#[doc(hidden)]
pub mod testing;

pub use catalogue::{Topic, by_topic, catalogue, everything, failed_sessions};
pub use definition::{DefinitionError, JobDefinition};
pub use detector::{Detector, Function};
pub use document::{Document, Documents, JobDocuments};
pub use id::{IdError, JobId, Prefix};
pub use record::{FieldValues, JobBucket, JobCause, JobInfluencer, JobOutcome, JobPlot, JobRecord, Split, Subject};
pub use result::{
    AnomalyRecord, BucketResult, Cause, Expectation, Explanation, Influencer, InfluencerResult, Level, OutcomeCount,
    SeriesKey,
};
pub use schema::{Concept, Schema};
pub use score::{Score, Severity};
pub use sentence::sentence;
