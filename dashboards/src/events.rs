//! Live events: a ring of recent ones, and a stream for each listener.
//!
//! Owns event ids, which grow across restarts. Must not know how events come about.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::sse;
use futures::{Stream, StreamExt, stream};
use jobs::{AnomalyRecord, BucketResult};
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracker::Micros;

use crate::state::JobSettings;
use crate::wire::anomaly::Anomaly;
use crate::wire::bucket::Bucket;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A bucket was scored.
    Bucket(Arc<BucketResult>),
    /// An anomaly was found or changed.
    Anomaly(Arc<AnomalyRecord>),
    /// The list of exporters changed.
    Exporters,
    /// Nothing; keeps lines open.
    Ping,
}

/// Events kept for listeners that come back.
const RING: usize = 1024;
/// Events that a listener may lag behind.
const LAG: usize = 256;
/// Listeners at a time.
const LISTENERS: usize = 128;

/// An event with its number.
#[derive(Debug)]
struct Frame {
    id: u64,
    event: Event,
}

impl Frame {
    /// As it is sent to a listener with these settings; `None` where there is nothing to send.
    fn told(&self, settings: &JobSettings) -> Option<sse::Event> {
        let (name, data) = match &self.event {
            Event::Bucket(bucket) => ("bucket", serde_json::to_string(&Bucket::from(bucket.as_ref()))),
            Event::Anomaly(record) => ("anomaly", serde_json::to_string(&Anomaly::of(record, settings))),
            Event::Exporters => ("exporters", Ok(json!({}).to_string())),
            Event::Ping => return None,
        };
        Some(sse::Event::default().id(self.id.to_string()).event(name).data(data.ok()?))
    }
}

/// Hands events to listeners.
pub struct Hub {
    ring: Mutex<Ring>,
    permits: Arc<Semaphore>,
}

struct Ring {
    frames: VecDeque<Arc<Frame>>,
    next: u64,
    /// To the listeners; gone once no more events can come, which ends their streams.
    lines: Option<broadcast::Sender<Arc<Frame>>>,
}

impl Hub {
    /// A hub whose first event is numbered by the time, so that ids never go back.
    pub fn new(now: Micros) -> Arc<Self> {
        let lines = Some(broadcast::Sender::new(LAG));
        let ring = Ring { frames: VecDeque::new(), next: now.max(1) as u64, lines };
        Arc::new(Self { ring: Mutex::new(ring), permits: Arc::new(Semaphore::new(LISTENERS)) })
    }

    /// Takes events from the channel until its last sender is gone; then ends every listener's stream.
    pub async fn run(self: Arc<Self>, mut events: broadcast::Receiver<Event>) {
        loop {
            match events.recv().await {
                Ok(event) => self.publish(&event),
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "live events were dropped"),
                Err(RecvError::Closed) => {
                    self.lock().lines = None;
                    return;
                }
            }
        }
    }

    /// Numbers an event, keeps it and sends it to every listener.
    pub fn publish(&self, event: &Event) {
        if matches!(event, Event::Ping) {
            return;
        }
        let mut ring = self.lock();
        let frame = Arc::new(Frame { id: ring.next, event: event.clone() });
        ring.next += 1;
        if ring.frames.len() == RING {
            ring.frames.pop_front();
        }
        ring.frames.push_back(Arc::clone(&frame));
        // Sent under the lock, so that a listener that joins gets every event once. Nobody listening is no error.
        if let Some(lines) = &ring.lines {
            let _ = lines.send(frame);
        }
    }

    /// A listener's stream: what came after the event `last`, then what comes, named and told as the settings say.
    ///
    /// `None`: there are too many listeners, or no more events can come.
    ///
    /// A listener that cannot keep up is cut off; it comes back with the last id it saw and misses nothing.
    pub fn listen(
        &self,
        last: Option<u64>,
        settings: JobSettings,
    ) -> Option<impl Stream<Item = Result<sse::Event, Infallible>> + use<>> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let (missed, line) = {
            let ring = self.lock();
            let newer = |frame: &&Arc<Frame>| last.is_some_and(|last| frame.id > last);
            (ring.frames.iter().filter(newer).cloned().collect::<Vec<_>>(), ring.lines.as_ref()?.subscribe())
        };
        let live = stream::unfold((line, permit), |(mut line, permit): (_, OwnedSemaphorePermit)| async move {
            let frame: Arc<Frame> = line.recv().await.ok()?;
            Some((frame, (line, permit)))
        });
        let told = move |frame: Arc<Frame>| std::future::ready(frame.told(&settings).map(Ok));
        Some(stream::iter(missed).chain(live).filter_map(told))
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
