//! The bucket query over stored sessions.

use std::path::Path;
use std::time::Instant;

use analytics::SessionStore;
use analytics::population::count;

use crate::process::{cpu, peak};

const SPAN: u64 = 900;

/// Counts the newest buckets, all in one query. The last line is what it took and the answer in sums, as peers.py prints it.
pub fn run(folder: &Path, buckets: u64) {
    let store = SessionStore::open_existing(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (start, used) = (Instant::now(), cpu());
    let answer = runtime.block_on(count(&store, SPAN, buckets)).unwrap();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu() - used);
    let sums: Vec<String> = answer.iter().map(u64::to_string).collect();
    println!("halfopen: {wall:.2} s, {cpu:.2} s of processor time, {:.0} MB; answer {}", peak(), sums.join(" "));
}
