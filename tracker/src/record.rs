//! The session record: one bidirectional session seen at one vantage point.
//!
//! Must not know how it was observed beyond the labels it carries, nor how it is stored.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::Micros;
use crate::locality::Perspective;
use crate::outcome::{Confidence, EndReason, Outcome, UnknownName, names};

names! {
    /// What a record was made from.
    Origin {
        /// Packets.
        Wire = "wire",
        /// Flow records.
        Flow = "flow",
    }
}

names! {
    /// How the observation reached us.
    ExportType {
        /// `NetFlow` v5, v7 or v9.
        Netflow = "netflow",
        /// IPFIX (RFC 7011).
        Ipfix = "ipfix",
        /// Our own capture.
        Packet = "packet",
    }
}

/// A side of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The initiator ("orig").
    Client,
    /// The responder ("resp").
    Server,
}

/// An address and, for protocols that have them, a port (else 0). For ICMP the server's port is `type << 8 | code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port, or 0.
    pub port: u16,
}

/// What one side sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SideTotals {
    /// Packets.
    pub packets: u64,
    /// Bytes of the IP packets, headers included.
    pub bytes: u64,
    /// OR of the TCP flags (RFC 9293 section 3.1), `None` where they are unknown.
    pub tcp_flags: Option<u16>,
}

/// An ICMP error that spoke of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// ICMP or `ICMPv6` type.
    pub kind: u8,
    /// Code.
    pub code: u8,
}

/// One bidirectional session seen at one vantage point.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    /// Stable id: equal for all records of one session from one observer.
    pub session_id: u64,
    /// First packet.
    pub start: Micros,
    /// Last packet.
    pub end: Micros,
    /// IANA protocol number.
    pub proto: u8,
    /// Initiator.
    pub client: Endpoint,
    /// Responder.
    pub server: Endpoint,
    /// Which way the session crosses the border of the watched network.
    pub perspective: Perspective,
    /// How it ended.
    pub outcome: Outcome,
    /// How sure that is.
    pub confidence: Confidence,
    /// Established without a full handshake in sight.
    pub inferred: bool,
    /// Why the record was made.
    pub end_reason: EndReason,
    /// Sent by the client.
    pub sent: SideTotals,
    /// Sent by the server.
    pub received: SideTotals,
    /// Payload bytes of the client; for TCP by sequence numbers, so that gaps count (wire only).
    pub client_payload: Option<u64>,
    /// Payload bytes of the server, likewise.
    pub server_payload: Option<u64>,
    /// SYNs of the client, retransmits included (0 where unknown).
    pub syn_count: u32,
    /// Zeek-compatible connection state (wire only).
    pub conn_state: Option<&'static str>,
    /// Zeek-compatible history (wire only).
    pub history: Option<String>,
    /// The last ICMP error for the session.
    pub icmp: Option<IcmpError>,
    /// Wire or flow.
    pub origin: Origin,
    /// How the observation reached us.
    pub export_type: ExportType,
    /// Exporter address or interface name.
    pub observer: Arc<str>,
    /// All observers of the session, this one included, where several exporters reported it.
    pub observers: Vec<Arc<str>>,
    /// Observation domain (IPFIX) or source id (v9); 0 otherwise.
    pub domain: u32,
    /// Sampling interval: one of so many packets was seen; 1 is unsampled, 0 unknown.
    pub sampling: u32,
    /// VLAN id.
    pub vlan: Option<u16>,
    /// Tunnel id (VNI, GRE key).
    pub tunnel: Option<u32>,
    /// SNMP index of the ingress interface.
    pub input_interface: Option<u32>,
    /// SNMP index of the egress interface.
    pub output_interface: Option<u32>,
    /// Name that people gave the observer.
    pub observer_name: Option<Arc<str>>,
    /// Name of the ingress interface.
    pub input_interface_name: Option<Arc<str>>,
    /// Name of the egress interface.
    pub output_interface_name: Option<Arc<str>>,
    /// What is known of the client beyond its address.
    pub client_info: HostInfo,
    /// What is known of the server beyond its address.
    pub server_info: HostInfo,
}

/// What enrichment knows of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostInfo {
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Autonomous system organisation.
    pub as_org: Option<Arc<str>>,
    /// ISO 3166-1 alpha-2 country code.
    pub country: Option<Arc<str>>,
    /// City, in English.
    pub city: Option<Arc<str>>,
    /// Host name.
    pub host: Option<Arc<str>>,
}

impl SessionRecord {
    /// A record of which only the identity is known; every other field has its neutral value.
    ///
    /// `start` is also the end until one is set.
    pub fn new(session_id: u64, start: Micros, proto: u8, client: Endpoint, server: Endpoint) -> Self {
        Self {
            session_id,
            start,
            end: start,
            proto,
            client,
            server,
            perspective: Perspective::Private,
            outcome: Outcome::Indeterminate,
            confidence: Confidence::High,
            inferred: false,
            end_reason: EndReason::Forced,
            sent: SideTotals::default(),
            received: SideTotals::default(),
            client_payload: None,
            server_payload: None,
            syn_count: 0,
            conn_state: None,
            history: None,
            icmp: None,
            origin: Origin::Flow,
            export_type: ExportType::Ipfix,
            observer: Arc::default(),
            observers: Vec::new(),
            domain: 0,
            sampling: 1,
            vlan: None,
            tunnel: None,
            input_interface: None,
            output_interface: None,
            observer_name: None,
            input_interface_name: None,
            output_interface_name: None,
            client_info: HostInfo::default(),
            server_info: HostInfo::default(),
        }
    }
}
