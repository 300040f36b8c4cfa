//! An exporter as the API gives it. Filled by the program that receives flow records.

use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Listener;

/// Someone who sends flow records.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Exporter)]
pub struct ExporterStatus {
    /// Address.
    pub address: String,
    /// Name that people gave it.
    #[schema(required)]
    pub name: Option<String>,
    /// Observation domain (IPFIX) or source id (v9).
    pub domain: u32,
    /// What it speaks: `netflow-v5`, `netflow-v9`, `ipfix`, ...
    pub protocols: Vec<String>,
    /// First datagram, ms since the epoch.
    pub first_seen: i64,
    /// Last datagram, ms since the epoch.
    pub last_seen: i64,
    /// Datagrams.
    pub packets: u64,
    /// Flow records.
    pub records: u64,
    /// Flow records per second of late.
    pub records_per_second: f64,
    /// Bytes.
    pub bytes: u64,
    /// Templates known now.
    pub templates: u64,
    /// Data sets that came before their template.
    pub unknown_template_records: u64,
    /// Templates that came with another shape under a known id: the exporter changed them, or two exporters cannot be
    /// told apart.
    pub template_collisions: u64,
    /// Data sets that wait for their template now.
    pub waiting_sets: u64,
    /// Missing by sequence number: flows (v5), datagrams (v9), records (IPFIX).
    pub sequence_lost: u64,
    /// How often it started again, by its sequence numbers.
    pub restarts: u64,
    /// What was dropped and why.
    pub drops: Vec<DropCount>,
    /// Its clock minus ours, ms.
    #[schema(required)]
    pub clock_skew_ms: Option<i64>,
    /// What its records can tell about outcomes.
    pub capability: String,
    /// Share of its TCP records whose outcome is known, 0-1.
    #[schema(required)]
    pub coverage: Option<f64>,
    /// Sampling interval: one of so many packets.
    #[schema(required)]
    pub sampling: Option<u32>,
}

/// Things dropped for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DropCount {
    /// Why.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// All exporters, and where flow records are received.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExporterList {
    /// The exporters.
    pub items: Vec<ExporterStatus>,
    /// Where to send.
    pub listen: Vec<Listener>,
}
