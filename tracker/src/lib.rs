//! What a session is, and when it has failed.
//!
//! This crate owns the session record, its outcome (the only definition of "failed"), client and server sides,
//! locality and perspective, and the Arrow layout in which records are kept. It knows nothing of tokio,
//! `DataFusion`, HTTP or configuration files.

pub mod batch;
pub mod community;
pub mod locality;
pub mod outcome;
pub mod record;
pub mod schema;
pub mod service;

pub use batch::{BatchError, SessionBatchBuilder, read_batch};
pub use locality::{Locality, Networks, Perspective};
pub use outcome::{Confidence, EndReason, Outcome, OutcomeClass};
pub use record::{Endpoint, ExportType, IcmpError, Origin, SessionRecord, Side, SideTotals};
pub use schema::{SCHEMA_VERSION, session_schema};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;
