//! The session store, its counts, the temporal model and the detector that finds what fails unusually often.
//!
//! This crate owns path layout, bucket SQL, the model and the results; it knows nothing of sockets and HTTP.

mod buckets;
mod detect;
mod error;
pub mod jobs;
mod key;
mod model;
#[doc(hidden)]
pub mod population;
mod query;
mod results;
mod rollup;
mod scorer;
mod store;
#[cfg(test)]
mod testing;

pub use detect::{
    DetectSettings, DetectSummary, Detector, ForecastPoint, Forecaster, Interim, JobState, JobStatus, Progress, Silent,
};
pub use error::{Result, StoreError};
pub use key::{LEVELS, level_from, level_name, series_label};
pub use query::filter::{Exporter, Filter, FilterError, Ports, Test};
pub use query::flows::{ClientGroup, FlowPath, Flows};
pub use query::overview::Overview;
pub use query::{QueryEngine, limit_query_memory};
pub use results::{
    Anomaly, AnomalyFilter, Changes, Finder, Found, Order, Part, Parts, Plotted, ResultStore, Selection, SeriesPoint,
    SeriesView,
};
pub use rollup::Rollups;
pub use scorer::{Renormaliser, ScoredBucket, ScorerSettings, TableRow, Unsupported, counts, infer_span, score_table};
pub use store::{
    Page, Retention, SessionFilter, SessionStore, SessionWriter, SkippedFile, StoreReport, StoredFile, Upkeep,
    WriterSettings, WriterStats,
};
