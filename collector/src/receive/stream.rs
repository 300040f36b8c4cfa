//! IPFIX over TCP and TLS (RFC 7011 sections 10.4 and 11): one task per connection cuts its stream into messages.
//!
//! Owns connections, their number, their end and its reason; must not know what messages hold.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::frame::{FrameError, Frames};
use super::intake::Intake;
use crate::netflow::DropReason;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Octets read at once.
const READ: usize = 32 * 1024;
/// How long a stream waits before it offers a message again for which there was no room.
const WAIT: Duration = Duration::from_millis(5);
/// How often it does so once the product ends: five seconds.
const MOST_WAITS: u32 = 1_000;
/// How long connections may go on after the stop, so that what was sent before it is taken.
const AFTER_STOP: Duration = Duration::from_millis(500);

/// Bounds of stream transports.
#[derive(Debug, Clone, Copy)]
pub struct StreamSettings {
    /// Connections at the same time, over all listeners.
    pub max_sessions: usize,
    /// A connection without a whole message for so long is closed.
    pub idle: Duration,
}

/// Numbers of streams, for whoever asks.
#[derive(Debug, Default)]
pub struct StreamCounters {
    opened: AtomicU64,
    closed: AtomicU64,
}

impl StreamCounters {
    /// Connections that were accepted, TLS handshakes included.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.opened().saturating_sub(self.closed.load(Ordering::Relaxed))
    }
}

/// Accepts connections until it is stopped.
pub struct Streams {
    intake: Intake,
    settings: StreamSettings,
    room: Arc<Semaphore>,
    counters: Arc<StreamCounters>,
    /// The number of the next session.
    next: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Streams {
    /// Nothing is listened on yet.
    pub fn new(intake: Intake, settings: StreamSettings) -> Self {
        Self {
            intake,
            settings,
            room: Arc::new(Semaphore::new(settings.max_sessions.min(Semaphore::MAX_PERMITS))),
            counters: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            stop: watch::channel(false).0,
            tasks: JoinSet::new(),
        }
    }

    /// Its numbers, which go on changing.
    pub fn counters(&self) -> Arc<StreamCounters> {
        Arc::clone(&self.counters)
    }

    /// Accepts connections of this listener, with TLS where there is an acceptor.
    pub fn accept(&mut self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let acceptor = Acceptor {
            intake: self.intake.clone(),
            settings: self.settings,
            room: Arc::clone(&self.room),
            counters: Arc::clone(&self.counters),
            next: Arc::clone(&self.next),
            stop: self.stop.subscribe(),
            tls,
        };
        self.tasks.spawn(acceptor.run(listener));
    }

    /// Stops accepting, takes what connections still deliver for a moment, and ends them.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

#[derive(Clone)]
struct Acceptor {
    intake: Intake,
    settings: StreamSettings,
    room: Arc<Semaphore>,
    counters: Arc<StreamCounters>,
    next: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
    tls: Option<TlsAcceptor>,
}

/// Why a connection ended.
enum End {
    /// Its exporter closed it, or the product ends.
    Closed,
    /// It ended in the middle of a message.
    Cut,
    Idle,
    Malformed(FrameError),
    Failed(std::io::Error),
}

impl Acceptor {
    async fn run(mut self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stop.wait_for(|stop| *stop) => break,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let address = peer.ip().to_canonical();
                    if !self.intake.admission().allows(address) {
                        self.intake.counters().dropped(DropReason::SessionRefused, 1);
                        tracing::debug!(%address, "connection refused: not an allowed exporter");
                        continue;
                    }
                    let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
                        self.intake.counters().dropped(DropReason::SessionRefused, 1);
                        tracing::warn!(%address, most = self.settings.max_sessions, "connection refused: too many");
                        continue;
                    };
                    connections.spawn(self.clone().connection(stream, peer, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        while connections.join_next().await.is_some() {}
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr, _place: OwnedSemaphorePermit) {
        let address = peer.ip().to_canonical();
        self.counters.opened.fetch_add(1, Ordering::Relaxed);
        let session = self.next.fetch_add(1, Ordering::Relaxed);
        let counters = Arc::clone(&self.counters);
        let intake = self.intake.clone();
        let end = match self.tls.clone() {
            None => self.follow(stream, session, peer).await,
            Some(tls) => match self.handshake(tls, stream).await {
                Ok(stream) => self.follow(stream, session, peer).await,
                Err(why) => {
                    intake.counters().dropped(DropReason::TlsFailed, 1);
                    tracing::info!(%address, why, "tls handshake failed");
                    End::Closed
                }
            },
        };
        let reason = match end {
            End::Closed => None,
            End::Cut => Some((DropReason::StreamCut, "it ended inside a message".to_owned())),
            End::Idle => Some((DropReason::SessionIdle, "nothing came".to_owned())),
            End::Malformed(error) => Some((DropReason::StreamMalformed, error.to_string())),
            End::Failed(error) => Some((DropReason::StreamCut, error.to_string())),
        };
        if let Some((reason, why)) = reason {
            intake.counters().dropped(reason, 1);
            tracing::info!(%address, why, "ipfix session closed");
        }
        // A worker that has no room for so long has stopped, and its templates with it.
        for _ in 0..MOST_WAITS {
            if intake.ended(session, address) {
                break;
            }
            tokio::time::sleep(WAIT).await;
        }
        counters.closed.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes a TLS connection of a stream, unless it takes too long.
    async fn handshake(&self, tls: TlsAcceptor, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let mut stop = self.stop.clone();
        tokio::select! {
            done = timeout(HANDSHAKE, tls.accept(stream)) => match done {
                Ok(accepted) => accepted.map_err(|error| error.to_string()),
                Err(_) => Err("it took too long".to_owned()),
            },
            _ = stop.wait_for(|stop| *stop) => Err("the product ends".to_owned()),
        }
    }

    /// Takes the messages of a stream until it ends.
    async fn follow(mut self, mut stream: impl AsyncRead + Unpin, session: u64, peer: SocketAddr) -> End {
        let mut frames = Frames::default();
        let mut buffer = vec![0; READ];
        let mut deadline = tokio::time::Instant::now() + self.settings.idle;
        let mut stopping = false;
        loop {
            let read = tokio::select! {
                read = stream.read(&mut buffer) => read,
                () = tokio::time::sleep_until(deadline) => {
                    return if stopping { End::Closed } else { End::Idle };
                }
                _ = self.stop.wait_for(|stop| *stop), if !stopping => {
                    stopping = true;
                    deadline = tokio::time::Instant::now() + AFTER_STOP;
                    continue;
                }
            };
            match read {
                Ok(0) if frames.unfinished() > 0 => return End::Cut,
                Ok(0) => return End::Closed,
                Ok(length) => frames.push(&buffer[..length]),
                // An exporter that goes away without a TLS farewell, between two messages, has lost nothing.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && frames.unfinished() == 0 => {
                    return End::Closed;
                }
                Err(error) => return End::Failed(error),
            }
            loop {
                match frames.next_message() {
                    Ok(Some(message)) => self.hand_on(session, peer, message).await,
                    Ok(None) => break,
                    Err(error) => return End::Malformed(error),
                }
                if !stopping {
                    deadline = tokio::time::Instant::now() + self.settings.idle;
                }
            }
        }
    }

    /// Hands a message on, waiting for room: TCP then slows its exporter down.
    async fn hand_on(&self, session: u64, peer: SocketAddr, message: &[u8]) {
        let received = self.intake.now();
        if let Err(reason) = self.intake.admission().admit(peer.ip().to_canonical(), received) {
            self.intake.dropped(reason, message.len() as u64);
            return;
        }
        let mut patience = MOST_WAITS;
        while !self.intake.message(session, peer, received, message) {
            if *self.stop.borrow() {
                patience -= 1;
                if patience == 0 {
                    return self.intake.dropped(DropReason::QueueFull, message.len() as u64);
                }
            }
            tokio::time::sleep(WAIT).await;
        }
    }
}
