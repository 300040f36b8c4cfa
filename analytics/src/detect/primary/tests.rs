//! Which records tell, on bucket by bucket stories.

use jobs::{Influencer, Score};
use tracker::Outcome;

use super::*;
use crate::testing::anomaly;

const PRIVATE: Perspective = Perspective::Private;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn failure(client: &str, server: &str, port: u16, failed: u64) -> Failure {
    Failure {
        perspective: PRIVATE,
        server: ip(server),
        port,
        client: ip(client),
        outcome: Outcome::Refused,
        observer: "192.0.2.1".to_owned(),
        failed,
    }
}

/// A record for every series that counts one of the failures; `typical` and score by its count.
fn records(failures: &[Failure], typical: impl Fn(&SeriesKey) -> f64) -> Vec<AnomalyRecord> {
    let mut counts: BTreeMap<SeriesKey, u64> = BTreeMap::new();
    for f in failures {
        let key = |level, server, port, client| SeriesKey { perspective: PRIVATE, level, server, port, client };
        for key in [
            key(Level::ServerPort, Some(f.server), Some(f.port), None),
            key(Level::Server, Some(f.server), None, None),
            key(Level::Port, None, Some(f.port), None),
            key(Level::Client, None, None, Some(f.client)),
            key(Level::Perspective, None, None, None),
        ] {
            *counts.entry(key).or_default() += f.failed;
        }
    }
    let one = |(key, actual): (SeriesKey, u64)| {
        let usual = typical(&key);
        let excess = actual as f64 - usual;
        let score = if excess < 3.0 { (excess - 1.0).max(0.0) * 10.0 } else { 100.0 - 60.0 / excess };
        anomaly(key, 0, actual, usual, score)
    };
    counts.into_iter().map(one).filter(|record| record.record_score.value() >= 3.0).collect()
}

/// Servers of which two ports are unusual.
fn together(records: &[AnomalyRecord]) -> BTreeSet<IpAddr> {
    let unusual = |r: &&AnomalyRecord| r.series.level == Level::ServerPort && r.record_score.value() >= UNUSUAL;
    let servers: Vec<IpAddr> = records.iter().filter(unusual).filter_map(|r| r.series.server).collect();
    servers.iter().filter(|server| servers.iter().filter(|other| other == server).count() > 1).copied().collect()
}

fn chosen(records: Vec<AnomalyRecord>, failures: &[Failure]) -> Vec<StoredRecord> {
    let together = together(&records);
    choose(records, failures, &together)
}

fn telling(failures: &[Failure], typical: impl Fn(&SeriesKey) -> f64) -> Vec<String> {
    primaries(&chosen(records(failures, typical), failures))
}

fn primaries(chosen: &[StoredRecord]) -> Vec<String> {
    let mut names: Vec<String> =
        chosen.iter().filter(|s| s.primary).map(|s| crate::key::series_label(&s.record.series)).collect();
    names.sort();
    names
}

fn quiet(_: &SeriesKey) -> f64 {
    0.1
}

#[test]
fn an_outage_of_one_server_port_is_one_record() {
    let failures: Vec<Failure> = (0..40).map(|n| failure(&format!("10.1.0.{n}"), "10.0.0.1", 443, 2 + n % 9)).collect();
    assert_eq!(telling(&failures, quiet), ["10.0.0.1:443"]);
    // Elsewhere the port fails now and then, and one client is behind most of it.
    let mut uneven = failures.clone();
    uneven.push(failure("10.1.0.200", "10.0.0.1", 443, 400));
    uneven.push(failure("10.1.0.200", "10.0.0.9", 443, 1));
    assert_eq!(telling(&uneven, quiet), ["10.0.0.1:443"]);
}

#[test]
fn an_outage_of_a_host_with_several_ports_is_one_record() {
    let failures: Vec<Failure> = (0..40)
        .flat_map(|n| [80, 443, 8443].map(|port| failure(&format!("10.1.0.{n}"), "10.0.0.1", port, 2 + n % 5)))
        .collect();
    assert_eq!(telling(&failures, quiet), ["10.0.0.1"]);
}

#[test]
fn two_unusual_ports_are_the_server_even_when_one_has_most_of_the_failures() {
    let failures: Vec<Failure> = (0..40)
        .flat_map(|n| {
            let client = format!("10.1.0.{n}");
            let quieter = (n % 5 == 0).then(|| failure(&client, "10.0.0.1", 9100, 1));
            quieter.into_iter().chain([failure(&client, "10.0.0.1", 443, 15 + n % 5)])
        })
        .collect();
    assert_eq!(telling(&failures, quiet), ["10.0.0.1"]);
    // The server's own record is told as unusual as its ports' are.
    let busy = |key: &SeriesKey| if key.level == Level::Server { 650.0 } else { 0.1 };
    let chosen = chosen(records(&failures, busy), &failures);
    let of = |level: Level| {
        let scores = chosen.iter().filter(|one| one.record.series.level == level);
        scores.map(|one| one.record.record_score.value()).fold(0.0, f64::max)
    };
    let server = chosen.iter().find(|one| one.record.series.level == Level::Server).unwrap();
    assert!(!server.primary || of(Level::Server) >= of(Level::ServerPort));
    assert!(server.primary);
}

#[test]
fn a_port_at_which_one_client_fails_is_not_its_server() {
    let others = (0..40).map(|n| failure(&format!("10.1.0.{n}"), "10.0.0.1", 22, 1));
    let failures: Vec<Failure> = others.chain([failure("10.9.9.9", "10.0.0.1", 631, 60)]).collect();
    let names = |named: bool| {
        let mut all = records(&failures, quiet);
        all.retain(|record| record.series.level != Level::Client);
        let one = Influencer {
            field: "client_ip".to_owned(),
            value: "10.9.9.9".to_owned(),
            share: 1.0,
            usual_share: 0.0,
            score: Score::new(100.0),
        };
        let port = all.iter_mut().find(|r| r.series.level == Level::ServerPort && r.series.port == Some(631)).unwrap();
        // Without the other port's failures in it the server's excess is this port's.
        port.actual += 200.0;
        port.influencers = if named { vec![one] } else { Vec::new() };
        primaries(&chosen(all, &failures))
    };
    assert_eq!(names(false), ["10.0.0.1"]);
    assert!(names(true).contains(&"10.0.0.1:631".to_owned()));
}

#[test]
fn a_scanner_over_many_servers_is_the_story() {
    let scan: Vec<Failure> = (0..120).map(|n| failure("10.9.9.9", &format!("10.0.1.{n}"), 22, 1 + n % 4)).collect();
    assert_eq!(telling(&scan, quiet), ["client 10.9.9.9"]);
    // The port has failures of others every day; its rise is the scanner's nonetheless.
    let mut busy = scan.clone();
    busy.extend((0..50).map(|n| failure(&format!("10.1.0.{n}"), "10.0.0.1", 22, 8)));
    let usual = |key: &SeriesKey| match (key.level, key.server == Some(ip("10.0.0.1"))) {
        (Level::Port | Level::Perspective, _) | (_, true) => 400.0,
        (Level::Client, _) if key.client != Some(ip("10.9.9.9")) => 8.0,
        _ => 0.1,
    };
    assert_eq!(telling(&busy, usual), ["client 10.9.9.9"]);
}

#[test]
fn a_scanner_over_many_ports_of_one_server_is_the_story() {
    let scan: Vec<Failure> = (1..=300).map(|port| failure("10.9.9.9", "10.0.0.1", port, 1)).collect();
    assert_eq!(telling(&scan, quiet), ["client 10.9.9.9"]);
    let mut insistent = scan.clone();
    insistent.push(failure("10.9.9.9", "10.0.0.1", 2222, 12));
    assert_eq!(telling(&insistent, quiet), ["client 10.9.9.9"]);
}

#[test]
fn two_servers_down_at_once_are_two_records_and_no_client() {
    let failures: Vec<Failure> = (0..40)
        .flat_map(|n| {
            let client = format!("10.1.0.{n}");
            [failure(&client, "10.0.0.1", 443, 2 + n % 4), failure(&client, "10.0.0.2", 5432, 3 + n % 3)]
        })
        .collect();
    assert_eq!(telling(&failures, quiet), ["10.0.0.1:443", "10.0.0.2:5432"]);
    let same: Vec<Failure> = failures.iter().map(|f| Failure { port: 443, ..f.clone() }).collect();
    assert_eq!(telling(&same, quiet), ["port 443"]);
}

#[test]
fn a_client_with_its_own_fault_at_five_servers_is_the_story() {
    let failures: Vec<Failure> =
        (1..=5).map(|n| failure("10.1.0.7", &format!("10.0.0.{n}"), 8_000 + n as u16, 12)).collect();
    assert_eq!(telling(&failures, quiet), ["client 10.1.0.7"]);
    // One of the five is down for everybody as well.
    let mut both = failures.clone();
    both.extend((100..140).map(|n| failure(&format!("10.1.0.{n}"), "10.0.0.1", 8_001, 4)));
    assert_eq!(telling(&both, quiet), ["10.0.0.1:8001", "client 10.1.0.7"]);
}

#[test]
fn a_client_that_is_more_unusual_than_its_target_tells() {
    let failures: Vec<Failure> = (0..40).map(|n| failure(&format!("10.1.0.{n}"), "10.0.0.1", 443, 5)).collect();
    let mut all = records(&failures, quiet);
    let client = all.iter_mut().find(|r| r.series.client == Some(ip("10.1.0.3"))).unwrap();
    client.record_score = Score::new(100.0);
    let chosen = chosen(all, &failures);
    let clients: Vec<_> = chosen.iter().filter(|s| s.primary).filter_map(|s| s.record.series.client).collect();
    assert_eq!(clients, [ip("10.1.0.3")]);
    assert!(chosen.iter().any(|s| s.primary && s.record.series.level == Level::ServerPort));
}
