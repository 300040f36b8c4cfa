//! What a session is, and when it has failed.
//!
//! This crate owns the session record, its outcome (the only definition of "failed"), client and server sides,
//! locality and perspective, the Arrow layout in which records are kept, and how sessions are followed from packets: frame
//! parsing, capture files, the session table. It knows nothing of tokio,
//! `DataFusion`, HTTP or configuration files.

pub mod batch;
#[cfg(target_os = "linux")]
pub mod capture;
pub mod community;
#[cfg(target_os = "linux")]
pub mod live;
pub mod locality;
pub mod outcome;
pub mod packet;
pub mod parse;
pub mod pcap;
pub mod record;
pub mod replay;
pub mod rules;
pub mod schema;
pub mod service;
pub mod settings;
pub mod table;
pub mod zeek;

pub use batch::{BatchError, SessionBatchBuilder, read_batch};
pub use locality::{Locality, Networks, Perspective};
pub use outcome::{Confidence, EndReason, Outcome, OutcomeClass};
pub use record::{Endpoint, ExportType, IcmpError, Origin, SessionRecord, Side, SideTotals};
pub use rules::{Action, Match, Rule};
pub use schema::{SCHEMA_VERSION, session_schema};
pub use settings::{Class, Profile, TableSettings, Timeouts};
pub use table::{SessionTable, Sink};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;
