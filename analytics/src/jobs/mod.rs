//! Running job definitions on the sessions of a store: any job in the form of Elastic's anomaly detection.
//!
//! Owns how a definition becomes queries of DataFusion, models and results, and where imported jobs are kept. Must not
//! know HTTP and command lines.

mod agenda;
mod bucket;
mod columns;
mod count;
mod enriched;
mod explain;
mod filter;
mod import;
mod kept;
mod marks;
mod pattern;
mod plan;
mod plotted;
mod population;
mod rare;
mod rules;
mod run;
mod runner;
mod runtime;
mod scripts;
mod series;
mod shelf;
mod snapshots;
mod state;
mod summed;
#[cfg(test)]
mod tests;
mod values;
mod whole;

pub use agenda::{Annotation, JobCalendar};
pub use count::Key;
pub use import::{ImportError, Imported, import};
pub use kept::JobResults;
pub(crate) use kept::KeptResults;
pub use plan::{Plan, Refused};
pub(crate) use plotted::JobPlots;
pub use rules::{Lists, PlannedEvent};
pub(crate) use rules::{Skips, skipped};
pub use run::{ScoredBucket, ScoredValue, Surroundings, run_job};
pub use runner::{JobRunner, snapshots};
pub use shelf::{JobLife, JobShelf, JobSwitches, Order, RunEntry, StoredJob};

/// The result of what is done to imported jobs.
pub type ShelfResult<T> = crate::error::Result<T>;
