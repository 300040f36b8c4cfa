//! The tracker in the running product: threads that follow packets, one that writes what they tell, and the live table.
//!
//! Must not know how packets are captured or sessions judged.

mod follower;
mod settings;
mod status;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use dashboards::{LiveAnswer, LiveSource};
use tracker::SessionTable;
use tracker::capture::Capture;
use tracker::live::Live;
use tracker::parse::Parser;
use tracker::table::{Gathering, TableQuery};

use super::sink::StoreSink;
use crate::clock;
use crate::config::Config;
use crate::ingest::RecordSink;
use follower::{Ask, Follower};
pub use status::TrackStats;

/// Batches between the capture threads and the writer. When it is full the captures wait, and the kernel counts what
/// their rings then drop.
const BATCHES: usize = 64;
/// Questions to one thread that may wait.
const ASKS: usize = 16;
/// ICMP errors from neighbours that may wait.
const ERRORS: usize = 4096;
/// How long all threads together may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Interfaces that are captured, before anything is followed: each with one capture for every thread.
pub struct Captures {
    interfaces: Vec<(String, Vec<Live>)>,
    max_sessions: usize,
}

/// Threads that follow packets.
pub struct Tracking {
    stop: Arc<AtomicBool>,
    followers: Vec<JoinHandle<()>>,
    writer: JoinHandle<()>,
    tables: Arc<LiveTables>,
}

impl Captures {
    /// Opens every configured interface.
    ///
    /// # Errors
    /// The filter is not understood, an interface is not there, or privileges are missing: which one, and why.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let open = |(index, interface): (usize, &String)| -> anyhow::Result<(String, Vec<Live>)> {
            // Groups are numbered for the whole host: another process must not get ours by chance.
            let group = (std::process::id() as u16).rotate_left(3) ^ index as u16;
            let capture = settings::capture(config, interface, group)?;
            let table = settings::table(config, &Arc::from(interface.as_str()))?;
            let live = |_| -> anyhow::Result<Live> {
                let parser = Parser::new(settings::parsing(config));
                Ok(Live::new(Capture::open(&capture)?, parser, SessionTable::new(table.clone())))
            };
            Ok((interface.clone(), (0..config.track.threads).map(live).collect::<anyhow::Result<_>>()?))
        };
        let interfaces = config.track.interfaces.iter().enumerate().map(open).collect::<anyhow::Result<_>>()?;
        Ok(Self { interfaces, max_sessions: config.track.max_sessions })
    }

    /// Follows all of them into this sink. The threads that see packets give up their privileges first.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn follow(self, sink: StoreSink, stats: &TrackStats) -> std::io::Result<Tracking> {
        let stop = Arc::new(AtomicBool::new(false));
        let (batches, received) = sync_channel(BATCHES);
        let writer = thread("track-store", move || write(sink, &received))?;
        let (mut followers, mut shards) = (Vec::new(), Vec::new());
        for (interface, lives) in self.interfaces {
            tracing::info!(interface, threads = lives.len(), "following packets");
            let (senders, inboxes): (Vec<_>, Vec<_>) = lives.iter().map(|_| sync_channel(ERRORS)).unzip();
            for (shard, (live, errors)) in lives.into_iter().zip(inboxes).enumerate() {
                let (ask, asks) = sync_channel(ASKS);
                shards.push((interface.clone(), ask));
                let others = senders.iter().enumerate().filter(|(other, _)| *other != shard);
                let follower = Follower {
                    interface: interface.clone(),
                    shard,
                    live,
                    batches: batches.clone(),
                    stats: stats.clone(),
                    asks,
                    errors,
                    neighbours: others.map(|(_, sender)| sender.clone()).collect(),
                };
                let stop = Arc::clone(&stop);
                followers.push(thread("track", move || follower.run(&stop))?);
            }
        }
        let tables = LiveTables { shards: RwLock::new(shards), stats: stats.clone(), max_sessions: self.max_sessions };
        Ok(Tracking { stop, followers, writer, tables: Arc::new(tables) })
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

impl Tracking {
    /// The tables, for questions.
    pub fn tables(&self) -> Arc<LiveTables> {
        Arc::clone(&self.tables)
    }

    /// Ends every session as it stands, and makes everything durable.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.tables.shards.write().unwrap_or_else(PoisonError::into_inner).clear();
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

/// The session tables of all capture threads, which answer between two blocks of packets.
pub struct LiveTables {
    shards: RwLock<Vec<(String, SyncSender<Ask>)>>,
    stats: TrackStats,
    max_sessions: usize,
}

impl LiveSource for LiveTables {
    fn sessions(&self, query: &TableQuery, interface: Option<&str>) -> LiveAnswer {
        let (reply, replies) = sync_channel(1024);
        let mut asked = 0;
        let mut complete = true;
        for (name, shard) in self.shards.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if interface.is_none_or(|wanted| wanted == name) {
                let sent = shard.try_send(Ask { query: query.clone(), reply: reply.clone() }).is_ok();
                asked += usize::from(sent);
                complete &= sent;
            }
        }
        drop(reply);
        let end = Instant::now() + ANSWER;
        let mut page = Gathering::new(query.clone());
        for _ in 0..asked {
            match replies.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(part) => page.join(part),
                Err(_) => complete = false,
            }
        }
        let (matched, total) = (page.matched(), page.seen());
        let (items, next) = page.finish();
        let mut tables = self.stats.tables(self.max_sessions);
        tables.retain(|table| interface.is_none_or(|wanted| wanted == table.interface));
        LiveAnswer { items, next, matched, total, complete, tables }
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
