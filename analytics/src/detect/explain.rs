//! Why a bucket of a series is unusual: who or what the surprise goes away without, and the likely cause.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use arrow::record_batch::RecordBatch;
use ipnet::IpNet;
use jobs::{Cause, Influencer, Level, Score, SeriesKey};
use tracker::{Outcome, Perspective};

use crate::buckets::count::Rows;
use crate::buckets::counts::{TCP_FAILURES, Tally};
use crate::detect::blame::{Part, blamed, blamed_clients};
use crate::detect::world::{ScoredSeries, View};
use crate::error::Result;
use crate::results::columns::Columns;
use crate::results::rows::short;

/// Share of the surprise from which an outcome or an observer is named: without it the bucket is no more than half as
/// surprising.
const NAMED: f64 = 0.5;
/// Most values named per field.
const MOST: usize = 10;
/// Failed sessions of a bucket that are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub perspective: Perspective,
    pub server: IpAddr,
    pub port: u16,
    pub client: IpAddr,
    pub outcome: Outcome,
    pub observer: String,
    pub failed: u64,
}

/// Failures by the number of their bucket.
pub type Failures = BTreeMap<i64, Vec<Failure>>;

/// Adds the failures of a bucket query.
pub fn read_failures(batch: &RecordBatch, into: &mut Failures) -> Result<()> {
    let (rows, columns) = (Rows::new(batch)?, Columns(batch));
    for row in 0..batch.num_rows() {
        let (Some(server), Some(client)) = (rows.address("server_ip", row), rows.address("client_ip", row)) else {
            continue;
        };
        let Some(outcome) = columns.parse("outcome", row) else { continue };
        into.entry(rows.number("bucket", row)? as i64).or_default().push(Failure {
            perspective: rows.perspective(row)?,
            server,
            port: rows.number("server_port", row)? as u16,
            client,
            outcome,
            observer: columns.text("observer", row).unwrap_or_default().to_owned(),
            failed: rows.number("failed", row)?,
        });
    }
    Ok(())
}

/// The failures that a series counts.
pub fn of_series<'a>(failures: &'a [Failure], key: &SeriesKey) -> Vec<&'a Failure> {
    let counts = |failure: &&Failure| {
        failure.perspective == key.perspective
            && key.server.is_none_or(|server| failure.server == server)
            && key.port.is_none_or(|port| failure.port == port)
            && key.client.is_none_or(|client| failure.client == client)
    };
    failures.iter().filter(counts).collect()
}

/// Failed sessions of each client.
pub fn by_client<'a>(failures: impl IntoIterator<Item = &'a Failure>) -> HashMap<IpAddr, u64> {
    let mut failed = HashMap::new();
    for failure in failures {
        *failed.entry(failure.client).or_default() += failure.failed;
    }
    failed
}

/// Who the surprise of a series is due to, by falling score. `everywhere` holds what each client failed in all of the
/// perspective.
///
/// Clients, servers and ports are named where without them nothing would be left to explain ([`blamed`]); a network of
/// clients stands for three or more of them. Outcomes and observers are named where they have most of the surprise.
pub fn influencers(
    one: &ScoredSeries,
    failures: &[&Failure],
    everywhere: &HashMap<IpAddr, u64>,
    view: &View,
) -> Vec<Influencer> {
    let total: u64 = failures.iter().map(|f| f.failed).sum();
    let key = &one.key;
    let usual = |level, server, port, client| {
        view.usual(&SeriesKey { perspective: key.perspective, level, server, port, client })
    };
    let whole = usual(Level::Perspective, None, None, None);
    let rolled = |part: f64| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
    let mut found = Vec::new();
    let mut add = |field: &str, named: Vec<(String, Part, f64)>| {
        let mut named: Vec<Influencer> = named
            .into_iter()
            .map(|(value, part, due)| Influencer {
                field: field.to_owned(),
                value,
                share: short(part.failed as f64 / total.max(1) as f64),
                usual_share: short(part.share),
                score: Score::new(short(due * 100.0)),
            })
            .collect();
        named.sort_by(|a, b| b.score.value().total_cmp(&a.score.value()).then_with(|| b.share.total_cmp(&a.share)));
        named.truncate(MOST);
        found.extend(named);
    };
    if key.client.is_none() {
        // What it failed in all of the perspective.
        let all = |client: &IpAddr, failed: u64| everywhere.get(client).map_or(failed, |all| (*all).max(failed));
        let part = |(client, failed): (IpAddr, u64)| {
            let usually = usual(Level::Client, None, None, Some(client));
            // Of what it usually fails, in proportion to where it failed now.
            let here = usually * failed as f64 / all(&client, failed).max(1) as f64;
            (client, Part { failed, usual: here, share: rolled(usually) })
        };
        let clients: BTreeMap<IpAddr, Part> = by_client(failures.iter().copied()).into_iter().map(part).collect();
        // What is usual of a network's other clients, as far as its clients fail here and not elsewhere.
        let absent = |network: &IpNet| {
            let own = || clients.range(network.network()..=network.broadcast());
            let here: u64 = own().map(|(_, part)| part.failed).sum();
            let all: u64 = own().map(|(client, part)| all(client, part.failed)).sum();
            let others = view.clients(key.perspective, network).filter(|(client, _)| !clients.contains_key(client));
            others.map(|(_, usual)| usual).sum::<f64>() * here as f64 / (all as f64).max(1.0)
        };
        let (networks, clients) = blamed_clients(one, &clients, &absent);
        add("client_net", networks);
        add("client_ip", clients);
    }
    // What a server's port usually fails is known; elsewhere it is not known how a value's failures are spread.
    let usual_here = |server, port, rolled_up: f64| match key.level {
        Level::Server | Level::Port => usual(Level::ServerPort, Some(server), Some(port), None),
        Level::Perspective => rolled_up,
        _ => 0.0,
    };
    let mut parts = |field: &str, value: &dyn Fn(&Failure) -> (String, f64, f64)| {
        let mut values: BTreeMap<String, Part> = BTreeMap::new();
        for failure in failures {
            let (name, usual, share) = value(failure);
            let part = values.entry(name).or_insert(Part { failed: 0, usual, share });
            part.failed += failure.failed;
        }
        add(field, blamed(one, &values));
    };
    if key.server.is_none() {
        parts("server_ip", &|f| {
            let all = usual(Level::Server, Some(f.server), None, None);
            (f.server.to_string(), usual_here(f.server, f.port, all), rolled(all))
        });
    }
    if key.port.is_none() {
        parts("server_port", &|f| {
            let all = usual(Level::Port, None, Some(f.port), None);
            (f.port.to_string(), usual_here(f.server, f.port, all), rolled(all))
        });
    }
    let mut most = |field: &str, value: &dyn Fn(&Failure) -> (String, f64)| {
        let mut values: BTreeMap<String, Part> = BTreeMap::new();
        for failure in failures {
            let (name, share) = value(failure);
            values.entry(name).or_insert(Part { share, ..Part::default() }).failed += failure.failed;
        }
        let due = |part: &Part| one.scored.share_of_surprise(one.tally.failed as f64, part.failed as f64);
        let due =
            |part: Part| (part, if one.by_breadth { part.failed as f64 / total.max(1) as f64 } else { due(&part) });
        let values = values.into_iter().map(|(value, part)| (value, due(part)));
        add(field, values.filter(|(_, (_, due))| *due >= NAMED).map(|(v, (part, due))| (v, part, due)).collect());
    };
    let outcomes: f64 = view.outcomes.iter().sum();
    let outcome_share = |outcome: &Outcome| {
        let place = TCP_FAILURES.iter().position(|known| known == outcome);
        place.filter(|_| outcomes > 0.0).map_or(0.0, |place| view.outcomes[place] / outcomes)
    };
    most("outcome", &|f| (f.outcome.as_str().to_owned(), outcome_share(&f.outcome)));
    if view.observers.len() > 1 {
        let all: f64 = view.observers.values().sum();
        let usual = |name: &str| view.observers.get(name).map_or(0.0, |rate| rate / all.max(1e-9)).min(1.0);
        most("observer", &|f| (f.observer.clone(), usual(&f.observer)));
    }
    found.sort_by(|a, b| b.score.value().total_cmp(&a.score.value()));
    found
}

/// The likely cause, from how sessions failed and who is behind them; `named` are the series' influencers.
pub fn cause(one: &ScoredSeries, failures: &[&Failure], named: &[Influencer]) -> Option<Cause> {
    let tally = &one.tally;
    let failed = tally.failed;
    if failed == 0 {
        return None;
    }
    let share = |outcomes: &[Outcome]| {
        let count: u64 =
            TCP_FAILURES.iter().zip(tally.outcomes).filter(|(o, _)| outcomes.contains(o)).map(|(_, n)| n).sum();
        (count, count as f64 / failed as f64)
    };
    let mix = mix(tally);
    let made = |group: &str, evidence: String| {
        Some(Cause { group: group.to_owned(), evidence: format!("{evidence} ({mix})") })
    };
    let mut clients: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for failure in failures {
        *clients.entry(failure.client).or_default() += failure.failed;
    }
    let top = clients.iter().max_by_key(|(ip, n)| (**n, std::cmp::Reverse(**ip)));
    let (spread, established) = (tally.clients, tally.attempts - failed);
    if one.key.level == Level::Client && tally.ports.max(tally.servers) >= 10 {
        return made("attack", format!("one client failed at {} ports of {} servers", tally.ports, tally.servers));
    }
    if matches!(one.key.level, Level::Server | Level::ServerPort) && tally.ports >= 10 {
        return made("attack", format!("{} ports of one server were tried by {spread} clients", tally.ports));
    }
    let (count, part) = share(&[Outcome::HalfOpen]);
    if part >= 0.6 && spread >= 20 {
        return made("attack", format!("{count} of {failed} handshakes were left half open, by {spread} clients"));
    }
    let (count, part) = share(&[Outcome::AdminBlocked]);
    if part >= 0.5 {
        return made("misconfiguration", format!("{count} of {failed} attempts were administratively blocked"));
    }
    if let Some((client, count)) = top.filter(|(_, count)| **count as f64 >= 0.6 * failed as f64 && failed >= 5) {
        let outside = matches!(one.key.perspective, Perspective::Inbound | Perspective::Edge);
        let group = if outside { "attack" } else { "misconfiguration" };
        return made(group, format!("client {client} made {count} of the {failed} failed attempts"));
    }
    let (count, part) = share(&[Outcome::Unreachable, Outcome::TtlExceeded]);
    if part >= 0.5 {
        return made("congestion", format!("{count} of {failed} attempts were answered as unreachable on the way"));
    }
    let (count, part) = share(&[Outcome::Refused]);
    if part >= 0.6 {
        return made("server", format!("{count} of {failed} attempts were refused, from {spread} clients"));
    }
    if let Some(net) = named.iter().find(|one| one.field == "client_net" && one.share >= 0.6 && failed >= 5) {
        let count = (net.share * failed as f64).round();
        return made(
            "misconfiguration",
            format!("clients of {} made {count} of the {failed} failed attempts", net.value),
        );
    }
    let (count, part) = share(&[Outcome::NoAnswer, Outcome::AbortedOrig]);
    if part >= 0.6 && established < failed {
        return made(
            "server",
            format!(
                "{count} of {failed} attempts stayed unanswered, from {spread} clients, while {established} established"
            ),
        );
    }
    if established >= failed {
        return made(
            "congestion",
            format!("{failed} attempts of {spread} clients failed while {established} established"),
        );
    }
    None
}

/// How the failed sessions ended and where, the evidence behind every hint: `120 refused, 30 no answer; 38 clients, 1 port`.
fn mix(tally: &Tally) -> String {
    let mut parts: Vec<(u64, Outcome)> = tally.outcomes.into_iter().zip(TCP_FAILURES).filter(|(n, _)| *n > 0).collect();
    parts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let outcomes: Vec<String> = parts
        .iter()
        .take(3)
        .map(|(count, outcome)| format!("{count} {}", outcome.as_str().replace('_', " ")))
        .collect();
    let number = |count: u64, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    format!("{}; {}, {}", outcomes.join(", "), number(tally.clients, "client"), number(tally.ports, "port"))
}

#[cfg(test)]
mod tests;
