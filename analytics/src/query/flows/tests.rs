//! Counts of small worlds, and of a flood.

use super::*;
use crate::testing::{SECOND, T0, put, session, store, wait};

fn all() -> SessionFilter {
    SessionFilter::between(0, i64::MAX / 4)
}

#[test]
fn the_largest_are_named_and_the_others_summed() {
    let (_folder, store) = store();
    let mut records = Vec::new();
    for n in 0..60_u64 {
        let client = format!("10.0.{}.{}", n % 3, n);
        let (server, port) = if n % 10 == 0 { ("10.9.0.1", 25) } else { ("10.2.0.7", 443) };
        let outcome = if n % 2 == 0 { Outcome::Refused } else { Outcome::Closed };
        records.push(session(n, T0 + n.cast_signed() * SECOND, &client, server, port, outcome));
    }
    put(&store, "f", &records);
    let flows = wait(store.flows(&all(), ClientGroup::Prefix, 10)).unwrap();
    assert_eq!(flows.sessions, 60);
    let sum = |test: &dyn Fn(&FlowPath) -> bool| -> u64 {
        flows.paths.iter().filter(|path| test(path)).map(|path| path.sessions).sum()
    };
    assert_eq!(sum(&|path| path.client == Some("10.0.1.0/24".parse().unwrap())), 20);
    assert_eq!(sum(&|path| path.port == Some(25) && path.outcome == Outcome::Refused), 6);
    assert_eq!(flows.paths.len(), 9, "three groups, two servers, two outcomes at one of them: {flows:?}");

    let one = wait(store.flows(&all(), ClientGroup::Address, 1)).unwrap();
    assert_eq!(one.sessions, 60);
    assert!(one.paths.iter().any(|path| path.server.is_none() && path.sessions > 0));
    assert!(one.paths.iter().all(|path| path.client.is_none_or(|net| net.prefix_len() == 32)));
    let filter = SessionFilter { filter: Some("port 25".parse().unwrap()), ..all() };
    assert_eq!(wait(store.flows(&filter, ClientGroup::Prefix, 10)).unwrap().sessions, 6);
    assert_eq!(wait(store.flows(&SessionFilter::between(0, 1), ClientGroup::Prefix, 10)).unwrap(), Flows::default());
}

#[test]
fn a_flood_of_values_keeps_the_frequent_ones_and_little_memory() {
    let mut tally = Tally::default();
    for n in 0..1_000_000_u64 {
        tally.add(if n % 50 == 0 { 7 } else { 1_000 + n });
        assert!(tally.counts.len() <= MOST_COUNTED);
    }
    assert_eq!(tally.largest(1), [7]);
}

#[test]
fn groups_are_prefixes_of_their_family() {
    let group = |text: &str| {
        let key = address_key(text.parse().unwrap());
        ClientGroup::Prefix.network(ClientGroup::Prefix.of(key)).to_string()
    };
    assert_eq!(group("10.1.2.3"), "10.1.2.0/24");
    assert_eq!(group("2001:db8:1:2::3"), "2001:db8:1::/48");
    assert_eq!(group("::1"), "::/48");
    assert_eq!(ClientGroup::Address.network(address_key("10.1.2.3".parse().unwrap())).to_string(), "10.1.2.3/32");
}
