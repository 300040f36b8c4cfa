//! One capture thread: follows packets, hands on sessions, and answers questions to its table in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tracker::capture::drop_capabilities;
use tracker::live::Live;
use tracker::packet::Packet;
use tracker::table::{Gathering, TableQuery};
use tracker::{Micros, SessionBatchBuilder};

use super::status::{ShardStatus, TrackStats};
use crate::clock;

/// How long a capture thread waits for packets before it looks after time-outs.
const PATIENCE: Duration = Duration::from_millis(20);
/// Sessions per batch, and how long one may wait for others.
const BATCH: usize = 8_192;
const AGE: Micros = 500_000;
/// Places of the table that are looked through between two blocks of packets.
const SLICE: u32 = 32_768;

/// How long a neighbour's ICMP error waits for its session, whose packet may still be on its way here, and how many do.
const ERROR_PATIENCE: Micros = 1_000_000;
const MAX_ERRORS: usize = 1_024;

/// A question to the table of a thread.
pub struct Ask {
    /// What is asked.
    pub query: TableQuery,
    /// Where the answer goes.
    pub reply: SyncSender<Gathering>,
}

/// A question being answered: what was gathered, and where to go on.
struct Pending {
    page: Gathering,
    at: u32,
    reply: SyncSender<Gathering>,
}

/// What a capture thread owns.
pub struct Follower {
    /// Interface.
    pub interface: String,
    /// Which of its threads.
    pub shard: usize,
    /// The capture and its table.
    pub live: Live,
    /// Where sessions go.
    pub batches: SyncSender<RecordBatch>,
    /// Where counters are shown.
    pub stats: TrackStats,
    /// Questions to the table.
    pub asks: Receiver<Ask>,
    /// ICMP errors that neighbours have no session for.
    pub errors: Receiver<Packet>,
    /// The neighbours, for those that this table has no session for.
    pub neighbours: Vec<SyncSender<Packet>>,
}

impl Follower {
    /// Follows packets until it is told to stop, then ends every session.
    pub fn run(mut self, stop: &AtomicBool) {
        if let Err(error) = drop_capabilities() {
            tracing::warn!(%error, "privileges were not given up");
        }
        let mut sessions = SessionBatchBuilder::default();
        let mut pending: Vec<Pending> = Vec::new();
        let mut early: Vec<(Micros, Packet)> = Vec::new();
        let (mut sent, mut published) = (0, 0);
        while !stop.load(Ordering::Acquire) {
            let patience = if pending.is_empty() { PATIENCE } else { Duration::ZERO };
            if let Err(error) = self.live.turn(patience, clock::now, &mut sessions) {
                tracing::error!(interface = self.interface, %error, "the capture failed, trying again");
                std::thread::sleep(Duration::from_secs(1));
            }
            let now = clock::now();
            self.exchange_errors(&mut early, now);
            self.answer(&mut pending);
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

    /// An ICMP error may come to another thread than the session that it speaks of, and before its packets.
    fn exchange_errors(&mut self, early: &mut Vec<(Micros, Packet)>, now: Micros) {
        let table = self.live.table_mut();
        for error in table.take_strays() {
            for neighbour in &self.neighbours {
                // A neighbour that is behind misses the error: its session stays without an answer.
                neighbour.try_send(error).ok();
            }
        }
        early.extend(self.errors.try_iter().take(MAX_ERRORS - early.len()).map(|error| (now + ERROR_PATIENCE, error)));
        early.retain(|(until, error)| !table.adopt(error) && *until > now);
    }

    /// Looks through one slice of the table for each question.
    fn answer(&mut self, pending: &mut Vec<Pending>) {
        while let Ok(ask) = self.asks.try_recv() {
            pending.push(Pending { page: Gathering::new(ask.query), at: 0, reply: ask.reply });
        }
        let (table, now) = (self.live.table(), clock::now());
        let mut index = 0;
        while index < pending.len() {
            let one = &mut pending[index];
            if let Some(at) = table.gather(&mut one.page, one.at, SLICE, now) {
                one.at = at;
                index += 1;
            } else {
                let done = pending.swap_remove(index);
                // Whoever asked may have gone.
                done.reply.try_send(done.page).ok();
            }
        }
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
        let (mut evicted, _) = self.live.table().evicted_by_server();
        evicted.truncate(ShardStatus::SERVERS);
        let half_open = self.live.table().half_open();
        let status = ShardStatus { interface: self.interface.clone(), shard: self.shard, stats, half_open, evicted };
        self.stats.set(status);
    }
}
