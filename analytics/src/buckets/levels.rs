//! Levels: what the sessions of one bucket and perspective come to as series, at every level of roll-up.
//!
//! Sessions are added one by one, in any order. Memory follows distinct parties, not sessions: a server's port or a client
//! takes about 150 bytes, an address 40, and parties that failed together 13. Must not know where sessions are kept.

use foldhash::{HashMap, HashSet};
use jobs::{Level, SeriesKey};
use tracker::locality::address_of;
use tracker::{Outcome, Perspective};

use crate::buckets::count::Limits;
use crate::buckets::counts::{PerspectiveCounts, Pool, TCP_FAILURES, Tally};

/// Number of an address, in the order of arrival.
type Address = u32;

/// Some of server, port and client; the others are whoever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Parties {
    server: Option<Address>,
    port: Option<u16>,
    client: Option<Address>,
}

/// Counts of one bucket and perspective while sessions are added.
#[derive(Debug, Default)]
pub(super) struct Levels {
    numbers: HashMap<u128, Address>,
    addresses: Vec<u128>,
    server_ports: HashMap<(Address, u16), Tally>,
    clients: HashMap<Address, Tally>,
    /// Server, port and client of failed sessions.
    failed: HashSet<(Address, u16, Address)>,
}

impl Levels {
    /// Adds an attempted session; `failure` is how it failed, if it did. Addresses are [`tracker::locality::address_key`]s.
    pub(super) fn add(&mut self, server: u128, port: u16, client: u128, failure: Option<Outcome>) {
        let (server, client) = (self.number(server), self.number(client));
        let mut own = Tally { attempts: 1, failed: failure.is_some().into(), ..Tally::default() };
        if let Some(place) = failure.and_then(|failure| TCP_FAILURES.iter().position(|known| *known == failure)) {
            own.outcomes[place] = 1;
        }
        self.server_ports.entry((server, port)).or_default().add_sessions(&own);
        self.clients.entry(client).or_default().add_sessions(&own);
        if failure.is_some() {
            self.failed.insert((server, port, client));
        }
    }

    /// Adds what was counted apart.
    pub(super) fn merge(&mut self, other: Self) {
        let numbers: Vec<Address> = other.addresses.into_iter().map(|address| self.number(address)).collect();
        let number = |address: Address| numbers[address as usize];
        for ((server, port), tally) in other.server_ports {
            self.server_ports.entry((number(server), port)).or_default().add_sessions(&tally);
        }
        for (client, tally) in other.clients {
            self.clients.entry(number(client)).or_default().add_sessions(&tally);
        }
        self.failed
            .extend(other.failed.into_iter().map(|(server, port, client)| (number(server), port, number(client))));
    }

    fn number(&mut self, address: u128) -> Address {
        *self.numbers.entry(address).or_insert_with(|| {
            self.addresses.push(address);
            (self.addresses.len() - 1) as Address
        })
    }

    /// The series of all levels, the pooled ones of each level beside them.
    pub(super) fn finish(mut self, perspective: Perspective, limits: Limits) -> PerspectiveCounts {
        self.numbers = HashMap::default();
        let mut tallies = self.tallies();
        self.distinct(&mut tallies);
        let mut counts = PerspectiveCounts::default();
        let mut levels: HashMap<Level, Vec<(Parties, Tally)>> = HashMap::default();
        for (parties, tally) in tallies {
            levels.entry(parties.level()).or_default().push((parties, tally));
        }
        let address = |of: Option<Address>| of.map(|number| self.addresses[number as usize]);
        for (level, mut series) in levels {
            series.sort_unstable_by_key(|(parties, tally)| {
                let ends = (address(parties.server), parties.port, address(parties.client));
                (u64::MAX - tally.failed, u64::MAX - tally.attempts, ends)
            });
            for (rank, (parties, tally)) in series.into_iter().enumerate() {
                if rank >= limits.series as usize || (tally.failed == 0 && rank >= limits.quiet as usize) {
                    counts.pools.entry(level).or_default().add(&tally);
                } else {
                    let (server, client) = (address(parties.server), address(parties.client));
                    let (server, client) = (server.map(address_of), client.map(address_of));
                    counts.series.insert(SeriesKey { perspective, level, server, port: parties.port, client }, tally);
                }
            }
        }
        counts
    }

    /// Sessions of every level. Those of a server, a port or all are the sums of its servers' ports.
    fn tallies(&mut self) -> HashMap<Parties, Tally> {
        let mut tallies: HashMap<Parties, Tally> = HashMap::default();
        for ((server, port), tally) in std::mem::take(&mut self.server_ports) {
            for (server, port) in [(Some(server), Some(port)), (Some(server), None), (None, Some(port)), (None, None)] {
                tallies.entry(Parties { server, port, client: None }).or_default().add_sessions(&tally);
            }
        }
        for (client, tally) in std::mem::take(&mut self.clients) {
            tallies.insert(Parties { client: Some(client), ..Parties::default() }, tally);
        }
        tallies
    }

    /// Counts distinct parties of failed sessions: parties that failed together are one more partner of what they are
    /// without one of them.
    fn distinct(&self, tallies: &mut HashMap<Parties, Tally>) {
        for (parties, tally) in tallies.iter_mut().filter(|(_, tally)| tally.failed > 0) {
            tally.servers = parties.server.is_some().into();
            tally.ports = parties.port.is_some().into();
            tally.clients = parties.client.is_some().into();
        }
        let every = [true, false];
        let kept = every.into_iter().flat_map(|s| every.into_iter().flat_map(move |p| every.map(|c| (s, p, c))));
        for (of_server, of_port, of_client) in kept {
            let part = |&(server, port, client): &(Address, u16, Address)| Parties {
                server: of_server.then_some(server),
                port: of_port.then_some(port),
                client: of_client.then_some(client),
            };
            let mut together: Vec<Parties> = self.failed.iter().map(part).collect();
            together.sort_unstable();
            together.dedup();
            for parties in together {
                let mut count = |rest: Parties, of: fn(&mut Tally) -> &mut u64| {
                    if let Some(tally) = tallies.get_mut(&rest) {
                        *of(tally) += 1;
                    }
                };
                if of_server {
                    count(Parties { server: None, ..parties }, |tally| &mut tally.servers);
                }
                if of_port {
                    count(Parties { port: None, ..parties }, |tally| &mut tally.ports);
                }
                if of_client {
                    count(Parties { client: None, ..parties }, |tally| &mut tally.clients);
                }
            }
        }
    }
}

impl Parties {
    /// The level of a series of these parties.
    fn level(&self) -> Level {
        match self {
            Self { server: Some(_), port: Some(_), .. } => Level::ServerPort,
            Self { server: Some(_), .. } => Level::Server,
            Self { port: Some(_), .. } => Level::Port,
            Self { client: Some(_), .. } => Level::Client,
            _ => Level::Perspective,
        }
    }
}

impl Tally {
    fn add_sessions(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.failed += other.failed;
        for (sum, count) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum += count;
        }
    }
}

impl Pool {
    fn add(&mut self, series: &Tally) {
        self.members += 1;
        self.highest = self.highest.max(series.failed);
        self.tally.add_sessions(series);
        self.tally.clients += series.clients;
        self.tally.servers += series.servers;
        self.tally.ports += series.ports;
    }
}
