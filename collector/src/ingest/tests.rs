//! Tests of the whole pipeline: live on loopback and from the same datagrams as a file, with counts that balance.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tracker::outcome::Outcome;
use tracker::read_batch;
use tracker::record::SessionRecord;

mod programs;

use super::*;
use crate::netflow::DropReason;

const NOW: Micros = 1_700_000_000_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

struct Channel(Sender<SessionRecord>);

impl RecordSink for Channel {
    fn append(&mut self, batch: RecordBatch, _now: Micros) -> anyhow::Result<()> {
        for record in read_batch(&batch)? {
            self.0.send(record)?;
        }
        Ok(())
    }
    fn tick(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }
    fn finish(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }
}

fn sink() -> (Box<dyn RecordSink>, Receiver<SessionRecord>) {
    let (sender, receiver) = channel();
    (Box::new(Channel(sender)), receiver)
}

/// A v5 message: a SYN from this port to port 443, and what came back.
fn v5(port: u16, sequence: u32, answer: u8) -> Vec<u8> {
    let mut message = vec![0, 5, 0, 2];
    message.extend(10_000_u32.to_be_bytes());
    message.extend(1_700_000_000_u32.to_be_bytes());
    message.extend([0; 4]);
    message.extend(sequence.to_be_bytes());
    message.extend([0; 4]);
    for (flags, back) in [(2, false), (answer, true)] {
        let mut record = vec![0_u8; 48];
        let (client, server): ([u8; 6], [u8; 6]) =
            ([10, 0, 0, 1, (port >> 8) as u8, port as u8], [10, 0, 0, 2, 1, 0xbb]);
        let (from, to) = if back { (server, client) } else { (client, server) };
        record[..4].copy_from_slice(&from[..4]);
        record[4..8].copy_from_slice(&to[..4]);
        record[19] = 1;
        record[23] = 60;
        record[24..28].copy_from_slice(&(8_000 + u32::from(back)).to_be_bytes());
        record[28..32].copy_from_slice(&(8_000 + u32::from(back)).to_be_bytes());
        record[32..34].copy_from_slice(&from[4..]);
        record[34..36].copy_from_slice(&to[4..]);
        (record[37], record[38]) = (flags, 6);
        message.extend(record);
    }
    message
}

fn settings() -> IngestSettings {
    let mut settings = IngestSettings::new(vec!["127.0.0.1:0".parse().unwrap()], Arc::new(|| NOW));
    settings.workers = 2;
    // The clock stands still here, so nothing may wait for it.
    settings.batch_age = Duration::ZERO;
    settings
}

#[test]
fn live_sessions_reach_the_sink_and_the_counts_balance() {
    let (sink, sessions) = sink();
    let handle = Ingest::start(settings(), sink).unwrap();
    let target = handle.local_addresses()[0];
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (index, port) in (1_000..1_010).enumerate() {
        sender.send_to(&v5(port, index as u32 * 2, 0x14), target).unwrap();
    }
    // Certain outcomes arrive without any shutdown.
    for _ in 0..10 {
        assert_eq!(sessions.recv_timeout(PATIENCE).unwrap().outcome, Outcome::Refused);
    }
    sender.send_to(b"nonsense that is no export at all", target).unwrap();
    sender.send_to(&v5(2_000, 24, 0), target).unwrap();
    let (exporters, counters) = {
        let addresses = handle.local_addresses();
        assert_eq!(addresses.len(), 1);
        let counters = handle.shutdown().unwrap();
        (sessions.try_iter().collect::<Vec<_>>(), counters)
    };
    assert_eq!(exporters.len(), 1);
    assert_eq!(counters.imbalances(), Vec::<String>::new());
    assert_eq!((counters.received, counters.stored, counters.refused), (12, 11, 0));
    assert_eq!(counters.drops().iter().collect::<Vec<_>>(), [(DropReason::UnknownVersion, 1)]);
}

#[test]
fn exporters_are_described() {
    let (sink, sessions) = sink();
    let mut loader = Loader::new(LoadSettings::default(), sink);
    let source = "192.0.2.1:2055".parse().unwrap();
    for (port, sequence) in [(1_000, 0), (1_001, 2), (1_002, 10)] {
        loader.datagram(source, NOW + 2_000_000, &v5(port, sequence, 0x14)).unwrap();
    }
    let summary = loader.finish().unwrap();
    assert_eq!(summary.counters.imbalances(), Vec::<String>::new());
    assert_eq!(sessions.try_iter().count(), 3);
    let exporter = &summary.exporters[0];
    assert_eq!((exporter.address.as_str(), exporter.protocols.as_slice()), ("192.0.2.1", &["netflow5"][..]));
    assert_eq!((exporter.packets, exporter.records, exporter.sequence_lost), (3, 6, 6));
    assert_eq!((exporter.clock_skew_ms, exporter.coverage, exporter.sampling), (Some(-2_000), Some(1.0), Some(1)));
}

/// A sink that refuses everything.
struct Broken;

impl RecordSink for Broken {
    fn append(&mut self, _batch: RecordBatch, _now: Micros) -> anyhow::Result<()> {
        anyhow::bail!("no space left")
    }
    fn tick(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }
    fn finish(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }
}

#[test]
fn a_refusing_sink_is_an_error_of_the_load_and_a_count_live() {
    let mut loader = Loader::new(LoadSettings::default(), Broken);
    loader.datagram("192.0.2.1:1".parse().unwrap(), 0, &v5(1, 0, 0x14)).unwrap();
    let error = loader.finish().unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");

    let handle = Ingest::start(settings(), Box::new(Broken)).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(&v5(1, 0, 0x14), handle.local_addresses()[0]).unwrap();
    let counters = handle.shutdown().unwrap();
    assert_eq!((counters.refused, counters.stored), (1, 0));
    assert_eq!(counters.imbalances(), Vec::<String>::new());
}

#[test]
fn a_taken_port_is_an_error() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut settings = settings();
    settings.listen = vec![taken.local_addr().unwrap()];
    let error = Ingest::start(settings, sink().0).err().unwrap();
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
}
