//! The way from every transport to the decode workers: admission, counting, and the worker's queue.
//!
//! Owns the counts of what came in; must not know sockets or messages.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracker::Micros;

use super::admission::Admission;
use super::queue::{Load, Queue};
use crate::netflow::{DropReason, Drops};

/// Octets that may wait per worker.
const QUEUE_BYTES: usize = 64 << 20;

/// What was received at once: a datagram, or one message of a stream.
#[derive(Debug)]
pub struct Datagram {
    /// Who sent it.
    pub source: SocketAddr,
    /// When it was received.
    pub received: Micros,
    /// Its payload.
    pub payload: Box<[u8]>,
}

/// What a worker gets.
#[derive(Debug)]
pub enum Arrival {
    /// A datagram.
    Datagram(Datagram),
    /// A message of a transport session, by the session's number.
    Message(u64, Datagram),
    /// The session is over, and its templates with it (RFC 7011 section 8).
    Ended(u64),
}

impl Arrival {
    fn load(&self) -> Load {
        match self {
            Self::Datagram(datagram) | Self::Message(_, datagram) => Load {
                weight: datagram.payload.len() + size_of::<Self>(),
                owner: Some(datagram.source.ip().to_canonical()),
            },
            Self::Ended(_) => Load::default(),
        }
    }
}

/// Counts of the receiving side. `received` = queued + dropped, once nothing is under way.
#[derive(Debug, Default)]
pub struct ReceiveCounters {
    received: AtomicU64,
    bytes: AtomicU64,
    drops: [AtomicU64; DropReason::ALL.len()],
}

impl ReceiveCounters {
    /// Datagrams and messages received.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Octets received.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts something that was not looked at.
    pub fn dropped(&self, reason: DropReason, n: u64) {
        if let Some(count) = self.drops.get(reason as usize) {
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// What was not looked at, by reason.
    pub fn drops(&self) -> Drops {
        let mut drops = Drops::default();
        for &reason in DropReason::ALL {
            drops.add(reason, self.drops.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed)));
        }
        drops
    }
}

/// Leads to the workers. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queues: Arc<[Arc<Queue<Arrival>>]>,
    counters: Arc<ReceiveCounters>,
    admission: Arc<Admission>,
    clock: Arc<dyn Fn() -> Micros + Send + Sync>,
}

/// The worker of an exporter: everything of it goes to one, so that it has all its templates.
pub(crate) fn worker_of(source: IpAddr, workers: usize) -> usize {
    let key = tracker::locality::address_key(source);
    let folded = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded >> 32) as usize % workers.max(1)
}

impl Intake {
    /// A way to so many workers, each of which so many arrivals may wait for.
    pub fn new(
        workers: usize,
        capacity: usize,
        admission: Admission,
        clock: Arc<dyn Fn() -> Micros + Send + Sync>,
    ) -> Self {
        let queue = || Arc::new(Queue::weighed(capacity, QUEUE_BYTES, Arrival::load));
        let queues: Vec<_> = (0..workers.max(1)).map(|_| queue()).collect();
        Self { queues: queues.into(), counters: Arc::default(), admission: Arc::new(admission), clock }
    }

    /// The workers' queues.
    pub fn queues(&self) -> &[Arc<Queue<Arrival>>] {
        &self.queues
    }

    /// What came in.
    pub fn counters(&self) -> &ReceiveCounters {
        &self.counters
    }

    /// Who may send.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The time.
    pub fn now(&self) -> Micros {
        (self.clock)()
    }

    /// The queue of a sender.
    fn queue(&self, source: IpAddr) -> &Queue<Arrival> {
        &self.queues[worker_of(source, self.queues.len())]
    }

    /// Takes datagrams that were read together: each is queued, or dropped and counted.
    pub fn datagrams<'a>(&self, datagrams: impl Iterator<Item = (SocketAddr, &'a [u8])>) {
        let received = self.now();
        let mut by_worker: Vec<Vec<Arrival>> = Vec::new();
        by_worker.resize_with(self.queues.len(), Vec::new);
        let (mut count, mut bytes) = (0, 0);
        for (source, payload) in datagrams {
            count += 1;
            bytes += payload.len() as u64;
            let address = source.ip().to_canonical();
            match self.admission.admit(address, received) {
                Ok(()) => {
                    let datagram = Datagram { source, received, payload: payload.into() };
                    by_worker[worker_of(address, self.queues.len())].push(Arrival::Datagram(datagram));
                }
                Err(reason) => self.counters.dropped(reason, 1),
            }
        }
        self.counters.received.fetch_add(count, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        for (queue, arrivals) in self.queues.iter().zip(by_worker).filter(|(_, arrivals)| !arrivals.is_empty()) {
            let offered = arrivals.len();
            let added = queue.try_push_all(arrivals);
            self.counters.dropped(DropReason::QueueFull, (offered - added) as u64);
        }
    }

    /// Takes a message of a stream; `false` when there is no room for it now and the stream is to wait.
    pub fn message(&self, session: u64, source: SocketAddr, received: Micros, message: &[u8]) -> bool {
        let datagram = Datagram { source, received, payload: message.into() };
        let queued = self.queue(source.ip().to_canonical()).try_push(Arrival::Message(session, datagram));
        if queued {
            self.counters.received.fetch_add(1, Ordering::Relaxed);
            self.counters.bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
        }
        queued
    }

    /// Counts a message that is not handed on.
    pub fn dropped(&self, reason: DropReason, bytes: u64) {
        self.counters.received.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counters.dropped(reason, 1);
    }

    /// Tells the worker of this sender that a session is over; `false` when there is no room to tell it now.
    pub fn ended(&self, session: u64, source: IpAddr) -> bool {
        self.queue(source.to_canonical()).try_push(Arrival::Ended(session))
    }
}
