//! Detection while the product serves: one thread that scores every bucket once it is sealed, and tells of the running one.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use analytics::{DetectSummary, Detector, Interim, JobStatus, Progress, ResultStore};
use tokio::sync::{oneshot, watch};
use tracker::Micros;

/// Interim results take at most this share of the time.
const INTERIM_SHARE: u32 = 20;
/// Time between two messages about history that is being scored.
const MESSAGES: Duration = Duration::from_secs(10);

/// Runs the detector again and again until it is stopped.
#[derive(Debug)]
pub struct Detection {
    stop: oneshot::Sender<()>,
    status: DetectionStatus,
    current: watch::Receiver<bool>,
    thread: JoinHandle<()>,
}

/// What other parts may know of the running detection.
#[derive(Debug, Clone)]
pub struct DetectionStatus(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    jobs: Vec<JobStatus>,
    /// Buckets that the run under way has scored, and of how many.
    progress: (usize, usize),
}

impl DetectionStatus {
    /// State of every job after the last run.
    pub fn jobs(&self) -> Vec<JobStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).jobs.clone()
    }

    /// Buckets that wait to be scored by the run under way.
    pub fn waiting(&self) -> usize {
        let (done, of) = self.0.lock().unwrap_or_else(PoisonError::into_inner).progress;
        of - done.min(of)
    }

    fn set(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Follows a run, and says how far a long one is.
struct Watch {
    status: DetectionStatus,
    said: Mutex<Instant>,
}

impl Watch {
    fn new(status: &DetectionStatus) -> Self {
        Self { status: status.clone(), said: Mutex::new(Instant::now()) }
    }

    fn say(&self, what: &str, done: usize, of: usize) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() >= MESSAGES && done < of {
            *said = Instant::now();
            tracing::info!(done, of, "{what} history");
        }
    }
}

impl Progress for Watch {
    fn counted(&self, done: usize, of: usize) {
        self.say("counting", done, of);
    }

    fn scored(&self, done: usize, of: usize) {
        self.status.set(|known| known.progress = (done, of));
        self.say("scoring", done, of);
    }
}

/// How often to look for a newly sealed bucket: often enough that a bucket waits for a twentieth of its span at most.
fn interval(span: Duration) -> Duration {
    (span / 20).clamp(Duration::from_millis(250), Duration::from_secs(10))
}

/// What is told to others.
pub trait Listener: Send + 'static {
    /// A run scored something.
    fn found(&self, summary: &DetectSummary);
    /// Interim results are new or changed.
    fn running(&self, interim: &Interim);
}

impl Detection {
    /// Starts the thread. `results` shows interim results from then on.
    ///
    /// # Errors
    /// The thread cannot be started.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        mut detector: Detector,
        span: Duration,
        results: ResultStore,
        clock: impl Fn() -> Micros + Send + 'static,
        listener: impl Listener,
    ) -> std::io::Result<Self> {
        let (stop, mut stopped) = oneshot::channel();
        let known = Known { jobs: detector.status(), progress: (0, 0) };
        let status = DetectionStatus(Arc::new(Mutex::new(known)));
        let shared = status.clone();
        let (caught_up, current) = watch::channel(false);
        let runtime = tokio::runtime::Handle::current();
        let forever = async move {
            let mut next_interim = Instant::now();
            loop {
                match detector.run(clock(), &Watch::new(&shared)).await {
                    Ok(summary) if summary.buckets > 0 => {
                        tracing::info!(buckets = summary.buckets, anomalies = summary.records.len(), "scored");
                        listener.found(&summary);
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "detection failed, trying again"),
                }
                shared.set(|known| (known.jobs, known.progress) = (detector.status(), (0, 0)));
                caught_up.send_replace(true);
                let begun = Instant::now();
                if begun >= next_interim {
                    match detector.interim(clock(), &results).await {
                        Ok(interim) => listener.running(&interim),
                        Err(error) => tracing::warn!(%error, "the running bucket cannot be scored"),
                    }
                    next_interim = Instant::now() + (begun.elapsed() * INTERIM_SHARE).max(interval(span));
                }
                tokio::time::sleep(interval(span)).await;
            }
        };
        let thread = std::thread::Builder::new().name("detect".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = forever => {}
                    _ = &mut stopped => {}
                }
            });
        })?;
        Ok(Self { stop, status, current, thread })
    }

    /// What other parts may know.
    pub fn status(&self) -> DetectionStatus {
        self.status.clone()
    }

    /// Waits until the history that was there at the start has been scored.
    pub async fn caught_up(&self) {
        self.current.clone().wait_for(|current| *current).await.ok();
    }

    /// Stops. A run that is under way is given up: what it has not sealed is scored by the next one.
    pub fn stop(self) {
        self.stop.send(()).ok();
        if self.thread.join().is_err() {
            tracing::error!("the detection thread panicked");
        }
    }
}
