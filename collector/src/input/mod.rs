//! Export datagrams out of files: captures, and files of raw messages.
//!
//! Owns telling the kinds of file apart; must not know what messages mean. Never loads more than one file.

mod capture;
mod link;
mod raw;

use std::fs::File;
use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tracker::Micros;

/// Octets that tell what a file is.
const START: usize = 16;

/// A datagram out of a file.
#[derive(Debug, Clone, Copy)]
pub struct InputDatagram<'a> {
    /// Who sent it; for raw files the unspecified address.
    pub source: SocketAddr,
    /// When it was captured, 0 where the file does not say.
    pub received: Micros,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What kind of file it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// pcap.
    Pcap,
    /// pcapng.
    PcapNg,
    /// One or more messages back to back, as sent, among them IPFIX files (RFC 5655).
    Messages,
}

/// What was found in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSummary {
    /// Kind of file.
    pub kind: InputKind,
    /// Packets (captures) or messages (raw files).
    pub packets: u64,
    /// Datagrams handed on.
    pub datagrams: u64,
    /// Packets that carry no export datagram: other traffic, fragments, cut packets.
    pub skipped: u64,
    /// The file ends in the middle of a packet or message.
    pub truncated: bool,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file system refused.
    #[error("failed to read {path:?}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Nothing that we know.
    #[error("{0:?} is neither pcap, pcapng nor NetFlow or IPFIX messages")]
    UnknownFormat(PathBuf),
    /// A capture whose structure is broken.
    #[error("{path:?} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a file and hands every export datagram to `each`, in order, until it breaks.
pub fn read_datagrams(
    path: &Path,
    each: &mut dyn FnMut(InputDatagram<'_>) -> ControlFlow<()>,
) -> Result<InputSummary, InputError> {
    let io = |source| InputError::Io { path: path.to_owned(), source };
    read_from(path, &mut File::open(path).map_err(io)?, each)
}

/// Like [`read_datagrams`] with content that is in memory; `name` is for messages.
pub fn read_bytes(
    name: &Path,
    mut bytes: &[u8],
    each: &mut dyn FnMut(InputDatagram<'_>) -> ControlFlow<()>,
) -> Result<InputSummary, InputError> {
    read_from(name, &mut bytes, each)
}

/// Like [`read_datagrams`] from any stream, such as standard input. Captures are streamed; message files are loaded.
pub fn read_from(
    name: &Path,
    stream: &mut dyn Read,
    each: &mut dyn FnMut(InputDatagram<'_>) -> ControlFlow<()>,
) -> Result<InputSummary, InputError> {
    let io = |source| InputError::Io { path: name.to_owned(), source };
    let mut start = Vec::with_capacity(START);
    stream.take(START as u64).read_to_end(&mut start).map_err(io)?;
    if capture::is_capture(&start) {
        let mut whole = Cursor::new(start.clone()).chain(stream);
        return capture::read(name, &start, &mut whole, each);
    }
    if !raw::is_messages(&start) {
        return Err(InputError::UnknownFormat(name.to_owned()));
    }
    stream.read_to_end(&mut start).map_err(io)?;
    Ok(raw::read(&start, each))
}

#[cfg(test)]
mod tests;
