//! Stores with made-up sessions, written as the product writes them.

use std::net::IpAddr;
use std::path::Path;

use analytics::{SessionStore, WriterSettings};
use tracker::{Endpoint, Outcome, Perspective, SessionBatchBuilder, SessionRecord};

/// Microseconds of a bucket.
const BUCKET: i64 = 900_000_000;

/// A store with so many TCP sessions, spread evenly over the buckets that end at `end` (microseconds since the epoch). One
/// in ten fails; in the last hour, of one server, every one.
///
/// # Panics
/// The store cannot be written.
pub fn store(dir: &Path, count: u64, buckets: i64, end: i64) {
    let store = SessionStore::open(dir).expect("a store can be made");
    let settings = WriterSettings { max_rows: 5_000, max_age: std::time::Duration::MAX };
    let mut writer = store.writer("made", settings);
    let start = end - buckets * BUCKET;
    let step = buckets * BUCKET / i64::try_from(count).expect("a count");
    let mut builder = SessionBatchBuilder::default();
    for number in 0..count {
        let time = start + i64::try_from(number).expect("a number") * step;
        let server = (number % 7) as u8;
        let client = Endpoint {
            ip: IpAddr::from([10, 1, (number % 11) as u8, (number % 200) as u8]),
            port: (1_024 + number % 60_000) as u16,
        };
        let server_end = Endpoint { ip: IpAddr::from([10, 2, 0, server]), port: 443 };
        let mut session = SessionRecord::new(number + 1, time, 6, client, server_end);
        session.end = time + 1_000;
        session.perspective = Perspective::Private;
        let often = server == 3 && time > end - 4 * BUCKET;
        session.outcome = if number % if often { 1 } else { 10 } == 0 { Outcome::Refused } else { Outcome::Closed };
        builder.push(&session);
        if builder.len() >= 5_000 {
            writer.append(&builder.finish().expect("a batch"), end).expect("sessions can be written");
        }
    }
    if !builder.is_empty() {
        writer.append(&builder.finish().expect("a batch"), end).expect("sessions can be written");
    }
    writer.flush().expect("sessions can be written");
}
