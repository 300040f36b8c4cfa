//! The HTTP API, its `OpenAPI` description, live events and the web UI.
//!
//! This crate owns what a person or a program gets over HTTP. It must not know how flow records arrive, how a model
//! works or what is in a configuration file: exporters, job states and live sessions come in through small
//! traits.

mod api;
mod events;
mod format;
mod guard;
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
pub use state::{
    AppState, Clock, DeliverySource, ExporterSource, Info, JobSettings, Listener, LiveAnswer, LiveSource, Refusal,
    StatusSource,
};
pub use wire::alerts::ActiveAlert;
pub use wire::exporter::{DropCount, ExporterStatus};
pub use wire::live::{EvictedServer, TableStatus};
pub use wire::reference::{ConfigKey, ConfigTable, MetricEntry, Reference};
pub use wire::silences::{Matching, NewSilence, Silence};
pub use wire::sinks::{SinkStateName, SinkStatus};
