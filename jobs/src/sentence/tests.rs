//! Sentences for every level and outcome.

use tracker::Perspective;

use super::*;
use crate::result::{Explanation, Influencer};
use crate::score::Score;

/// Tuesday 2026-03-10 14:00 UTC.
const TUESDAY_14: i64 = 1_773_151_200_000;

fn record(level: Level) -> AnomalyRecord {
    let server = matches!(level, Level::ServerPort | Level::Server).then(|| IpAddr::from([10, 2, 0, 7]));
    let port = matches!(level, Level::ServerPort | Level::Port).then_some(443);
    let client = (level == Level::Client).then(|| IpAddr::from([10, 1, 0, 5]));
    let usual = crate::testing::record(7, 91.0, TUESDAY_14);
    AnomalyRecord {
        series: SeriesKey { perspective: Perspective::Inbound, level, server, port, client },
        service: port.map(|_| "https".to_owned()),
        probability: 1e-30,
        explanation: Explanation { single_bucket_impact: 30, ..usual.explanation },
        influencers: Vec::new(),
        ..usual
    }
}

fn said(record: &AnomalyRecord) -> String {
    sentence(record, Tz::UTC)
}

#[test]
fn every_level() {
    let cases = [
        (
            Level::ServerPort,
            "10.2.0.7:443 refused 412 of 430 connection attempts from 38 clients; usual for Tuesday 14:00: 9",
        ),
        (Level::Server, "10.2.0.7 refused 412 of 430 connection attempts from 38 clients; usual for Tuesday 14:00: 9"),
        (
            Level::Port,
            "412 of 430 connection attempts to port 443 (https) from 38 clients were refused; \
             usual for Tuesday 14:00: 9",
        ),
        (Level::Client, "client 10.1.0.5 was refused in 412 of 430 connection attempts; usual for Tuesday 14:00: 9"),
        (
            Level::Perspective,
            "412 of 430 inbound connection attempts from 38 clients were refused; usual for Tuesday 14:00: 9",
        ),
    ];
    for (level, expected) in cases {
        assert_eq!(said(&record(level)), expected);
    }
}

#[test]
fn every_failed_outcome_has_its_words() {
    for &outcome in Outcome::ALL.iter().filter(|outcome| outcome.is_failed()) {
        for level in [Level::ServerPort, Level::Client, Level::Perspective] {
            let mut record = record(level);
            record.outcomes[0].outcome = outcome;
            let text = said(&record);
            assert!(!text.contains(" failed"), "{text}");
            assert!(text.contains("412 of 430 ") && text.contains(" connection attempts"), "{text}");
        }
    }
}

#[test]
fn the_time_is_the_readers() {
    let text = sentence(&record(Level::Server), Tz::Asia__Tokyo);
    assert!(text.ends_with("usual for Tuesday 23:00: 9"), "{text}");
    let text = sentence(&record(Level::Server), Tz::Pacific__Auckland);
    assert!(text.ends_with("usual for Wednesday 03:00: 9"), "{text}");
}

#[test]
fn several_outcomes() {
    let mut mixed = record(Level::ServerPort);
    mixed.outcomes = vec![
        OutcomeCount { outcome: Outcome::Refused, count: 300 },
        OutcomeCount { outcome: Outcome::NoAnswer, count: 112 },
    ];
    assert!(
        said(&mixed).starts_with("10.2.0.7:443 refused 300 of 430 connection attempts (412 failed in all) from 38")
    );
    mixed.outcomes = vec![
        OutcomeCount { outcome: Outcome::Refused, count: 150 },
        OutcomeCount { outcome: Outcome::NoAnswer, count: 140 },
        OutcomeCount { outcome: Outcome::HalfOpen, count: 122 },
    ];
    assert!(
        said(&mixed).starts_with(
            "412 of 430 connection attempts to 10.2.0.7:443 from 38 clients failed (150 refused, 140 unanswered);"
        ),
        "{}",
        said(&mixed)
    );
    mixed.outcomes.clear();
    assert!(said(&mixed).starts_with("412 of 430 connection attempts to 10.2.0.7:443 from 38 clients failed;"));
}

#[test]
fn all_one_and_unknown_totals() {
    let mut all = record(Level::ServerPort);
    all.attempts = 412;
    assert!(said(&all).starts_with("10.2.0.7:443 refused all 412 connection attempts from"));
    all.attempts = 0;
    assert!(said(&all).starts_with("10.2.0.7:443 refused 412 connection attempts from"));
    let mut one = record(Level::Port);
    (one.actual, one.attempts, one.clients, one.outcomes[0].count) = (1.0, 1, 1, 1);
    assert!(said(&one).starts_with("the only connection attempt to port 443 (https) from 1 client was refused;"));
    one.influencers.push(Influencer {
        field: "client_ip".to_owned(),
        value: "2001:db8::1".to_owned(),
        share: 1.0,
        usual_share: 0.0,
        score: Score::new(99.0),
    });
    assert!(said(&one).contains(" from 2001:db8::1 was refused; usual"));
}

#[test]
fn dips() {
    let mut dip = record(Level::ServerPort);
    dip.explanation.spike = false;
    dip.actual = 2.0;
    assert!(said(&dip).starts_with("only 2 of 430 connection attempts to 10.2.0.7:443 from 38 clients failed; usual"));
    dip.actual = 0.0;
    assert!(said(&dip).starts_with("none of 430 connection attempts to 10.2.0.7:443 failed; usual"));
    dip.attempts = 0;
    assert!(said(&dip).starts_with("none of the connection attempts to 10.2.0.7:443 failed; usual"));
}

#[test]
fn since_when() {
    let mut long = record(Level::ServerPort);
    long.explanation.length = 4;
    assert!(said(&long).ends_with("; usual for Tuesday 14:00: 9; high since 13:15"));
    long.explanation.length = 96;
    assert!(said(&long).ends_with("; high since Monday 14:15"));
    long.explanation.length = 96 * 10;
    assert!(said(&long).ends_with("; high since 2026-02-28 14:15"));
    long.explanation.length = u32::MAX;
    long.timestamp = i64::MIN;
    assert!(!said(&long).is_empty());
}

#[test]
fn ipv6_and_numbers() {
    let mut six = record(Level::ServerPort);
    six.series.server = Some("2001:db8::7".parse().unwrap());
    six.expected.typical = 0.04;
    assert!(said(&six).starts_with("[2001:db8::7]:443 refused"));
    assert!(said(&six).ends_with(": 0"));
    let cases = [
        (0.25, "0.3"),
        (9.94, "9.9"),
        (9.96, "10"),
        (1234.4, "1234"),
        (12_345.0, "12,345"),
        (f64::NAN, "0"),
        (-3.0, "0"),
    ];
    for (value, text) in cases {
        assert_eq!(quantity(value), text);
    }
    assert_eq!(grouped(1_234_567), "1,234,567");
    assert_eq!(grouped(123_456), "123,456");
}

#[test]
fn a_network_behind_many_clients_is_named() {
    let mut record = record(Level::ServerPort);
    let (field, value) = ("client_net".to_owned(), "10.155.230.0/24".to_owned());
    record.influencers = vec![Influencer { field, value, share: 0.75, usual_share: 0.1, score: Score::new(80.0) }];
    assert!(said(&record).contains(" from 38 clients, mostly of 10.155.230.0/24; usual for"), "{}", said(&record));
    record.influencers[0].share = 0.45;
    assert!(said(&record).contains(" from 38 clients; usual for"), "{}", said(&record));
}
