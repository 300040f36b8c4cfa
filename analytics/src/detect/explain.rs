//! Why a bucket of a series is unusual: who or what the surprise goes away without, and the likely cause.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use arrow::record_batch::RecordBatch;
use ipnet::IpNet;
use jobs::{Cause, Influencer, Level, Score, SeriesKey};
use tracker::{Outcome, Perspective};

use crate::buckets::count::Rows;
use crate::buckets::counts::{TCP_FAILURES, Tally};
use crate::detect::world::{ScoredSeries, View};
use crate::error::Result;
use crate::results::columns::Columns;
use crate::results::rows::short;

/// Share of the surprise from which something is named: without it the bucket is no more than half as surprising.
const NAMED: f64 = 0.5;
/// Most values named per field.
const MOST: usize = 10;
/// Networks of clients that are told apart: prefix lengths of IPv4 and IPv6.
const NETWORK: (u8, u8) = (24, 64);
/// A client with this share of what its network is behind says the same more precisely.
const SAME: f64 = 0.8;

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

/// The network that a client is named by where it is one of many.
fn network(client: IpAddr) -> Option<IpNet> {
    let length = if client.is_ipv4() { NETWORK.0 } else { NETWORK.1 };
    IpNet::new(client, length).ok().map(|net| net.trunc())
}

/// What one value of a field has to do with a bucket.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    /// Failed sessions with it.
    failed: u64,
    /// How many of them are more than is usual of it.
    more: f64,
    /// Its usual share of the perspective's failures.
    usual: f64,
}

/// Failed sessions of each client.
pub fn by_client<'a>(failures: impl IntoIterator<Item = &'a Failure>) -> HashMap<IpAddr, u64> {
    let mut failed = HashMap::new();
    for failure in failures {
        *failed.entry(failure.client).or_default() += failure.failed;
    }
    failed
}

/// Who the surprise of a series is due to, by falling score: that much of the surprise goes away where the value fails as
/// often as it usually does. `everywhere` holds what each client failed in all of the perspective.
///
/// Of a client more than its usual is held against it, in proportion to where it failed; a network is the sum of its
/// clients, and is named where none of them says the same.
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
    let outcomes: f64 = view.outcomes.iter().sum();
    let outcome_share = |outcome: &Outcome| {
        let place = TCP_FAILURES.iter().position(|known| known == outcome);
        place.filter(|_| outcomes > 0.0).map_or(0.0, |place| view.outcomes[place] / outcomes)
    };
    let mut found = Vec::new();
    let mut add = |field: &str, values: BTreeMap<String, Part>| {
        let mut named: Vec<Influencer> = values
            .into_iter()
            .filter_map(|(value, part)| {
                let share = part.failed as f64 / total.max(1) as f64;
                let due = if one.by_breadth {
                    share
                } else if one.scored.multi > one.scored.single {
                    // Several buckets are unusual together: too little surprise is this one's own to be shared out.
                    part.more / total.max(1) as f64
                } else {
                    one.scored.share_of_surprise(one.tally.failed as f64, part.more)
                };
                (due >= NAMED).then(|| Influencer {
                    field: field.to_owned(),
                    value,
                    share: short(share),
                    usual_share: short(part.usual),
                    score: Score::new(short(due * 100.0)),
                })
            })
            .collect();
        named.sort_by(|a, b| b.score.value().total_cmp(&a.score.value()).then_with(|| b.share.total_cmp(&a.share)));
        named.truncate(MOST);
        found.extend(named);
    };
    let group = |value: &dyn Fn(&Failure) -> (String, f64)| {
        let mut values: BTreeMap<String, Part> = BTreeMap::new();
        for failure in failures {
            let (name, usual) = value(failure);
            let part = values.entry(name).or_default();
            part.failed += failure.failed;
            part.more = part.failed as f64;
            part.usual = usual;
        }
        values
    };
    if key.client.is_none() {
        let part = |(client, failed): (IpAddr, u64)| {
            let usually = usual(Level::Client, None, None, Some(client));
            let all = everywhere.get(&client).map_or(failed, |all| (*all).max(failed));
            let here = usually * failed as f64 / all.max(1) as f64;
            (client, Part { failed, more: (failed as f64 - here).max(0.0), usual: rolled(usually) })
        };
        let clients: BTreeMap<IpAddr, Part> = by_client(failures.iter().copied()).into_iter().map(part).collect();
        add("client_net", networks(&clients));
        add("client_ip", clients.into_iter().map(|(client, part)| (client.to_string(), part)).collect());
    }
    if key.server.is_none() {
        let server = |f: &Failure| rolled(usual(Level::Server, Some(f.server), None, None));
        add("server_ip", group(&|f| (f.server.to_string(), server(f))));
    }
    if key.port.is_none() {
        let port = |f: &Failure| rolled(usual(Level::Port, None, Some(f.port), None));
        add("server_port", group(&|f| (f.port.to_string(), port(f))));
    }
    add("outcome", group(&|f| (f.outcome.as_str().to_owned(), outcome_share(&f.outcome))));
    if view.observers.len() > 1 {
        let all: f64 = view.observers.values().sum();
        let usual = |name: &str| view.observers.get(name).map_or(0.0, |rate| rate / all.max(1e-9)).min(1.0);
        add("observer", group(&|f| (f.observer.clone(), usual(&f.observer))));
    }
    found.sort_by(|a, b| b.score.value().total_cmp(&a.score.value()));
    found
}

/// The networks of several clients of which none has most of what the network has more than usual, as long as there are
/// others: where every client is of one network, it tells nothing.
fn networks(clients: &BTreeMap<IpAddr, Part>) -> BTreeMap<String, Part> {
    let mut known: BTreeMap<IpNet, (Part, f64)> = BTreeMap::new();
    for (client, part) in clients {
        let Some(net) = network(*client) else { continue };
        let (sum, most) = known.entry(net).or_default();
        sum.failed += part.failed;
        sum.more += part.more;
        sum.usual = (sum.usual + part.usual).min(1.0);
        *most = most.max(part.more);
    }
    let several = known.len() > 1;
    let telling = |(sum, most): &(Part, f64)| several && *most < SAME * sum.more;
    known.into_iter().filter(|(_, one)| telling(one)).map(|(net, (sum, _))| (net.to_string(), sum)).collect()
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
