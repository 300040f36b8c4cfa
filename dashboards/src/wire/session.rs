//! A stored session as the API gives it.

use serde::Serialize;
use tracker::community::community_of;
use tracker::service::service_name;
use tracker::{Micros, SessionRecord};
use utoipa::ToSchema;

use super::names::PerspectiveName;

/// One session.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    /// Id: 16 hexadecimal digits.
    pub session_id: String,
    /// First packet, ms since the epoch.
    pub start: i64,
    /// Last packet, ms since the epoch.
    pub end: i64,
    /// IANA protocol number.
    pub proto: u8,
    /// Name of the protocol.
    pub proto_name: String,
    /// Initiator.
    pub client_ip: String,
    /// Port of the initiator.
    pub client_port: u16,
    /// Responder.
    pub server_ip: String,
    /// Port of the responder.
    pub server_port: u16,
    /// IANA name of the responder's port.
    #[schema(required)]
    pub service: Option<String>,
    /// Perspective.
    pub perspective: PerspectiveName,
    /// How it ended.
    pub outcome: String,
    /// Whether that counts as failed: `established`, `failed`, `probe` or `indeterminate`.
    pub outcome_class: String,
    /// How sure that is: `high`, `medium` or `low`.
    pub confidence: String,
    /// Why the record was made.
    pub end_reason: String,
    /// Packets of the client.
    pub client_packets: u64,
    /// Packets of the server.
    pub server_packets: u64,
    /// Bytes of the client.
    pub client_bytes: u64,
    /// Bytes of the server.
    pub server_bytes: u64,
    /// TCP flags of the client as letters, in the order `SAFRPUEC`.
    #[schema(required)]
    pub client_tcp_flags: Option<String>,
    /// TCP flags of the server as letters.
    #[schema(required)]
    pub server_tcp_flags: Option<String>,
    /// SYNs of the client, retransmits included.
    pub syn_count: u32,
    /// Zeek-compatible connection state.
    #[schema(required)]
    pub conn_state: Option<String>,
    /// Zeek-compatible history.
    #[schema(required)]
    pub history: Option<String>,
    /// Exporter address or interface name.
    pub observer: String,
    /// `netflow`, `ipfix` or `packet`.
    pub export_type: String,
    /// Sampling interval: one of so many packets; 0 unknown.
    pub sampling: u32,
    /// VLAN id.
    #[schema(required)]
    pub vlan: Option<u16>,
    /// Community id.
    #[schema(required)]
    pub community_id: Option<String>,
}

impl From<&SessionRecord> for Session {
    fn from(record: &SessionRecord) -> Self {
        let millis = |time: Micros| time.div_euclid(1000);
        Self {
            session_id: format!("{:016x}", record.session_id),
            start: millis(record.start),
            end: millis(record.end),
            proto: record.proto,
            proto_name: proto_name(record.proto),
            client_ip: record.client.ip.to_string(),
            client_port: record.client.port,
            server_ip: record.server.ip.to_string(),
            server_port: record.server.port,
            service: service_name(record.proto, record.server.port).map(str::to_owned),
            perspective: record.perspective.into(),
            outcome: record.outcome.as_str().to_owned(),
            outcome_class: record.outcome.class().as_str().to_owned(),
            confidence: record.confidence.as_str().to_owned(),
            end_reason: record.end_reason.as_str().to_owned(),
            client_packets: record.sent.packets,
            server_packets: record.received.packets,
            client_bytes: record.sent.bytes,
            server_bytes: record.received.bytes,
            client_tcp_flags: record.sent.tcp_flags.map(flag_letters),
            server_tcp_flags: record.received.tcp_flags.map(flag_letters),
            syn_count: record.syn_count,
            conn_state: record.conn_state.map(str::to_owned),
            history: record.history.clone(),
            observer: record.observer.to_string(),
            export_type: record.export_type.as_str().to_owned(),
            sampling: record.sampling,
            vlan: record.vlan,
            community_id: Some(community_of(record.proto, record.client, record.server)),
        }
    }
}

/// TCP flags (RFC 9293 section 3.1) as letters: `S` SYN, `A` ACK, `F` FIN, `R` RST, `P` PSH, `U` URG, `E` ECE, `C` CWR.
pub fn flag_letters(flags: u16) -> String {
    const LETTERS: [(u16, char); 8] =
        [(0x02, 'S'), (0x10, 'A'), (0x01, 'F'), (0x04, 'R'), (0x08, 'P'), (0x20, 'U'), (0x40, 'E'), (0x80, 'C')];
    LETTERS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect()
}

/// The keyword of a protocol in the IANA registry, for those that are common; else its number.
pub fn proto_name(proto: u8) -> String {
    let name = match proto {
        1 => "icmp",
        2 => "igmp",
        4 => "ipv4",
        6 => "tcp",
        17 => "udp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "ipv6-icmp",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// A page of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionPage {
    /// The sessions, newest first.
    pub items: Vec<Session>,
    /// Where the next page begins.
    #[schema(required)]
    pub next_cursor: Option<String>,
}
