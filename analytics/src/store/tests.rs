//! Crash consistency, corrupt files, pages.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tracker::{Outcome, SessionRecord};

use super::*;
use crate::testing::{SECOND, T0, batch, put, session, store, wait, writer};

fn all(store: &SessionStore) -> Vec<SessionRecord> {
    wait(store.sessions_page(&SessionFilter::between(0, layout::LATEST), None, 10_000)).unwrap().items
}

fn some(count: u64) -> Vec<SessionRecord> {
    (0..count)
        .map(|n| {
            session(n, T0 + i64::try_from(n).unwrap() * 400 * SECOND, "10.0.0.1", "10.0.0.2", 443, Outcome::Refused)
        })
        .collect()
}

fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(parquet_files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn sessions_come_back_newest_first_from_hive_paths() {
    let (folder, store) = store();
    let records = some(40);
    put(&store, "lab-1", &records);
    let expected: Vec<_> = records.iter().rev().cloned().collect();
    assert_eq!(all(&store), expected);
    let files = parquet_files(&folder.path().join("sessions"));
    assert_eq!(files.len(), 5, "one file per hour");
    assert!(files[0].to_str().unwrap().contains("sessions/date=2025-11-03/hour=00/lab-1-"), "{:?}", files[0]);
    let other = SessionStore::open_existing(folder.path()).unwrap();
    assert_eq!(all(&other), expected);
}

#[test]
fn a_kill_loses_only_what_was_not_flushed() {
    let (folder, store) = store();
    let records = some(20);
    let mut killed = writer(&store, "a");
    killed.append(&batch(&records[..12]), T0).unwrap();
    killed.flush().unwrap();
    killed.append(&batch(&records[12..]), T0).unwrap();
    std::mem::forget(killed);
    let leftover = folder.path().join("tmp").join("a-01ARZ3NDEKTSV4RRFFQ69G5FAV.parquet");
    let others = folder.path().join("tmp").join("a-b-01ARZ3NDEKTSV4RRFFQ69G5FAV.parquet");
    fs::write(&leftover, b"half a file").unwrap();
    fs::write(&others, b"half a file").unwrap();
    let store = SessionStore::open(folder.path()).unwrap();
    assert_eq!(all(&store).len(), 12);
    let _again = writer(&store, "a");
    assert!(!leftover.exists());
    assert!(others.exists(), "another collector's unfinished file is its own business");
    assert_eq!(all(&store).len(), 12);
}

#[test]
fn corrupt_files_are_skipped_and_reported() {
    let (folder, store) = store();
    put(&store, "good", &some(5));
    put(&store, "cut", &some(5));
    put(&store, "rotten", &some(5));
    let files = parquet_files(&folder.path().join("sessions"));
    let named =
        |prefix: &str| files.iter().find(|f| f.file_name().unwrap().to_str().unwrap().starts_with(prefix)).unwrap();
    let whole = fs::read(named("cut")).unwrap();
    fs::write(named("cut"), &whole[..whole.len() / 2]).unwrap();
    let mut bytes = fs::read(named("rotten")).unwrap();
    bytes[4..400].fill(0xff);
    fs::write(named("rotten"), &bytes).unwrap();
    let store = SessionStore::open(folder.path()).unwrap();
    assert_eq!(all(&store).len(), 5);
    let skipped = store.report().skipped;
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    assert!(skipped.iter().all(|file| !file.reason.is_empty()));
}

#[test]
fn age_and_rows_flush() {
    let (_folder, store) = store();
    let settings = WriterSettings { max_rows: 10, max_age: std::time::Duration::from_secs(5) };
    let mut writer = store.writer("w", settings);
    writer.append(&batch(&some(4)), T0).unwrap();
    writer.tick(T0 + 4 * SECOND).unwrap();
    assert_eq!(writer.waiting(), 4);
    writer.tick(T0 + 5 * SECOND).unwrap();
    assert_eq!((writer.waiting(), writer.stats().rows_written), (0, 4));
    writer.append(&batch(&some(10)), T0 + 6 * SECOND).unwrap();
    assert_eq!(writer.waiting(), 0);
    let mut absurd = some(1);
    absurd[0].end = i64::MAX;
    writer.append(&batch(&absurd), T0).unwrap();
    let stats = writer.stats();
    assert_eq!((stats.rows_in, stats.rows_written, stats.rows_implausible), (15, 14, 1));
}

#[test]
fn an_unwritable_root_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = SessionStore::open(&file).unwrap_err().to_string();
    assert!(error.contains("file"), "{error}");
    assert!(matches!(SessionStore::open_existing(&folder.path().join("no")), Err(StoreError::Missing(_))));
}

#[test]
fn filters_and_unknown_cursors() {
    let (_folder, store) = store();
    let mut records = some(6);
    records[2].outcome = Outcome::Closed;
    records[3] = session(3, records[3].end, "10.1.0.1", "192.0.2.9", 80, Outcome::NoAnswer);
    put(&store, "w", &records);
    let count = |change: &dyn Fn(&mut SessionFilter)| {
        let mut filter = SessionFilter::between(0, layout::LATEST);
        change(&mut filter);
        wait(store.sessions_page(&filter, None, 100)).unwrap().items.len()
    };
    assert_eq!(count(&|f| f.outcome = Some(Outcome::Refused)), 4);
    assert_eq!(count(&|f| f.client = "10.1.0.0/16".parse().ok()), 1);
    assert_eq!(count(&|f| f.server_port = Some(80)), 1);
    assert_eq!(count(&|f| f.class = Some(tracker::OutcomeClass::Established)), 1);
    assert_eq!(count(&|f| f.observer = Some("nobody".to_owned())), 0);
    assert_eq!(count(&|f| f.to = T0 + 400 * SECOND), 1);
    let error = wait(store.sessions_page(&SessionFilter::between(0, 1), Some("x"), 5)).unwrap_err();
    assert_eq!(error.to_string(), r#"unknown cursor "x""#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn pages_together_are_everything_once(ends in proptest::collection::vec((0i64..9, 0u64..3), 1..20), limit in 1usize..7) {
        let (_folder, store) = store();
        let records: Vec<_> = ends
            .iter()
            .map(|(end, id)| session(*id, T0 + end * 1_000 * SECOND, "10.0.0.1", "10.0.0.2", 443, Outcome::Closed))
            .collect();
        for (n, part) in records.chunks(2).enumerate() {
            put(&store, &format!("p{n}"), part);
        }
        let filter = SessionFilter::between(0, layout::LATEST);
        let (mut cursor, mut seen) = (None::<String>, Vec::new());
        loop {
            let page = wait(store.sessions_page(&filter, cursor.as_deref(), limit)).unwrap();
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let key = |r: &SessionRecord| (r.end, r.session_id);
        let mut expected: Vec<_> = records.iter().map(key).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        prop_assert_eq!(seen.iter().map(key).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn merging_small_files_changes_nothing_that_is_read() {
    let (folder, store) = store();
    for (n, record) in some(18).iter().enumerate() {
        put(&store, &format!("c{n}"), std::slice::from_ref(record));
    }
    let before = all(&store);
    let count = || parquet_files(&folder.path().join("sessions")).len();
    assert_eq!((before.len(), count()), (18, 18));
    let later = T0 + 10 * layout::HOUR;
    assert_eq!(store.compact(later, 0).unwrap(), 18);
    let fresh = SessionStore::open(folder.path()).unwrap();
    assert_eq!(all(&fresh), before, "while replaced files are still there");
    assert_eq!(fresh.compact(later + 700 * SECOND, 0).unwrap(), 0);
    assert_eq!(count(), 2);
    let fresh = SessionStore::open(folder.path()).unwrap();
    assert_eq!(all(&fresh), before);
}

#[test]
fn files_of_an_older_version_are_merged_with_new_ones() {
    let (folder, store) = store();
    let records: Vec<_> = (0..9)
        .map(|n| session(n, T0 + n.cast_signed() * SECOND, "10.0.0.1", "10.0.0.2", 443, Outcome::Refused))
        .collect();
    for (n, record) in records.iter().enumerate() {
        put(&store, &format!("c{n}"), std::slice::from_ref(record));
    }
    // As it was written before there were any cities.
    let old = &parquet_files(&folder.path().join("sessions"))[4];
    let whole = batch(&records[4..5]);
    let known: Vec<usize> =
        (0..whole.num_columns()).filter(|column| !whole.schema().field(*column).name().ends_with("_city")).collect();
    assert!(known.len() < whole.num_columns());
    let part = whole.project(&known).unwrap();
    seal::write_parquet(folder.path(), old, part.schema(), &[part], &[]).unwrap();
    let store = SessionStore::open(folder.path()).unwrap();
    let before = all(&store);
    assert_eq!(before.len(), 9);
    assert_eq!(store.compact(T0 + 10 * layout::HOUR, 0).unwrap(), 9);
    assert_eq!(all(&SessionStore::open(folder.path()).unwrap()), before);
}
