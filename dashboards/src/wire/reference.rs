//! What a program declares of itself: settings and metrics.

use serde::Serialize;
use utoipa::ToSchema;

/// Settings and metrics.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Reference {
    /// Tables of the configuration file, in its order.
    pub config: Vec<ConfigTable>,
    /// Metrics of `/metrics`.
    pub metrics: Vec<MetricEntry>,
}

/// A table of the configuration file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfigTable {
    /// Its name.
    pub table: String,
    /// What it is about.
    pub about: String,
    /// Its keys.
    pub keys: Vec<ConfigKey>,
}

/// A key of a table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfigKey {
    /// Its name.
    pub name: String,
    /// What it means.
    pub about: String,
    /// Its default as TOML; empty where there is none.
    pub default: String,
    /// The environment variable that goes over it.
    pub variable: String,
}

/// A metric.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetricEntry {
    /// Its name as it is exposed.
    pub name: String,
    /// `counter` or `gauge`.
    pub kind: String,
    /// What it says.
    pub help: String,
}
