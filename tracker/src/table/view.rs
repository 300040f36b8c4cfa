//! The live table as people see it: each session as a forward and a reverse entry, with its state and the time left.

use std::sync::Arc;

use crate::Micros;
use crate::locality::Perspective;
use crate::outcome::Outcome;
use crate::record::Endpoint;
use crate::settings::Class;

use super::SessionTable;
use super::entry::bit;
use super::judge;
use super::query::state_of;

/// One direction of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryView {
    /// Who sends.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// Packets so far.
    pub packets: u64,
    /// Bytes so far, IP headers included.
    pub bytes: u64,
    /// OR of the TCP flags so far (TCP only).
    pub tcp_flags: Option<u16>,
}

/// A session in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Interface or file.
    pub observer: Arc<str>,
    /// The id its record will have.
    pub session_id: u64,
    /// IANA protocol number.
    pub proto: u8,
    /// What the client sends.
    pub forward: EntryView,
    /// What the server sends.
    pub reverse: EntryView,
    /// First packet.
    pub start: Micros,
    /// Last packet.
    pub last: Micros,
    /// Where it stands.
    pub state: &'static str,
    /// Which time-out counts.
    pub class: Class,
    /// Microseconds until it times out if no packet comes.
    pub time_left: Micros,
    /// What its outcome would be now.
    pub outcome: Outcome,
    /// Established without a whole handshake in sight.
    pub inferred: bool,
    /// Which way it crosses the border of the watched network.
    pub perspective: Perspective,
    /// SYNs of the client.
    pub syn_count: u32,
    /// Outer VLAN id.
    pub vlan: Option<u16>,
    /// Tunnel id.
    pub tunnel: Option<u32>,
}

impl SessionTable {
    pub(super) fn view(&self, index: u32, now: Micros) -> SessionView {
        let entry = &self.entries[index];
        let (client, server) = entry.endpoints();
        let side = |side: usize, from, to| EntryView {
            from,
            to,
            packets: u64::from(entry.packets[side]),
            bytes: entry.bytes(side),
            tcp_flags: entry.is_tcp().then_some(entry.tcp_flags[side]),
        };
        SessionView {
            observer: Arc::clone(&self.settings.observer),
            session_id: entry.key.id(entry.start, self.observer),
            proto: entry.key.proto,
            forward: side(0, client, server),
            reverse: side(1, server, client),
            start: entry.start,
            last: entry.last,
            state: state_of(entry),
            class: entry.class,
            time_left: (self.deadline(index) - now).max(0),
            outcome: judge::outcome(entry),
            inferred: entry.has(bit::INFERRED),
            perspective: self.settings.networks.perspective(client.ip, server.ip),
            syn_count: u32::from(entry.syn_count),
            vlan: entry.key.outer_vlan(),
            tunnel: entry.key.tunnel_id(),
        }
    }
}
