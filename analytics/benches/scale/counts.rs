//! The bucket query over stored sessions.

use std::path::Path;
use std::time::Instant;

use analytics::SessionStore;
use analytics::population::count;

use crate::process::{cpu, resident};

const SPAN: u64 = 900;

/// Counts the newest buckets, all in one query, three times; the best counts.
pub fn run(folder: &Path, buckets: u64) {
    let store = SessionStore::open_existing(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for _ in 0..3 {
        let (start, used) = (Instant::now(), cpu());
        let (sessions, series) = runtime.block_on(count(&store, SPAN, buckets)).unwrap();
        println!(
            "{sessions} sessions in {buckets} buckets, {series} series: {:.2} s, {:.2} s of processor time, {:.0} MB",
            start.elapsed().as_secs_f64(),
            cpu() - used,
            resident(),
        );
    }
}
