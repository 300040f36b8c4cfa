//! Nothing is lost or swapped, whatever is cut off and whenever the process dies.

use std::fs::OpenOptions;

use proptest::prelude::*;

use super::*;
use crate::delivery::item::tests::item;

const ROOM: u64 = 1 << 30;

fn ids(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.item.id.clone()).collect()
}

fn all(spool: &mut Spool) -> Vec<String> {
    ids(&spool.read(usize::MAX, usize::MAX).unwrap())
}

fn last_segment(dir: &Path) -> PathBuf {
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| segment::first_of(path).is_some());
    paths.sort();
    paths.pop().unwrap()
}

#[test]
fn what_was_not_acknowledged_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), ROOM).unwrap();
    spool.append(&["a", "b", "c"].map(item)).unwrap();
    assert_eq!(ids(&spool.read(2, usize::MAX).unwrap()), ["a", "b"]);
    assert_eq!(ids(&spool.read(2, 1).unwrap()), ["a"], "at least one, however large");
    spool.acknowledge(1).unwrap();
    drop(spool);
    let mut spool = Spool::open(dir.path(), ROOM).unwrap();
    assert_eq!((all(&mut spool), spool.waiting()), (vec!["b".to_owned(), "c".to_owned()], 2));
    assert_eq!(spool.read(1, 1).unwrap()[0].item, item("b"));
    spool.acknowledge(3).unwrap();
    assert!(spool.waiting() == 0 && spool.read(9, 9).unwrap().is_empty());
    spool.append(&[item("d")]).unwrap();
    drop(spool);
    let mut spool = Spool::open(dir.path(), ROOM).unwrap();
    assert_eq!(spool.read(9, usize::MAX).unwrap()[0].number, 3);
    assert_eq!(spool.damaged(), 0);
}

#[test]
fn delivered_segments_are_removed_and_a_full_spool_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), 20 << 20).unwrap();
    let large = Item { body: Some("x".repeat(1 << 20)), ..item("large") };
    let mut appended = 0;
    while !spool.is_full() {
        spool.append(std::slice::from_ref(&large)).unwrap();
        appended += 1;
    }
    assert!((20..=22).contains(&appended) && fs::read_dir(dir.path()).unwrap().count() == 3);
    while spool.waiting() > 0 {
        let entries = spool.read(4, usize::MAX).unwrap();
        spool.acknowledge(entries.last().unwrap().number + 1).unwrap();
    }
    assert!(spool.bytes() < 2 << 20 && !spool.is_full());
}

#[test]
fn a_torn_end_is_cut_off() {
    for cut in 1..40 {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path(), ROOM).unwrap();
        spool.append(&["a", "b"].map(item)).unwrap();
        drop(spool);
        let path = last_segment(dir.path());
        let length = fs::metadata(&path).unwrap().len();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length - cut).unwrap();
        let mut spool = Spool::open(dir.path(), ROOM).unwrap();
        assert_eq!(all(&mut spool), ["a"], "{cut}");
        spool.append(&[item("c")]).unwrap();
        assert_eq!(all(&mut spool), ["a", "c"], "{cut}");
    }
}

#[test]
fn damage_is_counted_and_costs_no_more_than_its_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), ROOM).unwrap();
    spool.append(&["a", "b", "c"].map(item)).unwrap();
    drop(spool);
    let damaged = last_segment(dir.path());
    let mut spool = Spool::open(dir.path(), ROOM).unwrap();
    spool.append(&["d"].map(item)).unwrap();
    drop(spool);
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let mut spool = Spool::open(dir.path(), ROOM).unwrap();
    assert_eq!((all(&mut spool), spool.damaged()), (vec!["a".to_owned(), "d".to_owned()], 2));
    // Damage while it is open.
    fs::write(&damaged, b"nothing").unwrap();
    spool.reader = None;
    assert_eq!((all(&mut spool), spool.damaged()), (vec!["d".to_owned()], 3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Appending, delivering some, dying at any moment: in the end each was delivered, in order, and repeated only where
    /// its acknowledgement was lost.
    #[test]
    fn everything_is_delivered_in_order(steps in proptest::collection::vec((0usize..40, 0usize..60, any::<bool>()), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(dir.path(), ROOM).unwrap();
        let (mut appended, mut delivered) = (0, Vec::new());
        for (more, some, die) in steps {
            let items: Vec<Item> = (appended..appended + more).map(|n| item(&n.to_string())).collect();
            spool.append(&items).unwrap();
            appended += more;
            let entries = spool.read(some, usize::MAX).unwrap();
            delivered.extend(entries.iter().map(|entry| entry.item.id.parse::<usize>().unwrap()));
            if die {
                drop(spool);
                spool = Spool::open(dir.path(), ROOM).unwrap();
            } else if let Some(last) = entries.last() {
                spool.acknowledge(last.number + 1).unwrap();
            }
        }
        delivered.extend(all(&mut spool).iter().map(|id| id.parse::<usize>().unwrap()));
        let mut seen = 0;
        for id in delivered {
            prop_assert!(id <= seen, "{id} came before {seen}");
            seen = seen.max(id + 1);
        }
        prop_assert_eq!(seen, appended);
        prop_assert_eq!(spool.damaged(), 0);
    }
}
