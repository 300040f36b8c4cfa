//! Texts and their filters, errors and their places, and what filters find in a store and among anomalies.

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use tracker::Outcome;

use super::*;
use crate::SessionFilter;
use crate::testing::{SECOND, T0, put, session, store, wait};

fn parse(text: &str) -> Filter {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn shown(text: &str) -> String {
    parse(text).to_string()
}

fn refused(text: &str) -> (usize, usize, String) {
    let error = text.parse::<Filter>().unwrap_err();
    (error.column, error.length, error.message)
}

#[test]
fn forms() {
    for (text, canonical) in [
        (
            "server 10.2.0.0/16 and port 443 and not outcome refused",
            "server 10.2.0.0/16 and port 443 and not outcome refused",
        ),
        ("server:10.2.0.7 port=443", "server 10.2.0.7 and port 443"),
        ("Server == 10.2.0.7 AND PORT != 443", "server 10.2.0.7 and not port 443"),
        ("10.2.0.7:443", "server 10.2.0.7 and port 443"),
        ("[2001:db8::7]:443", "server 2001:db8::7 and port 443"),
        ("server 10.2.0.7:443, 10.2.0.8", "(server 10.2.0.7 and port 443) or server 10.2.0.8"),
        (":443", "port 443"),
        ("443", "port 443"),
        ("port 80,443, 8000-8100", "port 80,443,8000-8100"),
        ("10.1.2.3/8", "host 10.0.0.0/8"),
        ("::ffff:10.0.0.1", "host 10.0.0.1"),
        ("::ffff:10.0.0.0/104", "host 10.0.0.0/8"),
        ("client:2001:db8::1", "client 2001:db8::1"),
        (
            "src 10.0.0.1 dst 10.0.0.2 dport 22 sport 1024-65535",
            "client 10.0.0.1 and server 10.0.0.2 and port 22 and client_port 1024-65535",
        ),
        ("refused", "outcome refused"),
        ("outcome no-answer,refused", "outcome no_answer,refused"),
        ("failed or established", "class failed or class established"),
        ("inbound", "perspective inbound"),
        ("perspective in,priv", "perspective inbound,private"),
        ("https", "service https"),
        ("udp and not (proto 47 or proto 99)", "proto udp and not (proto gre or proto 99)"),
        ("exporter eth0", "exporter eth0"),
        ("exporter \"and\", \"a b\", \"x\\\"y\"", "exporter \"and\",\"a b\",\"x\\\"y\""),
        ("exporter 192.0.2.0/24", "exporter 192.0.2.0/24"),
        ("a or b and c", ""),
        ("host 10.0.0.1 or port 22 and tcp", "host 10.0.0.1 or (port 22 and proto tcp)"),
        ("((port 1 or port 2) or port 3)", "port 1 or port 2 or port 3"),
        ("!tcp && !(udp || icmp)", "not proto tcp and not (proto udp or proto icmp)"),
        ("not not tcp", "not not proto tcp"),
    ] {
        if canonical.is_empty() {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        } else {
            assert_eq!(shown(text), canonical, "{text}");
        }
    }
}

#[test]
fn errors_point_at_the_place() {
    let starts = |text: &str, column, length, begin: &str| {
        let (at, long, message) = refused(text);
        assert_eq!((at, long), (column, length), "{text}: {message}");
        assert!(message.starts_with(begin), "{text}: {message}");
    };
    starts("server 10.2.0.0/33", 8, 11, "\"10.2.0.0/33\" is no address");
    starts("port:70000", 6, 5, "\"70000\" is no port");
    starts("port 90-80", 6, 5, "the range 90-80 ends before it begins");
    starts("tcp and outcome refusd", 17, 6, "\"refusd\" is no outcome: did you mean refused?");
    starts("sever 10.0.0.1", 1, 5, "\"sever\" is not understood: did you mean server?");
    starts("ä and xyzzy", 1, 1, "\"ä\" is no field");
    starts("(tcp", 5, 0, "expected a closing bracket");
    starts("tcp)", 4, 1, "this bracket was not opened");
    starts("server", 7, 0, "expected a value of server");
    starts("port 80,", 9, 0, "expected a value of port");
    starts("tcp and", 8, 0, "expected a field");
    starts("tcp , udp", 5, 1, "expected and, or");
    starts("exporter \"x", 10, 2, "this quotation mark has no partner");
    starts("", 1, 0, "expected a field");
    starts(&"(".repeat(60), 52, 1, "brackets and negations go 50 deep");
    starts(&"80,".repeat(3000), 8193, 808, "a filter has at most 8192 characters");
    starts(&format!("port {}", ["1"; 600].join(",")), 1006, 1, "a filter has at most 500 values");
}

fn nets() -> impl Strategy<Value = Vec<IpNet>> {
    let v4 = (any::<[u8; 4]>(), 0..=32u8).prop_map(|(a, len)| IpNet::V4(Ipv4Net::new(a.into(), len).unwrap().trunc()));
    let v6 =
        (any::<[u8; 16]>(), 0..=128u8).prop_map(|(a, len)| IpNet::V6(Ipv6Net::new(a.into(), len).unwrap().trunc()));
    prop::collection::vec(prop_oneof![v4, v6], 1..4)
}

fn tests() -> impl Strategy<Value = Test> {
    let ports = || {
        let range = (any::<u16>(), any::<u16>()).prop_map(|(a, b)| Ports { low: a.min(b), high: a.max(b) });
        prop::collection::vec(range, 1..4)
    };
    let some = |text: &'static str| prop::collection::vec(text, 1..4);
    prop_oneof![
        nets().prop_map(Test::Host),
        nets().prop_map(Test::Client),
        nets().prop_map(Test::Server),
        ports().prop_map(Test::Port),
        ports().prop_map(Test::ClientPort),
        some("[a-z0-9_:.+!=&|\"\\\\ (),-]{1,9}|and|or|not").prop_map(Test::Service),
        some("[A-Zg-z_@!=&|\"\\\\ (),ä]{1,9}|and|or|not")
            .prop_map(|names| Test::Exporter(names.into_iter().map(Exporter::Name).collect())),
        nets().prop_map(|nets| Test::Exporter(nets.into_iter().map(Exporter::Network).collect())),
        prop::sample::subsequence(Outcome::ALL.to_vec(), 1..4).prop_map(Test::Outcome),
        prop::sample::subsequence(OutcomeClass::ALL.to_vec(), 1..4).prop_map(Test::Class),
        prop::sample::subsequence(Perspective::ALL.to_vec(), 1..4).prop_map(Test::Perspective),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(Test::Proto),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    tests().prop_map(Filter::Test).prop_recursive(5, 24, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..4);
        let flat = |filters: Vec<Filter>, and: bool| {
            let part = |filter| match filter {
                Filter::And(parts) if and => parts,
                Filter::Or(parts) if !and => parts,
                other => vec![other],
            };
            filters.into_iter().flat_map(part).collect()
        };
        prop_oneof![
            several().prop_map(move |parts| Filter::And(flat(parts, true))),
            several().prop_map(move |parts| Filter::Or(flat(parts, false))),
            inner.clone().prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(filter in filters()) {
        prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter));
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(text in "\\PC{0,60}|([(),=!:\"\\\\&| a-z0-9./]|and |or |not |port |server ){0,40}") {
        match text.parse::<Filter>() {
            Ok(filter) => prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter)),
            Err(error) => {
                let length = text.chars().count();
                prop_assert!((1..=length + 1).contains(&error.column), "{:?}", error);
                prop_assert!(error.column + error.length <= length + 1, "{:?}", error);
            }
        }
    }
}

#[test]
fn sessions_of_a_store() {
    let (_folder, store) = store();
    let mut records = vec![
        session(0, T0, "10.0.0.7", "10.2.0.7", 443, Outcome::Refused),
        session(1, T0 + SECOND, "10.0.0.8", "10.2.0.7", 443, Outcome::Closed),
        session(2, T0 + 2 * SECOND, "2001:db8::9", "2001:db8::1", 8080, Outcome::NoAnswer),
        session(3, T0 + 3 * SECOND, "192.0.2.1", "10.3.0.1", 60_001, Outcome::Midstream),
    ];
    records[0].observer = "192.0.2.50".into();
    records[2].observer = "198.51.100.1".into();
    records[3].observer = "198.51.100.1".into();
    records[1].observer = "eth0".into();
    records[1].observers = vec!["eth0".into(), "192.0.2.77".into()];
    put(&store, "q", &records);
    let found = |text: &str| {
        let filter = SessionFilter { filter: Some(parse(text)), ..SessionFilter::between(0, i64::MAX / 4) };
        let page = wait(store.sessions_page(&filter, None, 100)).unwrap();
        let mut ids: Vec<u64> = page.items.iter().map(|record| record.session_id).collect();
        ids.sort_unstable();
        ids
    };
    for (text, ids) in [
        ("server 10.2.0.0/16", vec![0, 1]),
        ("server 10.2.0.0/16 and not outcome refused", vec![1]),
        ("host 2001:db8::/32", vec![2]),
        ("not host 2001:db8::/32", vec![0, 1, 3]),
        ("port 400-500,8080", vec![0, 1, 2]),
        ("service https", vec![0, 1]),
        // A port without a name is not https either.
        ("not service https", vec![2, 3]),
        ("failed", vec![0, 2]),
        ("not (failed or established)", vec![3]),
        ("exporter 192.0.2.0/24", vec![0, 1]),
        ("exporter 192.0.2.77", vec![1]),
        ("exporter eth0", vec![1]),
        ("not exporter 192.0.2.0/24", vec![2, 3]),
        ("udp", vec![]),
        ("10.2.0.7:443 client 10.0.0.8", vec![1]),
    ] {
        assert_eq!(found(text), ids, "{text}");
    }
}
