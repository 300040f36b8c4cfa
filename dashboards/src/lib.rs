//! The HTTP API, its OpenAPI description, live events and the web UI.
//!
//! This crate owns what a person or a program gets over HTTP. It must not know how flow records arrive, how a model
//! works or what is in a configuration file: exporters and job states come in through two small traits.

mod api;
mod events;
mod format;
mod layers;
mod params;
mod problem;
mod source;
mod state;
#[cfg(test)]
mod testing;
mod time;
mod ui;
mod wire;

pub use analytics::{JobState, JobStatus};
pub use api::{openapi, router};
pub use events::Event;
pub use state::{AppState, Clock, ExporterSource, Info, JobSettings, Listener, StatusSource};
pub use wire::exporter::{DropCount, ExporterStatus};
pub use wire::reference::{ConfigKey, ConfigTable, MetricEntry, Reference};
