//! Detection while the product serves: one thread that scores every bucket once it is sealed.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use analytics::{DetectSummary, Detector, JobStatus, Silent};
use tokio::sync::{oneshot, watch};
use tracker::Micros;

/// Runs the detector again and again until it is stopped.
#[derive(Debug)]
pub struct Detection {
    stop: oneshot::Sender<()>,
    status: Arc<Mutex<Vec<JobStatus>>>,
    current: watch::Receiver<bool>,
    thread: JoinHandle<()>,
}

/// What other parts may know of the running detection.
#[derive(Debug, Clone)]
pub struct DetectionStatus(Arc<Mutex<Vec<JobStatus>>>);

impl DetectionStatus {
    /// State of every job after the last run.
    pub fn jobs(&self) -> Vec<JobStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How often to look for a newly sealed bucket: often enough that a bucket waits for a twentieth of its span at most.
fn interval(span: Duration) -> Duration {
    (span / 20).clamp(Duration::from_millis(250), Duration::from_secs(10))
}

impl Detection {
    /// Starts the thread; `found` is told of every run that scored something.
    ///
    /// # Errors
    /// The thread cannot be started.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        mut detector: Detector,
        span: Duration,
        clock: impl Fn() -> Micros + Send + 'static,
        found: impl Fn(&DetectSummary) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, mut stopped) = oneshot::channel();
        let status = Arc::new(Mutex::new(detector.status()));
        let shared = Arc::clone(&status);
        let (caught_up, current) = watch::channel(false);
        let runtime = tokio::runtime::Handle::current();
        let forever = async move {
            loop {
                match detector.run(clock(), &Silent).await {
                    Ok(summary) if summary.buckets > 0 => {
                        tracing::info!(buckets = summary.buckets, anomalies = summary.records.len(), "scored");
                        found(&summary);
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "detection failed, trying again"),
                }
                *shared.lock().unwrap_or_else(PoisonError::into_inner) = detector.status();
                caught_up.send_replace(true);
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
        DetectionStatus(Arc::clone(&self.status))
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
