//! The flow record: what stitching needs of a decoded record, the same whatever protocol and template it came in.
//!
//! Must not know templates, field numbers or sessions.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use tracker::Micros;
use tracker::record::{Endpoint, ExportType};

/// TCP flag bits as in `tcpControlBits` (RFC 9293 section 3.1).
pub mod flag {
    /// Sender is done.
    pub const FIN: u16 = 0x01;
    /// Synchronise.
    pub const SYN: u16 = 0x02;
    /// Reset.
    pub const RST: u16 = 0x04;
    /// Push.
    pub const PSH: u16 = 0x08;
    /// Acknowledgement.
    pub const ACK: u16 = 0x10;
    /// Urgent.
    pub const URG: u16 = 0x20;
}

/// Who exports: an address, and its UDP port where the port tells exporters apart (else 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExporterKey {
    /// Address of the exporter.
    pub address: IpAddr,
    /// Source port, or 0 where exporters are told apart by address alone.
    pub port: u16,
}

impl ExporterKey {
    /// The key of a datagram's source. IPv4-mapped addresses read as IPv4.
    pub fn of(source: SocketAddr, by_port: bool) -> Self {
        Self { address: source.ip().to_canonical(), port: if by_port { source.port() } else { 0 } }
    }
}

impl fmt::Display for ExporterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            0 => write!(f, "{}", self.address),
            port => write!(f, "{}", SocketAddr::new(self.address, port)),
        }
    }
}

/// What one direction of a flow carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets, as exported (not scaled by sampling).
    pub packets: u64,
    /// Octets at the IP layer, as exported.
    pub bytes: u64,
    /// OR of the TCP flags, `None` where the template has none.
    pub flags: Option<u16>,
    /// TCP flags of the first packet (YAF).
    pub initial_flags: Option<u16>,
}

/// Why the exporter sent the record (`flowEndReason`, RFC 7012).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FlowEnd {
    /// Not told.
    #[default]
    Unknown,
    /// Idle time-out (1).
    Idle,
    /// Active time-out (2): the flow goes on.
    Active,
    /// The end was seen, such as FIN or RST (3).
    Detected,
    /// Forced (4) or lack of resources (5).
    Forced,
}

/// What a firewall says happened (`firewallEvent`; Cisco ASA event 40005).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirewallEvent {
    /// A flow was created (1).
    Created,
    /// A flow was torn down (2).
    Deleted,
    /// A flow was denied (3).
    Denied,
    /// Something to be alerted of (4).
    Alert,
    /// Counters of a living flow (5).
    Updated,
}

/// One decoded flow record, normalised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// Who exported it.
    pub exporter: ExporterKey,
    /// Observation domain, source id, or engine.
    pub domain: u32,
    /// Family of the protocol.
    pub export_type: ExportType,
    /// When it was exported, by the exporter's clock.
    pub exported: Micros,
    /// First packet.
    pub start: Micros,
    /// Last packet.
    pub end: Micros,
    /// IANA protocol number.
    pub proto: u8,
    /// Source of the forward direction.
    pub src: Endpoint,
    /// Destination of the forward direction.
    pub dst: Endpoint,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// Source to destination.
    pub forward: Traffic,
    /// Destination to source, for biflows.
    pub reverse: Option<Traffic>,
    /// Whether the source opened the session, where the exporter says so.
    pub source_initiates: Option<bool>,
    /// Why the record was sent.
    pub ended: FlowEnd,
    /// Firewall event.
    pub firewall: Option<FirewallEvent>,
    /// Extended firewall event (Cisco 33002).
    pub firewall_reason: Option<u16>,
    /// Whether this is Cisco NSEL, where the event alone decides.
    pub nsel: bool,
    /// One of so many packets was looked at; 1 is all of them.
    pub sampling: u32,
    /// Index of the ingress interface.
    pub input_interface: Option<u32>,
    /// Index of the egress interface.
    pub output_interface: Option<u32>,
    /// VLAN id.
    pub vlan: Option<u16>,
    /// Ingress VRF.
    pub vrf: Option<u32>,
    /// Tunnel or segment id.
    pub tunnel: Option<u32>,
    /// Source after translation.
    pub nat_src: Option<Endpoint>,
    /// Destination after translation.
    pub nat_dst: Option<Endpoint>,
    /// New connections in the record (`newConnectionDeltaCount`); more than one: an aggregate.
    pub new_connections: Option<u64>,
    /// Autonomous system of the source.
    pub src_as: Option<u32>,
    /// Autonomous system of the destination.
    pub dst_as: Option<u32>,
    /// Whether the times of the record could not be believed and the export time stands in for them.
    pub time_repaired: bool,
}

impl FlowRecord {
    /// A record of which only the source is known: no time, addresses or traffic, nothing said of anything else.
    pub(crate) fn empty(exporter: ExporterKey, domain: u32, export_type: ExportType, exported: Micros) -> Self {
        let nowhere = Endpoint { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
        Self {
            exporter,
            domain,
            export_type,
            exported,
            start: exported,
            end: exported,
            proto: 0,
            src: nowhere,
            dst: nowhere,
            icmp: None,
            forward: Traffic::default(),
            reverse: None,
            source_initiates: None,
            ended: FlowEnd::Unknown,
            firewall: None,
            firewall_reason: None,
            nsel: false,
            sampling: 1,
            input_interface: None,
            output_interface: None,
            vlan: None,
            vrf: None,
            tunnel: None,
            nat_src: None,
            nat_dst: None,
            new_connections: None,
            src_as: None,
            dst_as: None,
            time_repaired: false,
        }
    }
}
