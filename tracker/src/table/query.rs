//! Questions to the live table: which sessions, in which order, from where on.
//!
//! A table of millions is looked through in slices, between which packets are followed. What is kept on the way is no
//! more than one page, so neither memory nor the pause depends on the size of the table.

use std::collections::BinaryHeap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::Micros;
use crate::locality::Perspective;
use crate::outcome::{Outcome, OutcomeClass, UnknownName, names};
use crate::packet::addr_of;
use crate::record::Endpoint;
use crate::settings::Class;

use super::entry::Entry;
use super::{SessionTable, SessionView, judge};

names! {
    /// What sessions are ordered by.
    SortBy {
        /// Last packet.
        Last = "last",
        /// First packet.
        Start = "start",
        /// Time until the time-out.
        TimeLeft = "time_left",
        /// Packets of both sides.
        Packets = "packets",
        /// Bytes of both sides.
        Bytes = "bytes",
        /// Client address.
        Client = "client",
        /// Server address.
        Server = "server",
        /// Server port.
        Port = "port",
        /// Name of the state.
        State = "state",
    }
}

/// What a condition can ask of a session in the table.
#[derive(Debug, Clone, Copy)]
pub struct Glance<'a> {
    /// Interface or file.
    pub observer: &'a str,
    /// IANA protocol number.
    pub proto: u8,
    /// Who asked for the session.
    pub client: Endpoint,
    /// Of whom.
    pub server: Endpoint,
    /// What its outcome would be now.
    pub outcome: Outcome,
    /// Which way it crosses the border of the watched network.
    pub perspective: Perspective,
}

/// A condition of whoever asks, in a language of his own. It is asked between two blocks of packets, so it has to be quick.
pub trait Condition: fmt::Debug + Send + Sync {
    /// Whether the session is wanted.
    fn holds(&self, glance: &Glance<'_>) -> bool;
}

/// Which sessions are wanted; absent means any.
#[derive(Debug, Clone, Default)]
pub struct TableFilter {
    /// Address of the client.
    pub client: Option<IpNet>,
    /// Address of the server.
    pub server: Option<IpNet>,
    /// Address of either side.
    pub host: Option<IpNet>,
    /// Port of the server.
    pub port: Option<u16>,
    /// IANA protocol number.
    pub proto: Option<u8>,
    /// Name of the state.
    pub state: Option<String>,
    /// Class of the time-out.
    pub timeout: Option<Class>,
    /// Outcome as it stands.
    pub outcome: Option<Outcome>,
    /// Class of that outcome.
    pub class: Option<OutcomeClass>,
    /// Perspective.
    pub perspective: Option<Perspective>,
    /// Outer VLAN id.
    pub vlan: Option<u16>,
    /// What else must hold.
    pub condition: Option<Arc<dyn Condition>>,
}

/// A place in the order of the sessions; a page goes on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    rank: u128,
    session_id: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.rank, self.session_id)
    }
}

/// The text is no [`Position`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no cursor of this list")]
pub struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let (rank, id) = text.split_once('-').ok_or(NoPosition)?;
        let rank = u128::from_str_radix(rank, 16).map_err(|_| NoPosition)?;
        let session_id = u64::from_str_radix(id, 16).map_err(|_| NoPosition)?;
        Ok(Self { rank, session_id })
    }
}

/// A question to a table.
#[derive(Debug, Clone)]
pub struct TableQuery {
    /// Which sessions.
    pub filter: TableFilter,
    /// In which order.
    pub sort: SortBy,
    /// The largest first.
    pub descending: bool,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// Most sessions on a page.
    pub limit: usize,
}

impl Default for TableQuery {
    fn default() -> Self {
        Self { filter: TableFilter::default(), sort: SortBy::Last, descending: true, after: None, limit: 100 }
    }
}

/// A session on a page, and its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Placed {
    position: Position,
    view: SessionView,
}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.position.cmp(&other.position)
    }
}

/// A page being gathered, from one table or several.
#[derive(Debug, Clone)]
pub struct Gathering {
    query: TableQuery,
    /// The best so far, the worst of them on top.
    best: BinaryHeap<Placed>,
    matched: u64,
    seen: u64,
}

impl Gathering {
    /// Nothing gathered yet.
    pub fn new(query: TableQuery) -> Self {
        Self { query, best: BinaryHeap::new(), matched: 0, seen: 0 }
    }

    /// Sessions that the filter accepts, on whatever page.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Sessions looked at.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Adds what was gathered elsewhere for the same question.
    pub fn join(&mut self, other: Self) {
        self.matched += other.matched;
        self.seen += other.seen;
        for placed in other.best {
            self.keep(placed.position, || placed.view);
        }
    }

    /// The page in order, and where the next one begins.
    pub fn finish(self) -> (Vec<SessionView>, Option<Position>) {
        let limit = self.query.limit;
        let mut all = self.best.into_sorted_vec();
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().map(|placed| placed.position).filter(|_| more);
        (all.into_iter().map(|placed| placed.view).collect(), next)
    }

    fn keep(&mut self, position: Position, view: impl FnOnce() -> SessionView) {
        if self.query.after.is_some_and(|after| position <= after) {
            return;
        }
        // One more than the page holds, to know whether there is a next one.
        if self.best.len() > self.query.limit {
            if self.best.peek().is_none_or(|worst| worst.position <= position) {
                return;
            }
            self.best.pop();
        }
        self.best.push(Placed { position, view: view() });
    }
}

impl SessionTable {
    /// Looks at the `places` of the table from `from` on; gives where to go on, `None` at the end.
    pub fn gather(&self, page: &mut Gathering, from: u32, places: u32, now: Micros) -> Option<u32> {
        let end = self.entries.places();
        let stop = end.min(from.saturating_add(places));
        for index in from..stop {
            if !self.is_live(index) {
                continue;
            }
            page.seen += 1;
            if self.is_wanted(index, &page.query.filter) {
                page.matched += 1;
                let position = self.position(index, page.query.sort, page.query.descending);
                page.keep(position, || self.view(index, now));
            }
        }
        (stop < end).then_some(stop)
    }

    /// The whole answer to a question, without a pause.
    pub fn ask(&self, query: TableQuery, now: Micros) -> (Vec<SessionView>, Option<Position>) {
        let mut page = Gathering::new(query);
        self.gather(&mut page, 0, u32::MAX, now);
        page.finish()
    }

    fn is_wanted(&self, index: u32, filter: &TableFilter) -> bool {
        let entry = &self.entries[index];
        let (client, server) = entry.endpoints();
        let within = |net: Option<IpNet>, ip| net.is_none_or(|net| net.contains(&ip));
        filter.proto.is_none_or(|proto| proto == entry.key.proto)
            && filter.port.is_none_or(|port| port == server.port)
            && within(filter.client, client.ip)
            && within(filter.server, server.ip)
            && filter.host.is_none_or(|net| net.contains(&client.ip) || net.contains(&server.ip))
            && filter.timeout.is_none_or(|class| class == entry.class)
            && filter.vlan.is_none_or(|vlan| entry.key.outer_vlan() == Some(vlan))
            && filter.state.as_deref().is_none_or(|state| state == state_of(entry))
            && filter.outcome.is_none_or(|outcome| outcome == judge::outcome(entry))
            && filter.class.is_none_or(|class| class == judge::outcome(entry).class())
            && filter.perspective.is_none_or(|own| own == self.settings.networks.perspective(client.ip, server.ip))
            && filter.condition.as_ref().is_none_or(|condition| condition.holds(&self.glance(entry)))
    }

    fn glance(&self, entry: &Entry) -> Glance<'_> {
        let (client, server) = entry.endpoints();
        Glance {
            observer: &self.settings.observer,
            proto: entry.key.proto,
            client,
            server,
            outcome: judge::outcome(entry),
            perspective: self.settings.networks.perspective(client.ip, server.ip),
        }
    }

    fn position(&self, index: u32, sort: SortBy, descending: bool) -> Position {
        let entry = &self.entries[index];
        let (client, server) = entry.endpoints();
        let time = |time: Micros| (i128::from(time) - i128::from(Micros::MIN)) as u128;
        let sum = |of: [u64; 2]| u128::from(of[0]) + u128::from(of[1]);
        let rank = match sort {
            SortBy::Last => time(entry.last),
            SortBy::Start => time(entry.start),
            SortBy::TimeLeft => time(self.deadline(index)),
            SortBy::Packets => sum(entry.packets.map(u64::from)),
            SortBy::Bytes => sum([entry.bytes(0), entry.bytes(1)]),
            SortBy::Client => u128::from_be_bytes(addr_of(client.ip)),
            SortBy::Server => u128::from_be_bytes(addr_of(server.ip)),
            SortBy::Port => u128::from(server.port),
            SortBy::State => first_letters(state_of(entry)),
        };
        let rank = if descending { u128::MAX - rank } else { rank };
        Position { rank, session_id: entry.key.id(entry.start, self.observer) }
    }
}

/// Text as a number that sorts like its first 16 letters.
fn first_letters(text: &str) -> u128 {
    let mut letters = [0; 16];
    for (to, from) in letters.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    u128::from_be_bytes(letters)
}

/// Where a session stands, in a word.
pub(super) fn state_of(entry: &Entry) -> &'static str {
    match entry.class {
        Class::Blocked => "blocked",
        _ if entry.is_tcp() => entry.phase.as_str(),
        _ if entry.two_way() => "ongoing",
        _ => "initial",
    }
}

/// Every word that says where a session stands.
pub const STATES: [&str; 16] = [
    "aborted",
    "active",
    "blocked",
    "closed",
    "established",
    "half_open_reset",
    "half_seen",
    "initial",
    "midstream",
    "ongoing",
    "refused",
    "reset",
    "simultaneous",
    "stray",
    "syn_received",
    "syn_sent",
];
