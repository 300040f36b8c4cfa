//! A session that is being followed, as the API gives it: a forward and a reverse entry, its state and the time left.

use serde::Serialize;
use tracker::community::community_of;
use tracker::service::service_name;
use tracker::table::{EntryView, SessionView};
use utoipa::ToSchema;

use super::names::PerspectiveName;
use super::session::{flag_letters, proto_name};

/// One direction of a session in the table.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveEntry {
    /// Who sends.
    pub source_ip: String,
    /// Port of the sender. For ICMP 0, or what is asked: `type << 8 | code`.
    pub source_port: u16,
    /// To whom.
    pub destination_ip: String,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Packets so far.
    pub packets: u64,
    /// Bytes so far, IP headers included.
    pub bytes: u64,
    /// TCP flags so far as letters, in the order `SAFRPUEC`.
    #[schema(required)]
    pub tcp_flags: Option<String>,
}

/// A session that is being followed.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveSession {
    /// Id that its record will have: 16 hexadecimal digits.
    pub session_id: String,
    /// Interface on which it is seen.
    pub interface: String,
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
    /// Where it stands: for TCP `syn_sent`, `syn_received`, `established`, `closed` and so on, for others `initial` (one
    /// side has sent) or `ongoing`; `blocked` where policy refused it.
    pub state: String,
    /// Which time-out counts now, by its key in `[track]` without `timeout_`.
    pub timeout: String,
    /// Time until it times out if no packet comes, ms.
    pub time_left: i64,
    /// What its outcome would be if it ended now.
    pub outcome: String,
    /// Whether that counts as failed: `established`, `failed`, `probe` or `indeterminate`.
    pub outcome_class: String,
    /// It established without a whole handshake in sight.
    pub inferred: bool,
    /// First packet, ms since the epoch.
    pub start: i64,
    /// Last packet, ms since the epoch.
    pub last: i64,
    /// SYNs of the client, retransmits included.
    pub syn_count: u32,
    /// Outer VLAN id.
    #[schema(required)]
    pub vlan: Option<u16>,
    /// Tunnel id (VNI, GRE key, TEID).
    #[schema(required)]
    pub tunnel: Option<u32>,
    /// Community id.
    pub community_id: String,
    /// From the client to the server.
    pub forward: LiveEntry,
    /// From the server to the client.
    pub reverse: LiveEntry,
}

impl From<&EntryView> for LiveEntry {
    fn from(entry: &EntryView) -> Self {
        Self {
            source_ip: entry.from.ip.to_string(),
            source_port: entry.from.port,
            destination_ip: entry.to.ip.to_string(),
            destination_port: entry.to.port,
            packets: entry.packets,
            bytes: entry.bytes,
            tcp_flags: entry.tcp_flags.map(flag_letters),
        }
    }
}

impl From<&SessionView> for LiveSession {
    fn from(view: &SessionView) -> Self {
        let (client, server) = (view.forward.from, view.forward.to);
        Self {
            session_id: format!("{:016x}", view.session_id),
            interface: view.observer.to_string(),
            proto: view.proto,
            proto_name: proto_name(view.proto),
            client_ip: client.ip.to_string(),
            client_port: client.port,
            server_ip: server.ip.to_string(),
            server_port: server.port,
            service: service_name(view.proto, server.port).map(str::to_owned),
            perspective: view.perspective.into(),
            state: view.state.to_owned(),
            timeout: view.class.setting().to_owned(),
            time_left: view.time_left.div_euclid(1000),
            outcome: view.outcome.as_str().to_owned(),
            outcome_class: view.outcome.class().as_str().to_owned(),
            inferred: view.inferred,
            start: view.start.div_euclid(1000),
            last: view.last.div_euclid(1000),
            syn_count: view.syn_count,
            vlan: view.vlan,
            tunnel: view.tunnel,
            community_id: community_of(view.proto, client, server),
            forward: (&view.forward).into(),
            reverse: (&view.reverse).into(),
        }
    }
}

/// The session table of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LiveTable)]
pub struct TableStatus {
    /// Name of the interface.
    pub interface: String,
    /// Threads that follow its packets, each with a part of the table.
    pub threads: usize,
    /// Sessions in the table.
    pub sessions: u64,
    /// Of those, TCP sessions that have not established.
    pub half_open: u64,
    /// Most sessions at any time.
    pub max_sessions: u64,
    /// The table is short of room: sessions that wait for an answer end sooner.
    pub emergency: bool,
    /// Memory that the table holds, bytes.
    pub memory_bytes: u64,
    /// Frames that passed the filter, those dropped included.
    pub packets: u64,
    /// Frames that the kernel dropped because the ring was full.
    pub dropped: u64,
    /// Sessions evicted because the table was full.
    pub evicted: u64,
    /// The servers with the most evicted sessions: at whom a flood is aimed.
    pub evicted_servers: Vec<EvictedServer>,
}

/// How many sessions of one server were evicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EvictedServer {
    /// Address of the server.
    pub server_ip: String,
    /// Port of the server.
    pub server_port: u16,
    /// Sessions evicted.
    pub count: u64,
}

/// A page of sessions that are being followed.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveSessionPage {
    /// The sessions, in the order asked for.
    pub items: Vec<LiveSession>,
    /// Where the next page begins.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// Sessions that the filter accepts, on all pages.
    pub matched: u64,
    /// Sessions looked at.
    pub total: u64,
    /// Whether every capture thread answered in time.
    pub complete: bool,
    /// The tables, one per interface; none where no interface is captured.
    pub tables: Vec<TableStatus>,
}
