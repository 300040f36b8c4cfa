//! Who is named for bursts of known making.

use std::net::Ipv4Addr;

use super::*;
use crate::detect::series::SeriesModel;
use crate::model::{Baseline, Calendar, Observation};
use crate::testing::noise;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 2, 0, 7));

fn key(level: Level, client: Option<IpAddr>) -> SeriesKey {
    let of_server = level == Level::ServerPort;
    let (server, port) = (of_server.then_some(SERVER), of_server.then_some(443));
    SeriesKey { perspective: Perspective::Private, level, server, port, client }
}

/// The usual clients: twenty of as many networks, each with one failure a bucket.
fn usual() -> Vec<(IpAddr, u64)> {
    (0..20).map(|n| (IpAddr::from([10, 50, n, 9]), 1)).collect()
}

/// Influencers of a bucket in which these clients failed so often, at a port where about 20 fail usually, and each of the
/// usual ones as often as `known` says.
fn named(clients: &[(IpAddr, u64)], known: &[(IpAddr, f64)]) -> Vec<(String, String)> {
    let calendar = Calendar::new(chrono_tz::Tz::UTC, 900);
    let mut model = Baseline::new();
    let mut observe = |at: u64, failed: u64| {
        let seen = Observation { failed: failed as f64, established: None, coverage: 1.0 };
        model.observe(&calendar.moment(1_772_409_600 + at as i64 * 900), &seen)
    };
    for at in 0..1_000 {
        observe(at, 16 + noise(at, 9));
    }
    let failed = clients.iter().map(|(_, failed)| failed).sum();
    let scored = observe(1_000, failed);
    let tally =
        Tally { attempts: failed, failed, clients: clients.len() as u64, servers: 1, ports: 1, ..Tally::default() };
    let (surprise, score) = (scored.surprise, scored.score);
    let one = ScoredSeries { key: key(Level::ServerPort, None), tally, scored, surprise, score, by_breadth: false };
    let failures: Vec<Failure> = clients
        .iter()
        .map(|&(client, failed)| Failure {
            perspective: Perspective::Private,
            server: SERVER,
            port: 443,
            client,
            outcome: Outcome::NoAnswer,
            observer: String::new(),
            failed,
        })
        .collect();
    let mut view = View::default();
    for &(client, typical) in known {
        let key = key(Level::Client, Some(client));
        let model = SeriesModel { typical, ..SeriesModel::new(&key, tally, 0.0, 1.0 / 96.0) };
        view.series.insert(key, Box::new(model));
    }
    let own: Vec<&Failure> = failures.iter().collect();
    influencers(&one, &own, &by_client(&failures), &view)
        .into_iter()
        .filter(|one| one.field.starts_with("client"))
        .map(|one| (one.field, one.value))
        .collect()
}

fn network_of(count: u8, each: u64) -> Vec<(IpAddr, u64)> {
    (10..10 + count).map(|host| (IpAddr::from([10, 155, 230, host]), each)).collect()
}

#[test]
fn one_client_is_named_and_its_network_is_not() {
    let clients = [usual(), network_of(1, 60)].concat();
    assert_eq!(named(&clients, &[]), [("client_ip".to_owned(), "10.155.230.10".to_owned())]);
}

#[test]
fn many_clients_of_one_network_are_named_by_it() {
    let clients = [usual(), network_of(12, 5)].concat();
    assert_eq!(named(&clients, &[]), [("client_net".to_owned(), "10.155.230.0/24".to_owned())]);
}

#[test]
fn where_every_client_is_of_one_network_it_is_not_named() {
    assert_eq!(named(&network_of(20, 4), &[]), []);
}

#[test]
fn a_busy_client_is_not_named_for_a_rise_of_everybody() {
    let busy = IpAddr::from([10, 50, 0, 9]);
    let mut clients = usual();
    // The others fail twice as often as where it has 12 of 20, and so does it.
    clients[0].1 = 30;
    let by = |usually: f64| named(&clients, &[(busy, usually)]);
    assert_eq!(by(0.0), [("client_ip".to_owned(), busy.to_string())]);
    assert_eq!(by(12.0), []);
}
