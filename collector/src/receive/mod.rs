//! Receiving datagrams: sockets and the bounded queues behind them.
//!
//! Owns UDP sockets and which worker a datagram goes to; never parses. A full queue is a counted drop.

mod kernel;
mod queue;
mod socket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tracker::Micros;

pub use kernel::kernel_drops;
pub use queue::{Queue, QueueClosed};
pub use socket::{BindOptions, BoundSocket, SocketError, bind};

/// Datagrams that a socket may still deliver after receiving was stopped.
const MOST_AFTER_STOP: u32 = 100_000;

/// A received datagram.
#[derive(Debug)]
pub struct Datagram {
    /// Who sent it.
    pub source: SocketAddr,
    /// When it was received.
    pub received: Micros,
    /// Its payload.
    pub payload: Box<[u8]>,
}

/// Counts of the receiving side. `received` = `queued` + `dropped`.
#[derive(Debug, Default)]
pub struct ReceiveCounters {
    received: AtomicU64,
    bytes: AtomicU64,
    queued: AtomicU64,
    dropped: AtomicU64,
}

impl ReceiveCounters {
    /// Datagrams received.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Octets received.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Datagrams that reached a queue.
    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::Relaxed)
    }

    /// Datagrams for which there was no room.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What a receiving thread works with.
pub(crate) struct Receiver {
    pub(crate) socket: std::net::UdpSocket,
    pub(crate) queues: Vec<Arc<Queue<Datagram>>>,
    pub(crate) counters: Arc<ReceiveCounters>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) clock: Arc<dyn Fn() -> Micros + Send + Sync>,
}

/// The worker of an exporter: all its datagrams go to one, so that it has all its templates.
fn worker_of(source: IpAddr, workers: usize) -> usize {
    let key = tracker::locality::address_key(source);
    let folded = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded >> 32) as usize % workers.max(1)
}

impl Receiver {
    /// Starts the thread. It ends soon after `stop` is set, when the socket has nothing more.
    pub(crate) fn spawn(self, name: String) -> std::io::Result<JoinHandle<()>> {
        self.socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        std::thread::Builder::new().name(name).spawn(move || self.run())
    }

    fn run(self) {
        let mut buffer = vec![0_u8; 65_536];
        // After the stop, what the socket still holds is taken, but not what keeps arriving for ever.
        let mut left = MOST_AFTER_STOP;
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    self.take(&buffer[..length], source);
                    if self.stop.load(Ordering::Acquire) {
                        left -= 1;
                        if left == 0 {
                            return;
                        }
                    }
                }
                Err(error) if is_timeout(&error) => {
                    if self.stop.load(Ordering::Acquire) {
                        return;
                    }
                }
                // Errors of single datagrams (such as an ICMP answer to something sent) do not end receiving.
                Err(error) => {
                    if self.stop.load(Ordering::Acquire) {
                        return;
                    }
                    tracing::debug!(%error, "receive failed");
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn take(&self, payload: &[u8], source: SocketAddr) {
        self.counters.received.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
        let worker = worker_of(source.ip().to_canonical(), self.queues.len());
        let datagram = Datagram { source, received: (self.clock)(), payload: payload.into() };
        let queued = self.queues.get(worker).is_some_and(|queue| queue.try_push(datagram));
        let counter = if queued { &self.counters.queued } else { &self.counters.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

#[cfg(test)]
mod tests;
