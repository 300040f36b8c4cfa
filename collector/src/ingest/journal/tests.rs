//! What is written is read, whole or not at all, for as long as it is kept.

use super::*;
use crate::netflow::Decoder;
use crate::netflow::DecoderSettings;

/// Flow records of a v5 datagram with `count` records.
fn flows(count: u8) -> Vec<FlowRecord> {
    let mut bytes = vec![0, 5, 0, count];
    bytes.extend([0; 20]);
    for n in 0..count {
        let mut record = [0; 48];
        record[..8].copy_from_slice(&[10, 0, 0, n, 10, 0, 1, 1]);
        record[19] = 1;
        record[38] = 6;
        bytes.extend(record);
    }
    let mut out = Vec::new();
    let exporter = std::net::SocketAddr::from(([127, 0, 0, 1], 2055));
    Decoder::new(DecoderSettings::default()).decode(exporter, 1_700_000_000_000_000, &bytes, &mut out);
    assert_eq!(out.len(), usize::from(count));
    out
}

fn settings(dir: &Path) -> JournalSettings {
    JournalSettings { dir: dir.to_owned(), keep: Duration::from_secs(100), max_bytes: 1 << 20 }
}

const NOW: Micros = 1_700_000_000_000_000;

#[test]
fn what_a_crash_leaves_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, left) = Journal::open(settings(dir.path()), NOW).unwrap();
    assert!(left.is_empty());
    for step in 0..5 {
        let time = NOW + step * 20_000_000;
        journal.append(time, &flows(step as u8 + 1)).unwrap();
        journal.tick(time + WRITE).unwrap();
    }
    drop(journal);
    let (journal, left) = Journal::open(settings(dir.path()), NOW + 90_000_000).unwrap();
    assert_eq!(left.iter().map(|block| block.flows.len()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(left[1], Block { arrived: NOW + 20_000_000, flows: flows(2) });
    journal.clear().unwrap();
    assert!(Journal::open(settings(dir.path()), NOW).unwrap().1.is_empty());
}

#[test]
fn a_torn_block_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path()), NOW).unwrap();
    journal.append(NOW, &flows(1)).unwrap();
    journal.append(NOW, &flows(2)).unwrap();
    journal.tick(NOW + WRITE).unwrap();
    let path = journal.segments[0].path.clone();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let blocks = Journal::open(settings(dir.path()), NOW).unwrap().1;
        assert!(blocks.len() <= 1 && blocks.iter().all(|block| block.flows == flows(1)), "cut at {cut}");
    }
}

#[test]
fn old_and_surplus_records_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path()), NOW).unwrap();
    for step in 0..40 {
        journal.append(NOW + step * 10_000_000, &flows(20)).unwrap();
        journal.tick(NOW + step * 10_000_000 + WRITE).unwrap();
    }
    let oldest = journal.oldest().unwrap();
    let newest = NOW + 39 * 10_000_000;
    assert!(newest - oldest <= 100_000_000 + 2 * SEGMENT && newest - oldest >= 100_000_000, "{}", newest - oldest);
    let small = JournalSettings { max_bytes: 1, ..settings(dir.path()) };
    drop(journal);
    let (journal, _) = Journal::open(small, newest).unwrap();
    assert_eq!(journal.segments.len(), 1);
}
