//! Imported jobs while the product serves: one thread that runs each of them in turn on what is sealed.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::Duration;

use analytics::Silent;
use analytics::jobs::{JobRunner, JobShelf};
use chrono_tz::Tz;
use jobs::{JobDefinition, JobId};
use tokio::sync::oneshot;
use tracker::Micros;

/// How often to look for sealed buckets, new jobs and orders.
const INTERVAL: Duration = Duration::from_secs(2);

/// Runs imported jobs until it is stopped.
#[derive(Debug)]
pub struct ImportedJobs {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A job that is being run, and the definition that it was opened with.
struct Running {
    definition: JobDefinition,
    runner: JobRunner,
}

impl ImportedJobs {
    /// Starts the thread. Results are kept for `keep`; `None`: for ever, unless a job says otherwise.
    ///
    /// # Errors
    /// The thread cannot be started.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        shelf: JobShelf,
        zone: Tz,
        keep: Option<Micros>,
        clock: impl Fn() -> Micros + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, mut stopped) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("jobs".to_owned()).spawn(move || {
            runtime.block_on(async {
                let forever = async {
                    let mut running = BTreeMap::new();
                    loop {
                        round(&shelf, (zone, keep), &clock, &mut running).await;
                        tokio::time::sleep(INTERVAL).await;
                    }
                };
                tokio::select! {
                    () = forever => {}
                    _ = &mut stopped => {}
                }
            });
        })?;
        Ok(Self { stop, thread })
    }

    /// Stops. A run that is under way is given up: what it has not kept is scored by the next one.
    pub fn stop(self) {
        self.stop.send(()).ok();
        if self.thread.join().is_err() {
            tracing::error!("the thread of imported jobs panicked");
        }
    }
}

/// Runs every enabled job once.
async fn round(
    shelf: &JobShelf,
    (zone, keep): (Tz, Option<Micros>),
    clock: &impl Fn() -> Micros,
    running: &mut BTreeMap<JobId, Running>,
) {
    let stored = match shelf.list() {
        Ok(stored) => stored,
        Err(error) => return tracing::error!(%error, "imported jobs cannot be listed"),
    };
    running.retain(|id, _| stored.iter().any(|job| job.definition.id == *id && job.switches.enabled));
    for job in stored.into_iter().filter(|job| job.switches.enabled) {
        let id = job.definition.id.clone();
        if running.get(&id).is_none_or(|known| known.definition != job.definition) {
            match JobRunner::open(shelf, &id, zone) {
                Ok(Some(mut runner)) => {
                    keep.into_iter().for_each(|keep| runner.keep(keep.div_euclid(1_000_000)));
                    running.insert(id.clone(), Running { definition: job.definition, runner });
                }
                Ok(None) => continue,
                Err(error) => {
                    // Written down beside the job; said once, not every round.
                    if job.life.error.is_none() {
                        tracing::warn!(%error, job = %id, "the job cannot be run");
                    }
                    continue;
                }
            }
        }
        let Some(known) = running.get_mut(&id) else { continue };
        match known.runner.run(clock(), &Silent).await {
            Ok(entry) if entry.buckets > 0 => {
                tracing::info!(job = %id, buckets = entry.buckets, records = entry.records, "job ran");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, job = %id, "job failed, trying again");
                running.remove(&id);
            }
        }
    }
}
