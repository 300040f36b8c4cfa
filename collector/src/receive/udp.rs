//! The thread behind one UDP socket: reads datagrams in batches and hands them on.
//!
//! Owns the waiting and the batches; must not know what datagrams hold.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use tokio::io::Interest;

use super::intake::Intake;

/// How long to wait for datagrams before looking whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// Datagrams that a socket may still deliver after receiving was stopped.
const MOST_AFTER_STOP: usize = 100_000;
/// The longest datagram; with segments that the kernel joined, the longest read.
const LONGEST: usize = 65_536;

/// What a receiving thread works with.
pub(crate) struct Receiver {
    pub(crate) socket: UdpSocket,
    pub(crate) intake: Intake,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Receiver {
    /// Starts the thread. It ends soon after `stop` is set, when the socket has nothing more.
    pub(crate) fn spawn(self, name: String) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let state = UdpSocketState::new((&self.socket).into())?;
        let socket = {
            let _inside = runtime.enter();
            tokio::net::UdpSocket::from_std(self.socket)?
        };
        let (intake, stop) = (self.intake, self.stop);
        std::thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(receive(&socket, &state, &intake, &stop));
        })
    }
}

async fn receive(socket: &tokio::net::UdpSocket, state: &UdpSocketState, intake: &Intake, stop: &AtomicBool) {
    let mut memory = vec![0_u8; LONGEST * BATCH_SIZE];
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    // After the stop, what the socket still holds is taken, but not what keeps arriving for ever.
    let mut left = MOST_AFTER_STOP;
    loop {
        let stopping = stop.load(Ordering::Acquire);
        if !stopping {
            // An error shows again in the read below.
            let _ = tokio::time::timeout(PATIENCE, socket.readable()).await;
        }
        let mut buffers: Vec<IoSliceMut<'_>> = memory.chunks_exact_mut(LONGEST).map(IoSliceMut::new).collect();
        let read = if stopping {
            // Readiness may not have been noticed yet: the socket itself is asked.
            state.recv(socket.into(), &mut buffers, &mut metas)
        } else {
            socket.try_io(Interest::READABLE, || state.recv(socket.into(), &mut buffers, &mut metas))
        };
        match read {
            Ok(count) => {
                let taken = hand_on(intake, &memory, &metas[..count]);
                left = left.saturating_sub(if stopping { taken } else { 0 });
                if left == 0 {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if stopping {
                    return;
                }
            }
            // Errors of single datagrams (such as an ICMP answer to something sent) do not end receiving.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                if stopping {
                    return;
                }
                tracing::debug!(%error, "receive failed");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Hands on what was read; how many datagrams that was. The kernel may have joined datagrams of one sender and length.
fn hand_on(intake: &Intake, memory: &[u8], metas: &[RecvMeta]) -> usize {
    let datagrams = || memory.chunks_exact(LONGEST).zip(metas).flat_map(|(buffer, meta)| cut(buffer, meta));
    intake.datagrams(datagrams());
    datagrams().count()
}

fn cut<'a>(buffer: &'a [u8], meta: &RecvMeta) -> impl Iterator<Item = (SocketAddr, &'a [u8])> {
    let source = meta.addr;
    let bytes = buffer.get(..meta.len).unwrap_or_default();
    // An empty datagram is one, too.
    let empty = bytes.is_empty().then_some(bytes);
    bytes.chunks(meta.stride.max(1)).chain(empty).map(move |datagram| (source, datagram))
}
