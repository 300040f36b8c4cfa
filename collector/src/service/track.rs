//! The tracker in the running product: one thread per interface follows its packets, one writes what they tell.
//!
//! Must not know how packets are captured or sessions judged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tracker::capture::filter::Filter;
use tracker::capture::{Capture, CaptureSettings, drop_capabilities};
use tracker::live::{Live, LiveStats};
use tracker::parse::{ParseSettings, Parser};
use tracker::{Micros, SessionBatchBuilder, SessionTable, TableSettings};

use super::settings;
use super::sink::StoreSink;
use crate::clock;
use crate::config::Config;
use crate::ingest::RecordSink;

/// How long a capture thread waits for packets before it looks after time-outs.
const PATIENCE: Duration = Duration::from_millis(20);
/// Sessions per batch, and how long one may wait for others.
const BATCH: usize = 8_192;
const AGE: Micros = 500_000;
/// Batches between the capture threads and the writer. When it is full the captures wait, and the kernel counts what
/// their rings then drop.
const BATCHES: usize = 64;

/// What an interface's thread has counted, by interface.
pub type TrackStats = Arc<Mutex<Vec<(String, LiveStats)>>>;

/// Interfaces that are captured, before anything is followed.
pub struct Captures(Vec<(String, Live)>);

/// Threads that follow packets.
pub struct Tracking {
    stop: Arc<AtomicBool>,
    followers: Vec<JoinHandle<()>>,
    writer: JoinHandle<()>,
}

impl Captures {
    /// Opens every configured interface.
    ///
    /// # Errors
    /// The filter is not understood, an interface is not there, or privileges are missing: which one, and why.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let track = &config.track;
        let open = |interface: &String| -> anyhow::Result<(String, Live)> {
            let mut capture = CaptureSettings::new(interface);
            capture.promiscuous = track.promiscuous;
            if !track.filter.is_empty() {
                capture.filter = Some(Filter::new(&track.filter)?);
            }
            let table = TableSettings {
                max_sessions: track.max_sessions,
                observer: Arc::from(interface.as_str()),
                networks: settings::networks(config),
                ..TableSettings::default()
            };
            let capture = Capture::open(&capture)?;
            Ok((interface.clone(), Live::new(capture, Parser::new(ParseSettings::default()), SessionTable::new(table))))
        };
        track.interfaces.iter().map(open).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Follows all of them into this sink. The threads that see packets give up their privileges first.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn follow(self, sink: StoreSink, stats: &TrackStats) -> std::io::Result<Tracking> {
        let stop = Arc::new(AtomicBool::new(false));
        let (batches, received) = sync_channel(BATCHES);
        let writer = thread("track-store", move || write(sink, &received))?;
        let mut followers = Vec::new();
        for (interface, live) in self.0 {
            tracing::info!(interface, "following packets");
            let follower = Follower { interface, live, batches: batches.clone(), stats: Arc::clone(stats) };
            let stop = Arc::clone(&stop);
            followers.push(thread("track", move || follower.run(&stop))?);
        }
        Ok(Tracking { stop, followers, writer })
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

impl Tracking {
    /// Ends every session as it stands, and makes everything durable.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        for follower in self.followers {
            if follower.join().is_err() {
                tracing::error!("a capture thread panicked");
            }
        }
        if self.writer.join().is_err() {
            tracing::error!("the thread that stores tracked sessions panicked");
        }
    }
}

struct Follower {
    interface: String,
    live: Live,
    batches: SyncSender<RecordBatch>,
    stats: TrackStats,
}

impl Follower {
    fn run(mut self, stop: &AtomicBool) {
        if let Err(error) = drop_capabilities() {
            tracing::warn!(%error, "privileges were not given up");
        }
        let mut sessions = SessionBatchBuilder::default();
        let (mut sent, mut published) = (0, 0);
        while !stop.load(Ordering::Acquire) {
            if let Err(error) = self.live.turn(PATIENCE, clock::now, &mut sessions) {
                tracing::error!(interface = self.interface, %error, "the capture failed, trying again");
                std::thread::sleep(Duration::from_secs(1));
            }
            let now = clock::now();
            if sessions.len() >= BATCH || (!sessions.is_empty() && now - sent >= AGE) {
                sent = now;
                self.hand_on(&mut sessions);
            }
            if now - published >= AGE {
                published = now;
                self.publish();
            }
        }
        self.live.finish(&mut sessions);
        self.hand_on(&mut sessions);
        self.publish();
    }

    fn hand_on(&self, sessions: &mut SessionBatchBuilder) {
        let count = sessions.len();
        let sent = sessions.finish().map_err(anyhow::Error::from).and_then(|batch| Ok(self.batches.send(batch)?));
        if let Err(error) = sent {
            tracing::error!(interface = self.interface, count, %error, "sessions lost");
        }
    }

    fn publish(&mut self) {
        let Ok(stats) = self.live.stats() else { return };
        let mut all = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|(interface, _)| *interface == self.interface) {
            Some((_, old)) => *old = stats,
            None => all.push((self.interface.clone(), stats)),
        }
    }
}

fn write(mut sink: StoreSink, batches: &Receiver<RecordBatch>) {
    let report = |result: anyhow::Result<()>| {
        if let Err(error) = result {
            tracing::error!(error = format!("{error:#}"), "tracked sessions could not be written");
        }
    };
    loop {
        match batches.recv_timeout(Duration::from_millis(500)) {
            Ok(batch) => report(sink.append(batch, clock::now())),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
        report(sink.tick(clock::now()));
    }
    report(sink.finish(clock::now()));
}
