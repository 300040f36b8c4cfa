//! The failed sessions behind the records of a bucket, read for several buckets at once while history is scored.

use datafusion::common::ScalarValue;

use crate::buckets::count::{FAILURES_SQL, run};
use crate::detect::explain::{Failure, Failures, read_failures};
use crate::error::Result;
use crate::store::SessionStore;

/// Buckets of which failures are read by one query, when that many wait.
const AHEAD: i64 = 8;

/// Reads failures of the buckets before `to` (s), all of the length `span` (s).
#[derive(Debug)]
pub struct Reasons {
    store: SessionStore,
    span: i64,
    to: i64,
    until: i64,
    failures: Failures,
}

impl Reasons {
    /// Nothing is read yet.
    pub fn new(store: &SessionStore, span: u32, to: i64) -> Self {
        Self { store: store.clone(), span: i64::from(span), to, until: i64::MIN, failures: Failures::new() }
    }

    /// The failures of the bucket at `start` (s). Buckets are asked for in ascending order.
    ///
    /// # Errors
    /// The sessions cannot be read.
    pub async fn of(&mut self, start: i64) -> Result<&[Failure]> {
        if start >= self.until {
            self.until = (start + AHEAD * self.span).min(self.to);
            self.failures = read(&self.store, self.span, start, self.until).await?;
        }
        Ok(self.failures.get(&start.div_euclid(self.span)).map_or(&[], Vec::as_slice))
    }
}

/// Failures of the buckets in `from..to` (s).
async fn read(store: &SessionStore, span: i64, from: i64, to: i64) -> Result<Failures> {
    let (from, to) = (from * 1_000_000, to * 1_000_000);
    let time = |value| ScalarValue::TimestampMicrosecond(Some(value), Some("UTC".into()));
    let span = ScalarValue::Int64(Some(span * 1_000_000));
    loop {
        let files = store.files(from, to)?;
        let mut failures = Failures::new();
        if files.is_empty() {
            return Ok(failures);
        }
        match run(FAILURES_SQL, files.clone(), vec![span.clone(), time(from), time(to)]).await {
            Ok(batches) => {
                batches.iter().try_for_each(|batch| read_failures(batch, &mut failures))?;
                return Ok(failures);
            }
            Err(error) if store.weed(&files) == 0 => return Err(error),
            Err(_) => {}
        }
    }
}
