//! Death at any moment: what detection keeps afterwards is what it would have kept without.

use std::path::Path;

use super::*;
use crate::Retention;
use crate::store::seal::fault;

/// Quarter hours of two and a half days, so that days are merged.
const QUARTERS: i64 = 240;
const BROKEN: i64 = 200;

fn quarter(number: i64) -> Vec<SessionRecord> {
    let outage = if (BROKEN..BROKEN + 2).contains(&number) { 40 } else { 0 };
    let one = |n: i64| {
        let place = number.cast_unsigned() * 1_000 + n.cast_unsigned();
        let outcome = if n >= 8 || noise(place, 7) == 0 { Outcome::Refused } else { Outcome::Closed };
        let at = T0 + (number * 900 + n * 11) * SECOND;
        session(place, at, &format!("10.1.0.{}", n % 9 + 1), "10.0.0.1", 443, outcome)
    };
    (0..8 + outage).map(one).collect()
}

fn quarters() -> DetectSettings {
    DetectSettings { bucket_span: Duration::from_secs(900), ..settings() }
}

fn end(number: i64) -> i64 {
    T0 + ((number + 1) * 900 + 10) * SECOND
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Detects at the end of the history, then looks after the store.
fn all(store: &SessionStore) -> crate::Result<()> {
    let mut detector = Detector::open(store, quarters())?;
    wait(detector.run(end(QUARTERS), &Silent))?;
    store.upkeep(end(QUARTERS) + 3 * 3_600 * SECOND, Retention::default(), true)?;
    store.upkeep(end(QUARTERS) + 5 * 3_600 * SECOND, Retention::default(), true)?;
    Ok(())
}

#[test]
fn killed_anywhere_the_results_are_the_same() {
    let (folder, begun) = store();
    // The first half was detected on before; a file that came late lies in it, and hours of many small files.
    put(&begun, "a", &(0..150).filter(|n| *n != 110).flat_map(quarter).collect::<Vec<_>>());
    run(&mut Detector::open(&begun, quarters()).unwrap(), end(149));
    put(&begun, "late", &quarter(110));
    put(&begun, "b", &(150..QUARTERS).flat_map(quarter).collect::<Vec<_>>());
    for record in quarter(QUARTERS - 1).into_iter().chain(quarter(QUARTERS - 2)).take(9) {
        put(&begun, "c", &[SessionRecord { session_id: record.session_id + 500, ..record }]);
    }
    let expected = tempfile::tempdir().unwrap();
    copy(folder.path(), expected.path());
    let whole = SessionStore::open(expected.path()).unwrap();
    all(&whole).unwrap();
    let expected = (everything(&whole), rows(&whole));
    assert!(expected.0.0.iter().any(|record| record.record_score.value() >= 75.0));

    let mut steps = 0;
    loop {
        let scene = tempfile::tempdir().unwrap();
        copy(folder.path(), scene.path());
        let store = SessionStore::open(scene.path()).unwrap();
        fault::after(Some(steps));
        let died = all(&store).is_err();
        fault::after(None);
        drop(store);
        let store = SessionStore::open(scene.path()).unwrap();
        all(&store).unwrap();
        assert_eq!((everything(&store), rows(&store)), expected, "killed at step {steps}");
        if !died {
            break;
        }
        // Every one of the first steps, then ever fewer.
        steps += 1 + steps / 8;
    }
    assert!(steps > 15, "only {steps} steps");
}

fn rows(store: &SessionStore) -> Vec<u64> {
    let all = wait(store.sessions_page(&SessionFilter::between(0, i64::MAX), None, 1_000_000)).unwrap();
    all.items.iter().map(|session| session.session_id).collect()
}
