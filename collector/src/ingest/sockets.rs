//! The UDP sockets of live ingest, and what the kernel dropped at each.
//!
//! Owns how many there are and their drops; must not know who reads them.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use super::IngestError;
use crate::receive::{BindOptions, BoundSocket, SocketId, bind, kernel_drops};

/// One socket per address and worker; the port is probed alone first, so that another program on it is noticed.
pub(super) fn bind_all(listen: &[SocketAddr], buffer: usize, workers: usize) -> Result<Vec<BoundSocket>, IngestError> {
    let mut sockets = Vec::new();
    for &wanted in listen {
        let only_v6 = listen.iter().any(|other| other.is_ipv4() && other.port() == wanted.port());
        let alone = BindOptions { receive_buffer: buffer, shared: false, only_v6 };
        if workers == 1 {
            sockets.push(bind(wanted, alone)?);
            continue;
        }
        let probed = bind(wanted, alone)?.address;
        for _ in 0..workers {
            sockets.push(bind(probed, BindOptions { shared: true, ..alone })?);
        }
    }
    Ok(sockets)
}

/// What the kernel dropped at one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketDrops {
    /// Where it listens, and which of the sockets there it is.
    pub name: String,
    /// Datagrams for which its buffer had no room.
    pub dropped: u64,
}

/// The sockets that are read.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    addresses: Vec<SocketAddr>,
    warnings: Vec<String>,
    named: Vec<(Option<SocketId>, String)>,
    /// The most that was seen: a closed socket tells no more.
    most: Mutex<Vec<u64>>,
}

impl Sockets {
    /// Takes note of sockets before they are read.
    pub(super) fn of(sockets: &[BoundSocket]) -> Self {
        let mut noted = Self::default();
        for bound in sockets {
            let index = noted.named.iter().filter(|(_, name)| name.starts_with(&format!("{}#", bound.address))).count();
            noted.named.push((SocketId::of(&bound.socket), format!("{}#{index}", bound.address)));
            if index == 0 {
                noted.addresses.push(bound.address);
                noted.warnings.extend(bound.warning.clone());
            }
        }
        noted
    }

    /// Where they listen.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What the operator should know.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the kernel has dropped at each so far.
    pub(super) fn drops(&self) -> Vec<SocketDrops> {
        let all = kernel_drops();
        let mut most = self.most.lock().unwrap_or_else(PoisonError::into_inner);
        most.resize(self.named.len(), 0);
        let newer = |(id, _): &(Option<SocketId>, String)| id.and_then(|id| all.get(&id).copied()).unwrap_or(0);
        let of = |(socket, most): (&(Option<SocketId>, String), &mut u64)| {
            *most = newer(socket).max(*most);
            SocketDrops { name: socket.1.clone(), dropped: *most }
        };
        self.named.iter().zip(most.iter_mut()).map(of).collect()
    }
}
