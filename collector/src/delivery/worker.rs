//! Sends what waits in one spool, and goes on until every document was taken or can never be.
//!
//! Owns order, repetition and giving up. Must not know what the other end speaks. A later version of a document makes an
//! earlier one in the same batch needless, and a batch is acknowledged as a whole, so that no older version follows a
//! newer one.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tracker::Micros;

use super::backoff::Backoff;
use super::dead::DeadLetters;
use super::item::Item;
use super::spool::Spool;
use super::stats::{SharedCounts, SinkState};
use super::target::{Target, Verdict};

/// The first wait after a failure.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A document at which the other end fails so often, while it takes others, is given up.
const ATTEMPTS: u32 = 16;
/// Bytes of documents sent at once, about.
const BATCH_BYTES: usize = 5 * 1024 * 1024;
/// How often to look although nobody said that something came.
const IDLE: Duration = Duration::from_secs(5);

/// One sink's spool, shared by who fills it and who empties it.
#[derive(Debug, Clone)]
pub struct Queue {
    spool: Arc<Mutex<Spool>>,
    arrived: Arc<Notify>,
    /// How the sink is doing.
    pub counts: SharedCounts,
}

impl Queue {
    /// A queue over this spool.
    pub fn new(spool: Spool) -> Self {
        let queue =
            Self { spool: Arc::new(Mutex::new(spool)), arrived: Arc::default(), counts: SharedCounts::default() };
        queue.with(|_| ());
        queue
    }

    /// Hands documents over; they are safe when this returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put(&self, items: &[Item]) -> std::io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.with(|spool| spool.append(items).and_then(|()| spool.sync()))?;
        self.counts.update(|counts| counts.accepted += items.len() as u64);
        self.arrived.notify_one();
        Ok(())
    }

    /// Hands a message over that waits nowhere else: a spool that is full makes a quarter more room for them. Beyond that
    /// they are given up and counted.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put_message(&self, item: Item) -> std::io::Result<()> {
        if self.with(|spool| spool.bytes() / 5 * 4 >= spool.max_bytes()) {
            tracing::warn!(id = item.id, "message given up: the spool is full");
            self.counts.update(|counts| counts.dropped += 1);
            return Ok(());
        }
        self.put(&[item])
    }

    /// Takes what waits, as a sink that takes everything would.
    #[cfg(test)]
    pub fn drain(&self) -> Vec<Item> {
        self.with(|spool| {
            let entries = spool.read(usize::MAX, usize::MAX).unwrap();
            if let Some(last) = entries.last() {
                spool.acknowledge(last.number + 1).unwrap();
            }
            entries.into_iter().map(|entry| entry.item).collect()
        })
    }

    /// Whether what can wait elsewhere should.
    pub fn is_full(&self) -> bool {
        self.with(|spool| spool.is_full())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Spool) -> T) -> T {
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut spool);
        let (waiting, bytes, damaged, full) = (spool.waiting(), spool.bytes(), spool.damaged(), spool.is_full());
        self.counts.update(|counts| {
            (counts.waiting, counts.bytes, counts.damaged, counts.full) = (waiting, bytes, damaged, full);
            if waiting == 0 {
                counts.oldest = None;
            }
        });
        result
    }

    /// Work on the spool away from the threads that must not wait for the disk.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let queue = self.clone();
        tokio::task::spawn_blocking(move || queue.with(work)).await.map_err(std::io::Error::other)?
    }
}

/// Empties one queue into one target.
pub struct Worker {
    name: String,
    queue: Queue,
    target: Box<dyn Target>,
    dead: DeadLetters,
    batch: usize,
    backoff: Backoff,
    clock: fn() -> Micros,
    stop: watch::Receiver<bool>,
}

/// What ends a worker.
struct Stopped;

impl Worker {
    /// A worker of the sink `name`, whose dead letters go into `dir`. It sends at most `batch` documents at once and waits
    /// `longest` between attempts at most, until `stop` turns true.
    pub fn new(
        name: &str,
        queue: Queue,
        target: Box<dyn Target>,
        dir: &Path,
        (batch, longest): (usize, Duration),
        clock: fn() -> Micros,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let backoff = Backoff::new(FIRST_WAIT.min(longest), longest);
        Self { name: name.to_owned(), queue, target, dead: DeadLetters::new(dir), batch, backoff, clock, stop }
    }

    /// Works until it is stopped.
    pub async fn run(mut self) {
        while self.step().await.is_ok() {}
    }

    async fn step(&mut self) -> Result<(), Stopped> {
        let count = self.batch;
        let entries = match self.queue.blocking(move |spool| spool.read(count, BATCH_BYTES)).await {
            Ok(entries) => entries,
            Err(error) => return self.failed(&format!("the spool cannot be read: {error}"), None).await,
        };
        let Some(end) = entries.last().map(|entry| entry.number + 1) else { return self.idle().await };
        let oldest = entries.iter().map(|entry| entry.item.queued).min();
        let total = entries.len();
        let items = newest(entries.into_iter().map(|entry| entry.item).collect());
        self.queue.counts.update(|counts| {
            counts.oldest = oldest;
            counts.superseded += (total - items.len()) as u64;
        });
        self.deliver(items).await?;
        while let Err(error) = self.queue.blocking(move |spool| spool.acknowledge(end)).await {
            self.failed(&format!("the spool cannot be written: {error}"), None).await?;
        }
        Ok(())
    }

    /// Sends until each document was taken or given up.
    async fn deliver(&mut self, mut items: Vec<Item>) -> Result<(), Stopped> {
        let mut attempts: HashMap<String, u32> = HashMap::new();
        while !items.is_empty() {
            let answer = tokio::select! {
                answer = self.target.send(&items) => answer,
                _ = self.stop.wait_for(|stop| *stop) => return Err(Stopped),
            };
            let (mut left, mut never, mut complaint) = (Vec::new(), Vec::new(), None);
            let sent = items.len();
            // A sink that says nothing of a document has not taken it.
            let nothing = Verdict::Later { reason: "no verdict".to_owned(), blame: false };
            let verdicts = answer.verdicts.into_iter().chain(std::iter::repeat(nothing));
            for (item, verdict) in items.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Taken => {}
                    Verdict::Never(reason) => never.push((item, reason)),
                    Verdict::Later { reason, blame } => {
                        let tried = attempts.entry(item.id.clone()).or_default();
                        *tried += u32::from(blame);
                        if *tried >= ATTEMPTS {
                            never.push((item, reason));
                        } else {
                            complaint.get_or_insert(reason);
                            left.push(item);
                        }
                    }
                }
            }
            let taken = (sent - left.len() - never.len()) as u64;
            self.bury(&never).await?;
            let now = (self.clock)().div_euclid(1_000);
            self.queue.counts.update(|counts| {
                counts.delivered += taken;
                counts.rejected += never.len() as u64;
                if taken > 0 {
                    counts.last_delivery = Some(now);
                }
                if left.is_empty() {
                    counts.state = SinkState::Well;
                }
            });
            if taken > 0 || left.is_empty() {
                self.backoff.reset();
            }
            if let Some(complaint) = complaint {
                self.queue.counts.update(|counts| counts.retried += left.len() as u64);
                self.failed(&complaint, answer.wait).await?;
            }
            items = left;
        }
        Ok(())
    }

    /// Keeps what will never be taken. It is not given up before it is kept.
    async fn bury(&mut self, never: &[(Item, String)]) -> Result<(), Stopped> {
        let Some((_, reason)) = never.first() else { return Ok(()) };
        tracing::warn!(sink = self.name, documents = never.len(), reason, "documents rejected");
        self.queue.counts.update(|counts| counts.last_error = Some(reason.clone()));
        loop {
            let letters: Vec<(&Item, &str)> = never.iter().map(|(item, reason)| (item, reason.as_str())).collect();
            match self.dead.keep(&letters) {
                Ok(()) => return Ok(()),
                Err(error) => self.failed(&format!("dead letters cannot be kept: {error}"), None).await?,
            }
        }
    }

    /// Notes a failure and waits before the next attempt.
    async fn failed(&mut self, reason: &str, asked: Option<Duration>) -> Result<(), Stopped> {
        let wait = self.backoff.next(rand::random(), asked);
        let mut first = false;
        self.queue.counts.update(|counts| {
            first = counts.state == SinkState::Well;
            counts.state = SinkState::Failing;
            counts.failures += 1;
            counts.last_error = Some(reason.to_owned());
        });
        if first {
            tracing::warn!(sink = self.name, reason, "delivery failed, trying again");
        } else {
            tracing::debug!(sink = self.name, reason, "delivery failed, trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            _ = self.stop.wait_for(|stop| *stop) => Err(Stopped),
        }
    }

    async fn idle(&mut self) -> Result<(), Stopped> {
        tokio::select! {
            () = self.queue.arrived.notified() => Ok(()),
            () = tokio::time::sleep(IDLE) => Ok(()),
            _ = self.stop.wait_for(|stop| *stop) => Err(Stopped),
        }
    }
}

/// The last version of each document, in the order of these.
fn newest(items: Vec<Item>) -> Vec<Item> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Item> = items.into_iter().rev().filter(|item| seen.insert(item.id.clone())).collect();
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests;
