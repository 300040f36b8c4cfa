//! The live table as people see it: each session as a forward and a reverse entry, with its state and the time left.

use crate::Micros;
use crate::locality::Perspective;
use crate::outcome::Outcome;
use crate::record::Endpoint;
use crate::settings::Class;

use super::SessionTable;
use super::entry::bit;
use super::judge;

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

/// Some sessions of the table, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePage {
    /// The sessions.
    pub items: Vec<SessionView>,
    /// Position to continue from, `None` at the end.
    pub next: Option<u32>,
}

/// How many places of the table one page looks at, so that a filter that matches nothing ends in time.
const PLACES_PER_PAGE: u32 = 200_000;

impl SessionTable {
    /// Up to `limit` sessions from position `cursor` on (0 to begin) that `wanted` accepts.
    pub fn page(&self, cursor: u32, limit: usize, now: Micros, wanted: &dyn Fn(&SessionView) -> bool) -> TablePage {
        let mut items = Vec::new();
        let end = self.entries.places();
        let stop = end.min(cursor.saturating_add(PLACES_PER_PAGE));
        for index in cursor..stop {
            if !self.is_live(index) {
                continue;
            }
            let view = self.view(index, now);
            if wanted(&view) {
                items.push(view);
                if items.len() == limit {
                    return TablePage { items, next: (index + 1 < end).then_some(index + 1) };
                }
            }
        }
        TablePage { items, next: (stop < end).then_some(stop) }
    }

    fn view(&self, index: u32, now: Micros) -> SessionView {
        let entry = &self.entries[index];
        let (client, server) = entry.endpoints();
        let side = |side: usize, from, to| EntryView {
            from,
            to,
            packets: u64::from(entry.packets[side]),
            bytes: entry.bytes[side],
            tcp_flags: entry.is_tcp().then_some(entry.tcp_flags[side]),
        };
        SessionView {
            session_id: entry.key.id(entry.start, self.observer),
            proto: entry.key.proto,
            forward: side(0, client, server),
            reverse: side(1, server, client),
            start: entry.start,
            last: entry.last,
            state: match entry.class {
                Class::Blocked => "blocked",
                _ if entry.is_tcp() => entry.phase.as_str(),
                _ if entry.two_way() => "ongoing",
                _ => "initial",
            },
            class: entry.class,
            time_left: (self.deadline(index) - now).max(0),
            outcome: judge::outcome(entry),
            inferred: entry.has(bit::INFERRED),
            perspective: self.settings.networks.perspective(client.ip, server.ip),
            syn_count: u32::from(entry.syn_count),
            vlan: (entry.key.vlan & 0xffff != 0).then_some(entry.key.vlan as u16),
            tunnel: (entry.key.kind != crate::packet::TunnelKind::None).then_some(entry.key.tunnel),
        }
    }
}
