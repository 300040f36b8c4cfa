//! Sessions are handed over once, whole, and never beyond the room there is.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use analytics::WriterSettings;
use tracker::{Endpoint, SessionBatchBuilder, SessionRecord};

use super::*;
use crate::delivery::spool::Spool;

const NOW: i64 = 1_763_700_000_000;

/// Writes a file of these sessions; a session ends as many minutes before now as its id says.
fn put(store: &SessionStore, ids: std::ops::Range<u64>) {
    let mut writer = store.writer("t", WriterSettings { max_rows: 1_000_000, max_age: Duration::MAX });
    let mut builder = SessionBatchBuilder::default();
    for id in ids {
        let end = |last| Endpoint { ip: IpAddr::from([10, 0, 0, last]), port: 443 };
        let time = (NOW - i64::try_from(id % 30).unwrap() * 60_000) * 1_000;
        builder.push(&SessionRecord::new(id, time, 6, end(1), end(2)));
    }
    writer.append(&builder.finish().unwrap(), NOW * 1_000).unwrap();
    writer.flush().unwrap();
}

fn feed(dir: &Path, bytes: u64, history: u64) -> (Feed, Queue) {
    let queue = Queue::new(Spool::open(&dir.join("spool"), bytes).unwrap());
    let history = crate::config::section::Span::seconds(history);
    let sink = Sink { documents: vec![Wanted::Sessions], history, ..Sink::default() };
    let ledger = Ledger::open(dir, NOW).unwrap();
    (Feed::new(&sink, queue.clone(), ledger, &Prefix::default()), queue)
}

fn ids(items: Vec<Item>) -> Vec<u64> {
    let id = |item: &Item| u64::from_str_radix(item.id.strip_prefix("session_").unwrap(), 16).unwrap();
    let mut ids: Vec<u64> = items.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_is_new_is_handed_over_once_and_restarts_change_nothing() {
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SessionStore::open(folder.path()).unwrap();
    let results = ResultStore::open(&store);
    put(&store, 0..100);
    let (mut first, queue) = feed(place.path(), 1 << 30, 86_400);
    first.advance(&store, &results, NOW).unwrap();
    assert_eq!(ids(queue.drain()), (0..100).collect::<Vec<_>>());
    first.advance(&store, &results, NOW).unwrap();
    assert!(queue.drain().is_empty());
    drop((first, queue));

    let (mut second, queue) = feed(place.path(), 1 << 30, 86_400);
    put(&store, 100..150);
    second.advance(&store, &results, NOW).unwrap();
    assert_eq!(ids(queue.drain()), (100..150).collect::<Vec<_>>());
}

#[test]
fn a_full_spool_is_waited_for_and_nothing_is_left_out() {
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SessionStore::open(folder.path()).unwrap();
    let results = ResultStore::open(&store);
    put(&store, 0..20_000);
    let (mut feed, queue) = feed(place.path(), 4 << 20, 86_400);
    let mut taken = Vec::new();
    for round in 0.. {
        feed.advance(&store, &results, NOW).unwrap();
        let part = queue.drain();
        if part.is_empty() {
            assert!(round > 1, "it does not fit at once");
            break;
        }
        assert!(part.len() < 20_000);
        taken.extend(part);
    }
    assert_eq!(ids(taken), (0..20_000).collect::<Vec<_>>());
}

#[test]
fn what_is_too_old_at_the_first_start_is_left_out() {
    let (folder, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = SessionStore::open(folder.path()).unwrap();
    put(&store, 0..30);
    let (mut feed, queue) = feed(place.path(), 1 << 30, 600);
    feed.advance(&store, &ResultStore::open(&store), NOW).unwrap();
    assert_eq!(ids(queue.drain()), (0..=10).collect::<Vec<_>>());
}
