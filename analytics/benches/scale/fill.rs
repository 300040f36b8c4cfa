//! A store of made-up sessions, with the skew of a real network: a few servers and clients have most of them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use analytics::{SessionStore, WriterSettings};
use tracker::{EndReason, Endpoint, Networks, Outcome, SessionBatchBuilder, SessionRecord};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const PORTS: [u16; 8] = [443, 443, 443, 80, 53, 22, 5432, 8443];
const FAILURES: [Outcome; 4] = [Outcome::NoAnswer, Outcome::NoAnswer, Outcome::Refused, Outcome::Unreachable];
/// Rows handed to the store at once.
const BATCH: u64 = 65_536;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    /// A rank below `limit`, the low ones much more often.
    fn rank(&mut self, limit: u64) -> u64 {
        let part = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((limit as f64).powf(part) as u64).min(limit) - 1
    }
}

/// Writes `rows` sessions over `days` that end at `end` (seconds since the epoch). Every other day a busy server fails for
/// half an hour.
pub fn run(folder: &Path, rows: u64, days: u64, end: u64) {
    let store = SessionStore::open(folder).unwrap();
    let settings = WriterSettings { max_rows: 1 << 20, max_age: Duration::from_hours(1) };
    let mut writer = store.writer("made-up", settings);
    let mut random = Random(42);
    let (networks, observer) = (Networks::default(), Arc::<str>::from("192.0.2.1"));
    let end = i64::try_from(end).unwrap() * SECOND;
    let hours = days * 24;
    let mut id = 0;
    for hour in 0..hours {
        let start = end - i64::try_from(hours - hour).unwrap() * HOUR;
        let of_day = start.rem_euclid(24 * HOUR) as f64 / (24 * HOUR) as f64;
        let share = 1.0 - 0.6 * (of_day * std::f64::consts::TAU).cos();
        let mut left = (rows as f64 / hours as f64 * share) as u64;
        let broken = hour % 48 == 38;
        while left > 0 {
            let mut builder = SessionBatchBuilder::default();
            for _ in 0..left.min(BATCH) {
                let server = random.rank(4_000) as u32;
                let outside = server.is_multiple_of(5);
                let server_ip = Ipv4Addr::from(if outside { 0x0808_0000 } else { 0x0a02_0000 } + server);
                let client_ip = Ipv4Addr::from(0x0a01_0000 + random.rank(30_000) as u32);
                let port = PORTS[(u64::from(server) + u64::from(random.below(10) == 0)) as usize % PORTS.len()];
                let client = Endpoint { ip: IpAddr::V4(client_ip), port: 32_768 + random.below(28_000) as u16 };
                let server_end = Endpoint { ip: IpAddr::V4(server_ip), port };
                let at = start + random.below(HOUR as u64) as i64;
                id += 1;
                let length = random.below(20 * SECOND as u64) as i64;
                let mut record = SessionRecord::new(id, at - length, 6, client, server_end);
                record.end = at;
                record.perspective = networks.perspective(client.ip, server_end.ip);
                record.observer = Arc::clone(&observer);
                record.end_reason = EndReason::Closed;
                let outage = broken && server == 3 && (at - start) < HOUR / 2;
                let fails = outage || random.below(1_000) < 15 + 30 * u64::from(server % 50 == 7);
                record.outcome = if fails { FAILURES[random.below(4) as usize] } else { Outcome::Closed };
                record.sent.bytes = 200 + random.below(20_000);
                record.received.bytes = if fails { 0 } else { 1_000 + random.below(200_000) };
                record.sent.packets = 1 + record.sent.bytes / 800;
                record.received.packets = record.received.bytes / 1_000;
                builder.push(&record);
            }
            writer.append(&builder.finish().unwrap(), start).unwrap();
            left -= left.min(BATCH);
        }
        writer.flush().unwrap();
    }
    println!("{} sessions, {} files", writer.stats().rows_written, writer.stats().files);
}
