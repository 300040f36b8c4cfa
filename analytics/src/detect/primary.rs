//! Which of several records that say the same is the one to show.
//!
//! A server of which several ports rise is shown instead of the ports; a port that explains its server instead of the
//! server; a client that fails at many targets instead of the targets; a target at which many clients fail instead of the
//! clients. Every record stays, marked or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use jobs::{AnomalyRecord, Level, SeriesKey};
use tracker::Perspective;

use crate::detect::explain::Failure;
use crate::detect::together::UNUSUAL;
use crate::results::rows::StoredRecord;

/// Share of a roll-up's excess from which one of its parts says the same more precisely.
const SAME: f64 = 0.8;
/// Share of a target's excess from which a client is behind it.
const MOST: f64 = 0.5;

/// Marks the telling records of one bucket and puts them first, each group by falling score. `failures` holds the
/// bucket's failed sessions, from which follows where a client failed, `together` the servers of which more rises than one
/// port.
///
/// A server that is shown instead of its ports is at least as unusual as each of them.
pub fn choose(mut records: Vec<AnomalyRecord>, failures: &[Failure], together: &BTreeSet<IpAddr>) -> Vec<StoredRecord> {
    let mut telling = vec![true; records.len()];
    for (parent, record) in records.iter().enumerate() {
        let level = record.series.level;
        if !matches!(level, Level::Server | Level::Port) {
            continue;
        }
        let parts: Vec<usize> = (0..records.len()).filter(|&part| is_part(&records[part], record)).collect();
        let unusual = |at: usize| records[at].record_score.value() >= UNUSUAL;
        // What a few clients do at one port is not its server's doing.
        let most = parts.iter().copied().max_by(|&a, &b| by_score(&records[a], &records[b]));
        let by_clients = most.is_some_and(|part| names_clients(&records[part]));
        let several = level == Level::Server
            && !by_clients
            && record.series.server.is_some_and(|server| together.contains(&server));
        if several {
            parts.iter().for_each(|&part| telling[part] = false);
        } else if parts.iter().any(|&part| excess(&records[part]) >= SAME * excess(record)) {
            telling[parent] = false;
        } else if parts.len() > 1 {
            // Ports of a server beat servers of a port: an outage of a host is the commoner story.
            let absorbed = level == Level::Server || !parts.iter().any(|&part| !telling[part]);
            if absorbed {
                parts.iter().for_each(|&part| telling[part] = false);
            }
        } else if let [part] = parts[..] {
            // A server that is unusual for more than its one unusual port is told with it.
            let more = level == Level::Server
                && !by_clients
                && unusual(parent)
                && excess(&records[part]) < MOST * excess(record);
            if more {
                telling[part] = false;
            } else if record.record_score.value() <= records[part].record_score.value() {
                telling[parent] = false;
            }
        }
    }
    choose_clients(&records, failures, &mut telling);
    raise_servers(&mut records, &telling);
    for (index, record) in records.iter().enumerate() {
        if record.series.level == Level::Perspective {
            let others = (0..records.len()).filter(|&other| other != index && telling[other]);
            let (count, sum) = others.fold((0, 0.0), |(count, sum), other| (count + 1, sum + excess(&records[other])));
            telling[index] = count == 0 || (sum < 0.5 * excess(record) && record.record_score.value() >= 25.0);
        }
    }
    if !telling.iter().any(|telling| *telling)
        && let Some(first) = telling.first_mut()
    {
        *first = true;
    }
    let mut stored: Vec<StoredRecord> =
        records.into_iter().zip(telling).map(|(record, primary)| StoredRecord { record, primary }).collect();
    stored.sort_by(|a, b| {
        b.primary
            .cmp(&a.primary)
            .then(by_score(&b.record, &a.record))
            .then_with(|| a.record.series.cmp(&b.record.series))
    });
    stored
}

/// Gives servers that tell the score of their most unusual port that does not.
fn raise_servers(records: &mut [AnomalyRecord], telling: &[bool]) {
    for server in 0..records.len() {
        if records[server].series.level != Level::Server || !telling[server] {
            continue;
        }
        let parts = (0..records.len()).filter(|&part| !telling[part] && is_part(&records[part], &records[server]));
        let Some(most) = parts.max_by(|&a, &b| by_score(&records[a], &records[b])) else { continue };
        if records[most].record_score.value() > records[server].record_score.value() {
            let (score, probability) = (records[most].record_score, records[most].probability);
            let own = &mut records[server];
            own.record_score = score;
            own.initial_record_score = score;
            own.probability = own.probability.min(probability);
        }
    }
}

fn excess(record: &AnomalyRecord) -> f64 {
    record.actual - record.expected.typical
}

fn by_score(a: &AnomalyRecord, b: &AnomalyRecord) -> std::cmp::Ordering {
    a.record_score.value().total_cmp(&b.record_score.value())
}

/// Whether few clients, or networks of them, are behind a record.
fn names_clients(record: &AnomalyRecord) -> bool {
    record.influencers.iter().any(|one| matches!(one.field.as_str(), "client_ip" | "client_net"))
}

fn is_part(part: &AnomalyRecord, of: &AnomalyRecord) -> bool {
    part.series.level == Level::ServerPort
        && match of.series.level {
            Level::Server => part.series.server == of.series.server,
            Level::Port => part.series.port == of.series.port,
            _ => false,
        }
}

/// Weighs clients against their targets: a client behind several targets tells more than they do, and a client that
/// failed like everyone else at a target which is unusual without it tells nothing.
fn choose_clients(records: &[AnomalyRecord], failures: &[Failure], telling: &mut [bool]) {
    let index: HashMap<&SeriesKey, usize> = records.iter().enumerate().map(|(at, r)| (&r.series, at)).collect();
    let clients = places(records, failures);
    let clients: Vec<Client<'_>> = clients
        .iter()
        .filter_map(|(key, places)| {
            let record = *index.get(key)?;
            Some(Client::new(record, &records[record], places, &index))
        })
        .collect();
    for client in &clients {
        let due: Vec<(usize, f64)> = client
            .targets
            .keys()
            .map(|&at| (at, client.share(at, records)))
            .filter(|(_, part)| *part >= MOST)
            .collect();
        let endpoints = || due.iter().filter(|(at, _)| records[*at].series.level == Level::ServerPort);
        if endpoints().any(|(at, _)| excess(&records[*at]) >= SAME * client.excess) {
            telling[client.record] = false;
            continue;
        }
        // One target of a client may be unusual by itself; several of them are its doing.
        let least = if endpoints().count() == 1 { SAME } else { MOST };
        due.iter().filter(|(_, part)| *part >= least).for_each(|(at, _)| telling[*at] = false);
    }
    let shared: Vec<usize> =
        clients.iter().filter(|client| client.shares_a_fate(records, telling)).map(|client| client.record).collect();
    shared.into_iter().for_each(|record| telling[record] = false);
}

/// Where the clients that have records failed: server, port and how often, by the client's series.
fn places(records: &[AnomalyRecord], failures: &[Failure]) -> BTreeMap<SeriesKey, Places> {
    let of_client = |record: &&AnomalyRecord| record.series.level == Level::Client;
    let mut known: HashMap<(Perspective, IpAddr), Places> = records
        .iter()
        .filter(of_client)
        .filter_map(|record| Some(((record.series.perspective, record.series.client?), Places::new())))
        .collect();
    for failure in failures {
        if let Some(places) = known.get_mut(&(failure.perspective, failure.client)) {
            *places.entry((failure.server, failure.port)).or_default() += failure.failed;
        }
    }
    let key = |(perspective, client)| SeriesKey {
        perspective,
        level: Level::Client,
        server: None,
        port: None,
        client: Some(client),
    };
    known.into_iter().map(|(of, places)| (key(of), places)).collect()
}

/// Failed sessions by server and port.
type Places = BTreeMap<(IpAddr, u16), u64>;

/// A client's record and what it has to do with other records.
struct Client<'a> {
    record: usize,
    /// Failed sessions of the client, and how many more than usual.
    failed: f64,
    excess: f64,
    /// Each place with how often the client failed there and the records that count it.
    places: Vec<(u64, Vec<usize>)>,
    /// Records that count some of the client's failures, with how many.
    targets: BTreeMap<usize, u64>,
    own: &'a AnomalyRecord,
}

impl<'a> Client<'a> {
    fn new(record: usize, own: &'a AnomalyRecord, places: &Places, index: &HashMap<&SeriesKey, usize>) -> Self {
        let mut client = Self {
            record,
            failed: own.actual,
            excess: excess(own),
            places: Vec::with_capacity(places.len()),
            targets: BTreeMap::new(),
            own,
        };
        for (&(server, port), &failed) in places {
            let level = |level, server, port| {
                let key = SeriesKey { perspective: own.series.perspective, level, server, port, client: None };
                index.get(&key).copied()
            };
            let counted: Vec<usize> = [
                level(Level::ServerPort, Some(server), Some(port)),
                level(Level::Server, Some(server), None),
                level(Level::Port, None, Some(port)),
            ]
            .into_iter()
            .flatten()
            .collect();
            counted.iter().for_each(|&at| *client.targets.entry(at).or_default() += failed);
            client.places.push((failed, counted));
        }
        client
    }

    /// Share of a target's excess that the client can be behind: no more than it failed there, nor than is unusual of
    /// the client.
    fn share(&self, target: usize, records: &[AnomalyRecord]) -> f64 {
        let failed = self.targets.get(&target).map_or(0.0, |failed| *failed as f64);
        let record = &records[target];
        let (own, whole) = if excess(record) > 0.0 && self.excess > 0.0 {
            (failed.min(self.excess), excess(record))
        } else {
            (failed, record.actual)
        };
        if whole > 0.0 { own / whole } else { 0.0 }
    }

    /// Whether most of the client's failures are at targets that tell as much and would without this client.
    fn shares_a_fate(&self, records: &[AnomalyRecord], telling: &[bool]) -> bool {
        let explains = |at: &usize| {
            telling[*at]
                && records[*at].record_score.value() >= self.own.record_score.value()
                && self.share(*at, records) < MOST
        };
        let explained: u64 =
            self.places.iter().filter(|(_, counted)| counted.iter().any(explains)).map(|(failed, _)| failed).sum();
        explained as f64 >= SAME * self.failed
    }
}

#[cfg(test)]
mod tests;
