//! What tests of delivery share: when made-up data ends, quick detection, waiting, and what a store's results are called.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::export::now;
use crate::program::stdout;

/// Milliseconds of a bucket.
const BUCKET: u64 = 900_000;

/// Settings with which a bucket is scored soon after its end.
pub const QUICK: &[(&str, &str)] = &[("HALFOPEN_DETECTION_GRACE", "1s"), ("HALFOPEN_DETECTION_QUERY_DELAY", "1s")];

/// The end of the last whole bucket that is sealed with [`QUICK`], in microseconds since the epoch.
pub fn sealed() -> i64 {
    let now = now() - 10_000;
    ((now - now % BUCKET) * 1_000).cast_signed()
}

/// Waits for a condition.
///
/// # Panics
/// It does not come true in time.
pub fn until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Ids of the documents that a store's results give.
///
/// # Panics
/// They cannot be exported.
pub fn results(store: &Path) -> HashSet<String> {
    let store = store.to_str().expect("a path in UTF-8");
    let lines = stdout(["results", "export", "--schema", "ecs", "--format", "ndjson", "--store", store]);
    let id = |line: &str| serde_json::from_str::<Value>(line).ok()?["_id"].as_str().map(str::to_owned);
    lines.lines().map(|line| id(line).expect("a document with an id")).collect()
}
