//! Bucket counts: the SQL's answers, late files, pooling.

use std::collections::HashSet;
use std::fmt::Write as _;

use jobs::{Level, SeriesKey};
use proptest::prelude::*;
use tracker::{EndReason, Outcome, Perspective, SessionRecord};

use super::count::Limits;
use super::counts::{BucketCounts, TCP_FAILURES};
use super::dataset::CountStore;
use super::levels::Levels;
use super::stored;
use crate::key::series_label;
use crate::testing::{SECOND, T0, put, session, store, wait};

const LIMITS: Limits = Limits { series: 50, quiet: 5 };
const START: i64 = T0 / SECOND;

fn update(counts: &mut CountStore, sealed: i64) -> Vec<i64> {
    wait(counts.update(sealed, &mut |_, _| {})).unwrap()
}

fn shown(counts: &BucketCounts) -> String {
    let mut text = String::new();
    for (perspective, counts) in &counts.perspectives {
        writeln!(text, "{perspective}: observers {:?}", counts.observers).unwrap();
        for (key, tally) in &counts.series {
            let outcomes: Vec<String> = TCP_FAILURES
                .iter()
                .zip(tally.outcomes)
                .filter(|(_, n)| *n > 0)
                .map(|(o, n)| format!("{o} {n}"))
                .collect();
            let line = format!(
                "{} of {} failed, {} clients, {} servers, {} ports: {}",
                tally.failed,
                tally.attempts,
                tally.clients,
                tally.servers,
                tally.ports,
                outcomes.join(", ")
            );
            writeln!(text, "  {}: {line}", series_label(key)).unwrap();
        }
        for (level, pool) in &counts.pools {
            writeln!(text, "  pooled {level:?}: {pool:?}").unwrap();
        }
    }
    text
}

fn small_world() -> Vec<SessionRecord> {
    let mut records = vec![
        session(1, T0 + SECOND, "10.0.0.1", "10.0.0.9", 443, Outcome::Refused),
        session(2, T0 + 2 * SECOND, "10.0.0.1", "10.0.0.9", 443, Outcome::NoAnswer),
        session(3, T0 + 3 * SECOND, "10.0.0.2", "10.0.0.9", 443, Outcome::Closed),
        session(4, T0 + 4 * SECOND, "10.0.0.2", "10.0.0.9", 22, Outcome::Refused),
        session(5, T0 + 5 * SECOND, "8.8.8.8", "10.0.0.9", 443, Outcome::HalfOpen),
        // None of these counts: a probe, one without a known end, UDP, an interim record, a link-local client.
        session(6, T0 + 6 * SECOND, "10.0.0.3", "10.0.0.9", 443, Outcome::ScanFin),
        session(7, T0 + 6 * SECOND, "10.0.0.3", "10.0.0.9", 443, Outcome::Midstream),
        session(8, T0 + 6 * SECOND, "10.0.0.3", "10.0.0.9", 53, Outcome::UdpNoReply),
        session(9, T0 + 6 * SECOND, "10.0.0.3", "10.0.0.9", 443, Outcome::Open),
        session(10, T0 + 6 * SECOND, "169.254.0.3", "10.0.0.9", 443, Outcome::Refused),
        session(11, T0 + 6 * SECOND, "fe80::3", "fd00::9", 443, Outcome::Refused),
    ];
    records[7].proto = 17;
    records[8].end_reason = EndReason::Active;
    records
}

#[test]
fn bucket_sql() {
    let (_folder, store) = store();
    put(&store, "a", &small_world());
    let mut counts = CountStore::open(&store, 900, LIMITS).unwrap();
    assert_eq!(update(&mut counts, START + 900), [START]);
    let read = counts.read(START, START + 900);
    insta::assert_snapshot!(shown(&read[&START]));
    let batch = stored::to_batch([(START, read[&START].as_ref())]).unwrap();
    let mut back = std::collections::BTreeMap::new();
    stored::from_batch(&batch, &mut back).unwrap();
    assert_eq!(back[&START], *read[&START]);
}

#[test]
fn only_sealed_new_and_changed_buckets_are_counted() {
    let (_folder, store) = store();
    let at = |bucket: i64, id| session(id, T0 + bucket * 60 * SECOND, "10.0.0.1", "10.0.0.9", 443, Outcome::Refused);
    put(&store, "a", &[at(0, 1), at(1, 2), at(5, 3)]);
    let mut counts = CountStore::open(&store, 60, LIMITS).unwrap();
    assert_eq!(update(&mut counts, START + 120), [START, START + 60]);
    assert_eq!(update(&mut counts, START + 120), [0; 0]);
    put(&store, "late", &[at(1, 4)]);
    let mut reopened = CountStore::open(&store, 60, LIMITS).unwrap();
    assert_eq!(update(&mut reopened, START + 600), [START + 60, START + 120, START + 180, START + 240, START + 300]);
    let read = reopened.read(START, START + 600);
    let failed =
        |start| read.get(&start).map(|c| c.perspectives[&Perspective::Private].total(Perspective::Private).failed);
    assert_eq!(
        [failed(START), failed(START + 60), failed(START + 120), failed(START + 300)],
        [Some(1), Some(2), None, Some(1)]
    );
    reopened.compact(START / 86_400 + 1).unwrap();
    assert_eq!(reopened.read(START, START + 600), read);
    assert_eq!(update(&mut reopened, START + 600), [0; 0]);
}

#[test]
fn a_port_scan_is_pooled_and_nothing_is_lost() {
    let (_folder, store) = store();
    let mut records: Vec<_> = (1..=5_000)
        .map(|port| session(u64::from(port), T0 + SECOND, "8.8.8.8", "10.0.0.9", port, Outcome::Refused))
        .collect();
    records.extend((0..9).map(|n| session(n, T0 + SECOND, "10.0.0.1", "10.0.0.8", 443, Outcome::Refused)));
    put(&store, "scan", &records);
    let mut counts = CountStore::open(&store, 900, LIMITS).unwrap();
    update(&mut counts, START + 900);
    let read = counts.read(START, START + 900);
    let inbound = &read[&START].perspectives[&Perspective::Inbound];
    let of_level = |level| inbound.series.iter().filter(move |(key, _)| key.level == level);
    assert_eq!(of_level(Level::ServerPort).count(), 50);
    let pool = inbound.pools[&Level::ServerPort];
    assert_eq!((pool.members, pool.tally.failed, pool.highest), (4_950, 4_950, 1));
    let server = of_level(Level::Server).next().unwrap().1;
    assert_eq!((server.failed, server.ports, server.clients), (5_000, 5_000, 1));
}

#[test]
fn merging_files_changes_no_bucket() {
    let (_folder, store) = store();
    for n in 0..9 {
        let at = T0 + i64::try_from(n).unwrap() * 100 * SECOND;
        put(&store, &format!("m{n}"), &[session(n, at, "10.0.0.1", "10.0.0.9", 443, Outcome::Refused)]);
    }
    let mut counts = CountStore::open(&store, 60, LIMITS).unwrap();
    assert_eq!(update(&mut counts, START + 1_200).len(), 9);
    let later = T0 + 10 * 3_600 * SECOND;
    assert_eq!(store.compact(later, 0).unwrap(), 9);
    let mut reopened = CountStore::open(&store, 60, LIMITS).unwrap();
    assert_eq!(update(&mut reopened, START + 1_200), [0; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn parties_are_counted_once(rows in proptest::collection::vec((0_u8..4, 0_u8..3, 0_u16..3, 0_usize..4), 1..40)) {
        const OUTCOMES: [Outcome; 4] = [Outcome::Closed, Outcome::Refused, Outcome::NoAnswer, Outcome::HalfOpen];
        let (_folder, store) = store();
        let record = |(id, &(client, server, port, outcome)): (u64, &(u8, u8, u16, usize))| {
            let (client, server) = (format!("10.0.0.{client}"), format!("10.0.1.{server}"));
            session(id, T0 + SECOND, &client, &server, 440 + port, OUTCOMES[outcome])
        };
        let records: Vec<_> = (0..).zip(&rows).map(record).collect();
        put(&store, "p", &records);
        let mut counts = CountStore::open(&store, 900, Limits { series: 1_000, quiet: 1_000 }).unwrap();
        update(&mut counts, START + 900);
        let read = counts.read(START, START + 900);
        for (key, tally) in &read[&START].perspectives[&Perspective::Private].series {
            let SeriesKey { server, port, client, .. } = *key;
            let own = |record: &&SessionRecord| {
                server.is_none_or(|ip| record.server.ip == ip)
                    && port.is_none_or(|port| record.server.port == port)
                    && client.is_none_or(|ip| record.client.ip == ip)
            };
            let failed: Vec<_> = records.iter().filter(own).filter(|record| record.outcome.is_failed()).collect();
            let distinct = |party: fn(&SessionRecord) -> String| {
                failed.iter().map(|record| party(record)).collect::<HashSet<_>>().len() as u64
            };
            prop_assert_eq!(tally.attempts, records.iter().filter(own).count() as u64);
            prop_assert_eq!(tally.failed, failed.len() as u64);
            prop_assert_eq!(tally.outcomes.iter().sum::<u64>(), tally.failed);
            prop_assert_eq!(tally.clients, distinct(|record| record.client.ip.to_string()));
            prop_assert_eq!(tally.servers, distinct(|record| record.server.ip.to_string()));
            prop_assert_eq!(tally.ports, distinct(|record| record.server.port.to_string()));
        }
    }

    #[test]
    fn parts_counted_apart_come_to_the_same(
        rows in proptest::collection::vec((0_u8..9, 0_u8..5, 0_u16..4, any::<bool>(), any::<bool>()), 1..80),
        (series, quiet) in (1_u32..20, 0_u32..20),
    ) {
        let (mut whole, mut parts) = (Levels::default(), [Levels::default(), Levels::default()]);
        for (client, server, port, fails, part) in rows {
            let failure = fails.then_some(Outcome::Refused);
            let (server, client) = (u128::from(server), u128::from(client));
            whole.add(server, port, client, failure);
            parts[usize::from(part)].add(server, port, client, failure);
        }
        let [mut one, other] = parts;
        one.merge(other);
        let limits = Limits { series, quiet };
        let counted = whole.finish(Perspective::Private, limits);
        prop_assert_eq!(&one.finish(Perspective::Private, limits), &counted);
        // Whatever is pooled, each level has every session.
        let failed = |level| {
            let kept = counted.series.iter().filter(|(key, _)| key.level == level).map(|(_, tally)| tally.failed);
            kept.sum::<u64>() + counted.pools.get(&level).map_or(0, |pool| pool.tally.failed)
        };
        for level in crate::key::LEVELS {
            prop_assert_eq!(failed(level), failed(Level::Perspective));
        }
    }
}
