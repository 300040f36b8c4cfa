//! Live capture from network interfaces: `AF_PACKET` with a `TPACKET_V3` ring (Linux, packet(7)).
//!
//! The only part of the repository that may use `unsafe`, and only for system calls and the ring they share with the
//! kernel. Gives frames; knows neither packets nor sessions. Every [`Capture`] belongs to one thread; several on one
//! interface share its traffic by flow (`PACKET_FANOUT`).
#![allow(unsafe_code)]

pub mod filter;
mod privileges;
mod ring;
mod socket;

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::parse::{FrameMeta, LinkType};
use filter::{Filter, FilterError};
pub use privileges::drop_capabilities;
use ring::Ring;
use socket::Socket;

/// Why an interface could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The process may not open packet sockets.
    #[error(
        "failed to capture on {interface}: the process lacks CAP_NET_RAW (run as root, or grant the capability with \
         setcap cap_net_raw,cap_net_admin+ep)"
    )]
    Privileges {
        /// The interface.
        interface: String,
    },
    /// There is no such interface.
    #[error("failed to capture on {interface}: no such interface")]
    NoInterface {
        /// The interface.
        interface: String,
    },
    /// The interface has a link layer that is not read.
    #[error("failed to capture on {interface}: unsupported link layer {hardware}")]
    LinkLayer {
        /// The interface.
        interface: String,
        /// `ARPHRD_` number.
        hardware: u16,
    },
    /// The filter is not understood.
    #[error("failed to capture on {interface}: {source}")]
    Filter {
        /// The interface.
        interface: String,
        /// What is wrong with it.
        source: FilterError,
    },
    /// A system call failed.
    #[error("failed to capture on {interface}: {call}: {source}")]
    System {
        /// The interface.
        interface: String,
        /// Which call.
        call: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// How an interface is captured.
#[derive(Debug, Clone)]
pub struct CaptureSettings {
    /// Interface name.
    pub interface: String,
    /// Also frames that are not for this host.
    pub promiscuous: bool,
    /// Frames that this host sends; on the loopback interface each frame would be seen twice with them.
    pub outgoing: bool,
    /// What the kernel lets through; everything if absent.
    pub filter: Option<Filter>,
    /// Number shared by the captures that share the interface's traffic; alone if absent.
    pub fanout: Option<u16>,
    /// Size of one block of the ring in bytes: a power of two, at least 128 KiB.
    pub block_size: u32,
    /// Blocks of the ring.
    pub blocks: u32,
    /// After how long a block that is not full is handed over.
    pub retire: Duration,
}

impl CaptureSettings {
    /// Defaults for an interface: promiscuous, both directions, a ring of 64 MiB.
    pub fn new(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            promiscuous: true,
            outgoing: interface != "lo",
            filter: None,
            fanout: None,
            block_size: 1 << 20,
            blocks: 64,
            retire: Duration::from_millis(20),
        }
    }
}

/// What the kernel counted since the last question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptureStats {
    /// Frames that passed the filter, those dropped included.
    pub packets: u64,
    /// Frames dropped because the ring was full.
    pub drops: u64,
    /// How often the ring was full.
    pub freezes: u64,
}

/// An interface being captured.
#[derive(Debug)]
pub struct Capture {
    // The ring is unmapped before the socket is closed.
    ring: Ring,
    socket: Socket,
    link: LinkType,
    total: CaptureStats,
}

impl Capture {
    /// Opens a capture. Frames are kept from this moment on.
    ///
    /// # Errors
    /// Privileges are missing, there is no such interface, its link layer is not read, or a system call fails.
    pub fn open(settings: &CaptureSettings) -> Result<Self, CaptureError> {
        let socket = Socket::open(&settings.interface)?;
        let (index, link) = socket.interface(&settings.interface)?;
        // No frame may come before the filter is in place: the socket gets its protocol only when it is bound.
        let ring = Ring::new(&socket, settings)?;
        if let Some(filter) = &settings.filter {
            let program = filter
                .program(link)
                .map_err(|source| CaptureError::Filter { interface: settings.interface.clone(), source })?;
            socket.attach(&program)?;
        }
        if !settings.outgoing {
            socket.ignore_outgoing()?;
        }
        if settings.promiscuous {
            socket.promiscuous(index)?;
        }
        socket.bind(index)?;
        if let Some(group) = settings.fanout {
            socket.fanout(group, settings.outgoing)?;
        }
        Ok(Self { ring, socket, link, total: CaptureStats::default() })
    }

    /// How frames of the interface begin.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Waits up to `patience` for a block of frames and gives each frame to `each`; `false` if none came in time.
    ///
    /// The frames are borrowed from the ring, which gets the block back afterwards.
    ///
    /// # Errors
    /// The system call fails, as when the interface goes away.
    pub fn next_block(
        &mut self,
        patience: Duration,
        mut each: impl FnMut(LinkType, &[u8], FrameMeta),
    ) -> io::Result<bool> {
        if !self.ring.is_ready() {
            self.socket.wait(patience)?;
        }
        let link = self.link;
        let Some(block) = self.ring.block() else { return Ok(false) };
        for frame in block {
            each(link, frame.data, frame.meta);
        }
        self.ring.release();
        Ok(true)
    }

    /// The kernel's counters since the capture was opened.
    ///
    /// # Errors
    /// The system call fails.
    pub fn stats(&mut self) -> io::Result<CaptureStats> {
        // Reading resets them.
        let since = self.socket.statistics()?;
        self.total.packets += since.packets;
        self.total.drops += since.drops;
        self.total.freezes += since.freezes;
        Ok(self.total)
    }

    /// The file descriptor, for those who wait for several captures at once.
    pub fn fd(&self) -> i32 {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests;
