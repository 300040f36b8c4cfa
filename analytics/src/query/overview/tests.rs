//! Counts of small worlds.

use tracker::EndReason;

use super::*;
use crate::testing::{SECOND, T0, put, session, store, wait};

#[test]
fn every_session_is_in_one_cell_and_the_filter_decides_which_count() {
    let (_folder, store) = store();
    let mut records = Vec::new();
    for n in 0..100_u64 {
        let outcome = if n % 4 == 0 { Outcome::Refused } else { Outcome::Closed };
        let port = if n % 10 == 0 { 25 } else { 443 };
        records.push(session(n, T0 + n.cast_signed() * 60 * SECOND, "10.0.0.1", "10.2.0.7", port, outcome));
    }
    // An interim record of a session whose final one is there as well.
    let mut interim = records[0].clone();
    interim.end_reason = EndReason::Active;
    records.push(interim);
    put(&store, "f", &records);
    let all = SessionFilter::between(0, i64::MAX / 4);
    let step = 600 * SECOND;
    let overview = wait(store.overview(&all, step)).unwrap();
    assert_eq!(overview.outcomes(), BTreeMap::from([(Outcome::Closed, 75), (Outcome::Refused, 25)]));
    for ((cell, outcome), count) in &overview.cells {
        let inside = |r: &&tracker::SessionRecord| {
            r.outcome == *outcome && (*cell..cell + step).contains(&r.end) && r.end_reason != EndReason::Active
        };
        assert_eq!(records.iter().filter(inside).count() as u64, *count, "{cell} {outcome:?}");
        assert_eq!(cell % step, 0);
    }
    let filter = SessionFilter { filter: Some("port 25 and outcome refused".parse().unwrap()), ..all };
    assert_eq!(wait(store.overview(&filter, step)).unwrap().outcomes(), BTreeMap::from([(Outcome::Refused, 5)]));
    assert_eq!(wait(store.overview(&SessionFilter::between(0, 1), step)).unwrap(), Overview::default());
}

#[test]
fn what_is_kept_of_files_gives_the_same_as_counting_again() {
    let (_folder, store) = store();
    let at = |n: u64| T0 + n.cast_signed() * 60 * SECOND;
    let all: Vec<_> = (0..60)
        .map(|n| {
            let outcome = if n % 3 == 0 { Outcome::NoAnswer } else { Outcome::Closed };
            session(n, at(n), "10.0.0.1", "10.2.0.7", if n % 2 == 0 { 443 } else { 25 }, outcome)
        })
        .collect();
    let step = 300 * SECOND;
    let filters = [None, Some("port 25"), Some("outcome no_answer or port 443")];
    for (n, part) in all.chunks(10).enumerate() {
        put(&store, &format!("f{n}"), part);
        // Whole files and parts of files, asked twice; another store has nothing kept.
        for (from, to) in [(0, i64::MAX / 4), (at(5), at(33)), (at(7), at(8))] {
            for text in filters {
                let filter = SessionFilter {
                    filter: text.map(|text| text.parse().unwrap()),
                    ..SessionFilter::between(from, to)
                };
                let fresh = wait(SessionStore::open(store.root()).unwrap().overview(&filter, step)).unwrap();
                assert_eq!(wait(store.overview(&filter, step)).unwrap(), fresh, "{from} {to} {text:?}");
                assert_eq!(wait(store.overview(&filter, step)).unwrap(), fresh, "again: {from} {to} {text:?}");
            }
        }
    }
    assert!(!store.counted().files.is_empty());
}

#[test]
fn no_more_is_kept_than_was_agreed() {
    let mut counted = Counted::default();
    for n in 0..100 {
        let cells = vec![(0, Outcome::Closed, 1); MOST_KEPT / 10 - 1];
        counted.keep((PathBuf::from(n.to_string()), "true".into(), 1), Arc::new(cells));
        assert!(counted.size <= MOST_KEPT);
    }
    assert_eq!((counted.files.len(), counted.order.len()), (10, 10));
}
