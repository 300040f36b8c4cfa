//! Settings of the stitcher, with their defaults.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tracker::locality::Networks;
use tracker::record::Endpoint;

use super::capability::Capability;

/// A service the user knows of: where it is, the endpoint is the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRule {
    /// Where; everywhere when absent.
    pub network: Option<IpNet>,
    /// IANA protocol number; any when absent.
    pub proto: Option<u8>,
    /// Port.
    pub port: u16,
}

impl ServiceRule {
    /// Whether the endpoint is such a service.
    pub fn matches(&self, proto: u8, endpoint: Endpoint) -> bool {
        self.port == endpoint.port
            && self.proto.is_none_or(|own| own == proto)
            && self.network.is_none_or(|network| network.contains(&endpoint.ip))
    }
}

/// How flow records become sessions.
#[derive(Debug, Clone)]
pub struct StitchSettings {
    /// How long a session waits for further records: the exporters' inactive time-out and 60 to 120 s.
    pub hold: Duration,
    /// Within this time, SYNs of one 5-tuple are one attempt.
    pub retransmit: Duration,
    /// The longest active time-out of any exporter: a session that goes on is remembered this long.
    pub active_timeout: Duration,
    /// How long a finished session waits for other exporters, once more than one is known.
    pub settle: Duration,
    /// Sessions held at most; as many ended ones are remembered.
    pub max_sessions: usize,
    /// Whether a session whose outcome is certain is handed out before the hold has passed.
    pub emit_certain: bool,
    /// What is private.
    pub networks: Arc<Networks>,
    /// Services the user knows of.
    pub services: Vec<ServiceRule>,
    /// What exporters can tell, where the user knows better; the most specific prefix counts.
    pub capabilities: Vec<(IpNet, Capability)>,
}

impl Default for StitchSettings {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(75),
            retransmit: Duration::from_secs(130),
            active_timeout: Duration::from_mins(30),
            settle: Duration::from_millis(500),
            max_sessions: 1_000_000,
            emit_certain: true,
            networks: Arc::new(Networks::default()),
            services: Vec::new(),
            capabilities: Vec::new(),
        }
    }
}
