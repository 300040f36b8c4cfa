//! Delivery: results, sessions and alerts to where people want them, at least once, each under a stable id.
//!
//! Owns the folder `delivery` of the store: for every sink a spool (what waits), a ledger (what of the store was handed
//! over) and dead letters; for alerts what is going on, and silences. One thread reads the store and fills the spools; one
//! task for each sink empties its own, so that none waits for another. Must not know how results are made.

pub mod alert;
mod backoff;
mod bulk;
mod dead;
mod feed;
mod file;
mod http;
pub mod item;
mod kafka;
mod ledger;
pub mod silence;
mod spool;
mod stats;
mod syslog;
mod target;
mod tls;
mod view;
mod watch;
mod webhook;
mod worker;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use analytics::{ResultStore, SessionStore};
use anyhow::Context as _;
use jobs::Prefix;
use serde::de::DeserializeOwned;
use tokio::sync::watch as signal;
use tracker::Micros;

use crate::config::delivery::SinkKind;
use crate::config::{Config, Sink};
use feed::Feed;
use ledger::Ledger;
use spool::Spool;
pub use target::{Answer, Target, Verdict};
pub use view::{DeliveryView, names_of, place_of};
use watch::Watch;
use worker::{Queue, Worker};

/// How often the store is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// The folder of delivery in a store.
pub fn dir(store: &Path) -> PathBuf {
    store.join("delivery")
}

/// The folder of a sink.
pub fn sink_dir(store: &Path, name: &str) -> PathBuf {
    dir(store).join("sinks").join(name)
}

/// Writes a file so that it is there as a whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&temporary, path)
}

/// Reads a JSON file; `None` where there is none.
fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The other end of a sink. Nothing is sent.
///
/// # Errors
/// A secret, certificate or template is not there or not right.
pub fn target(sink: &Sink, clock: fn() -> Micros) -> anyhow::Result<Box<dyn Target>> {
    Ok(match sink.kind {
        SinkKind::Elasticsearch | SinkKind::Opensearch => Box::new(bulk::Bulk::new(sink)?),
        SinkKind::Kafka => Box::new(kafka::Kafka::new(sink)),
        SinkKind::Webhook => Box::new(webhook::Webhook::new(sink, clock)?),
        SinkKind::File => Box::new(file::Files::new(sink)),
        SinkKind::Syslog => Box::new(syslog::Syslog::new(sink, &host_name())),
    })
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// The running delivery.
#[derive(Debug)]
pub struct Delivery {
    stop: signal::Sender<bool>,
    thread: JoinHandle<()>,
    workers: Vec<tokio::task::JoinHandle<()>>,
}

impl Delivery {
    /// Opens what an earlier process left and starts to deliver. Returns what others may see of it, too.
    ///
    /// # Errors
    /// A sink's settings or files are not right; the message names the sink.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        config: &Config,
        store: &SessionStore,
        results: &ResultStore,
        prefix: &Prefix,
        clock: fn() -> Micros,
    ) -> anyhow::Result<(Self, Arc<DeliveryView>)> {
        let now = clock().div_euclid(1_000);
        let (stop, stopped) = signal::channel(false);
        let (mut feeds, mut queues, mut workers) = (Vec::new(), Vec::new(), Vec::new());
        for sink in config.sinks.iter().filter(|sink| sink.enabled) {
            let of_sink = || format!("sink {}", sink.name);
            let dir = sink_dir(store.root(), &sink.name);
            let spool = Spool::open(&dir.join("spool"), sink.spool_bytes).with_context(of_sink)?;
            let queue = Queue::new(spool);
            let ledger = Ledger::open(&dir, now).with_context(of_sink)?;
            feeds.push(Feed::new(sink, queue.clone(), ledger, prefix));
            let target = target(sink, clock).with_context(of_sink)?;
            let pace = (sink.batch, config.delivery.max_backoff.0);
            workers.push(Worker::new(&sink.name, queue.clone(), target, &dir, pace, clock, stopped.clone()));
            queues.push((sink.name.clone(), queue));
        }
        let watch = Watch::open(config, store.root(), prefix, queues.clone())?;
        let view = Arc::new(DeliveryView::new(config, store.root(), queues, watch.going(), clock));
        let filler = Filler { feeds, watch, store: store.clone(), results: results.clone(), clock, complaint: None };
        let thread = std::thread::Builder::new().name("deliver".to_owned()).spawn(move || filler.run(&stopped))?;
        let workers = workers.into_iter().map(|worker| tokio::spawn(worker.run())).collect();
        Ok((Self { stop, thread, workers }, view))
    }

    /// Stops. What waits is sent after the next start.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the delivery thread panicked");
        }
        self.workers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Reads the store for everyone.
struct Filler {
    feeds: Vec<Feed>,
    watch: Watch,
    store: SessionStore,
    results: ResultStore,
    clock: fn() -> Micros,
    complaint: Option<String>,
}

impl Filler {
    fn run(mut self, stopped: &signal::Receiver<bool>) {
        while !*stopped.borrow() && stopped.has_changed().is_ok() {
            let complaint = self.step().err().map(|error| format!("{error:#}"));
            if let Some(error) = complaint.as_ref().filter(|_| complaint != self.complaint) {
                tracing::error!(error, "handing over failed, trying again");
            }
            self.complaint = complaint;
            std::thread::sleep(INTERVAL);
        }
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let now = (self.clock)().div_euclid(1_000);
        // Alerts first: somebody waits for them.
        let mut result = self.watch.look(&self.results, now);
        for feed in &mut self.feeds {
            result = result.and(feed.advance(&self.store, &self.results, now));
        }
        result
    }
}
