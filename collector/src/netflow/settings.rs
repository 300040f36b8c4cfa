//! Settings of the decoder, with their defaults.

use std::time::Duration;

use ipnet::IpNet;

/// Bounds and habits of the decoder. Whatever comes from the network is capped by one of these.
#[derive(Debug, Clone)]
pub struct DecoderSettings {
    /// Exporters whose UDP port tells them apart (several behind one address).
    pub port_sensitive: Vec<IpNet>,
    /// Exporters (address and domain) at most.
    pub max_exporters: usize,
    /// Templates per exporter at most.
    pub max_templates: usize,
    /// Fields per template at most.
    pub max_fields: usize,
    /// Fields of all templates of all exporters at most.
    pub max_fields_total: usize,
    /// Octets of data sets that wait for their template, per exporter.
    pub max_pending_bytes: usize,
    /// Data sets that wait for their template, over all exporters, in octets.
    pub max_pending_total: usize,
    /// How long a set waits for its template at most; 0 is for ever.
    pub max_pending_age: Duration,
    /// How long a template holds that is not sent again (RFC 7011 section 8.4); 0 is for ever.
    pub template_lifetime: Duration,
    /// Samplers, names of interfaces and names of applications remembered per exporter, each.
    pub max_samplers: usize,
    /// Samplers and names remembered over all exporters.
    pub max_names_total: usize,
    /// Sampling intervals that override what exporters say.
    pub sampling: Vec<(IpNet, u32)>,
}

impl Default for DecoderSettings {
    fn default() -> Self {
        Self {
            port_sensitive: Vec::new(),
            max_exporters: 50_000,
            max_templates: 4_096,
            max_fields: 2_000,
            max_fields_total: 8_000_000,
            max_pending_bytes: 1 << 20,
            max_pending_total: 64 << 20,
            max_pending_age: Duration::from_mins(30),
            template_lifetime: Duration::from_hours(72),
            max_samplers: 1_024,
            max_names_total: 500_000,
            sampling: Vec::new(),
        }
    }
}
