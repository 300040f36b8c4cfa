//! Upkeep of the store while the product serves: small files are merged, hours and days rolled up, and what is too old or
//! too much is removed.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use analytics::{Retention, Rollups, SessionStore, Upkeep};
use tracker::Micros;

/// Time between two looks.
const PAUSE: Duration = Duration::from_mins(1);

/// An hour is rolled up when this long has passed since its end; later sessions roll it up again.
const SETTLED: Micros = 300_000_000;

/// What upkeep has done since the start, for whoever asks.
#[derive(Debug, Clone, Default)]
pub struct UpkeepStats(Arc<Mutex<Upkeep>>);

impl UpkeepStats {
    /// The sums so far; `bytes` is the size of the session files after the last look.
    pub fn get(&self) -> Upkeep {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, done: Upkeep) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.merged += done.merged;
        sum.removed_rows += done.removed_rows;
        sum.removed_bytes += done.removed_bytes;
        sum.bytes = done.bytes;
    }
}

/// The running upkeep.
#[derive(Debug)]
pub struct Keeper {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread. Roll-ups are kept for `results`, as long as results are; `None`: for ever.
    ///
    /// # Errors
    /// It cannot be started.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        store: SessionStore,
        retention: Retention,
        results: Option<Micros>,
        stats: &UpkeepStats,
        clock: impl Fn() -> Micros + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let stats = stats.clone();
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            let keep_from =
                |now: Micros| results.map_or(i64::MIN, |keep| now.saturating_sub(keep).div_euclid(1_000_000));
            let mut first = true;
            loop {
                match store.upkeep(clock(), retention, first) {
                    Ok(done) => {
                        stats.add(done);
                        if done.removed_bytes > 0 {
                            let (sessions, bytes) = (done.removed_rows, done.removed_bytes);
                            tracing::info!(sessions, bytes, "sessions beyond the retention removed");
                        }
                        first = false;
                    }
                    Err(error) => tracing::error!(%error, "upkeep of the store failed, trying again"),
                }
                let sealed = clock() - SETTLED;
                let rolled = Rollups::open(&store).and_then(|mut rollups| {
                    rollups.remove_before(keep_from(clock()));
                    runtime.block_on(rollups.update(sealed))
                });
                if let Err(error) = rolled {
                    tracing::error!(%error, "sessions cannot be rolled up, trying again");
                }
                if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Stops, after what is under way.
    pub fn stop(self) {
        self.stop.try_send(()).ok();
        if self.thread.join().is_err() {
            tracing::error!("the upkeep thread panicked");
        }
    }
}
