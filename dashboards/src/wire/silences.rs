//! A silence as the API gives and takes it, and as it is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a silence means; everything that is given must fit, and one that gives nothing means every message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// Name of the alert rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// Job id.
    #[serde(default)]
    pub job_id: Option<String>,
    /// Perspective: edge, inbound, outbound or private.
    #[serde(default)]
    pub perspective: Option<String>,
    /// Server address or prefix.
    #[serde(default)]
    pub server: Option<String>,
    /// Server port.
    #[serde(default)]
    pub port: Option<u16>,
    /// Client address or prefix, of series that count a client.
    #[serde(default)]
    pub client: Option<String>,
}

/// A silence: nobody is told of what it means until it ends. Results are not touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Silence {
    /// Id.
    pub id: String,
    /// When it was made, ms since the epoch.
    pub created: i64,
    /// When it ends or ended, ms since the epoch.
    pub until: i64,
    /// Whether it has not ended.
    #[serde(default)]
    pub active: bool,
    /// What it means.
    pub matching: Matching,
    /// Why.
    pub comment: String,
    /// Who made it.
    pub author: String,
}

/// A silence to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSilence {
    /// When it ends, ms since the epoch.
    pub until: i64,
    /// What it means.
    #[serde(default)]
    pub matching: Matching,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// Who makes it.
    #[serde(default)]
    pub author: String,
}

/// All silences that have not ended, and those that ended lately.
#[derive(Debug, Serialize, ToSchema)]
pub struct SilenceList {
    /// The silences, the newest first.
    pub items: Vec<Silence>,
}
