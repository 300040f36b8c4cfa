//! UDP sockets for export datagrams.
//!
//! Owns their options: one port for several sockets, a large receive buffer; must not know what is received.

use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// Why a socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on udp {address}: {source}")]
pub struct SocketError {
    /// Where.
    pub address: SocketAddr,
    /// What the system said.
    pub source: std::io::Error,
}

/// A bound socket.
#[derive(Debug)]
pub struct BoundSocket {
    /// The socket.
    pub socket: UdpSocket,
    /// Where it listens, with the port that the system chose.
    pub address: SocketAddr,
    /// What the operator should know: a smaller receive buffer than asked for.
    pub warning: Option<String>,
}

/// How a socket is bound.
#[derive(Debug, Clone, Copy, Default)]
pub struct BindOptions {
    /// Receive buffer to ask for, octets; 0 leaves the system's default.
    pub receive_buffer: usize,
    /// Further sockets may have the same address and port.
    pub shared: bool,
    /// An IPv6 socket takes no IPv4, because another socket does.
    pub only_v6: bool,
}

/// Binds a socket.
///
/// # Errors
/// The address and what the system said of it.
pub fn bind(address: SocketAddr, options: BindOptions) -> Result<BoundSocket, SocketError> {
    let error = |source| SocketError { address, source };
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).map_err(error)?;
    if address.is_ipv6() {
        socket.set_only_v6(options.only_v6).map_err(error)?;
    }
    if options.shared {
        socket.set_reuse_port(true).map_err(error)?;
    }
    let warning = grow_buffer(&socket, address, options.receive_buffer);
    socket.bind(&address.into()).map_err(error)?;
    let socket = UdpSocket::from(socket);
    let address = socket.local_addr().map_err(error)?;
    Ok(BoundSocket { socket, address, warning })
}

/// Asks for a receive buffer; a sentence when less was granted.
fn grow_buffer(socket: &Socket, address: SocketAddr, wanted: usize) -> Option<String> {
    if wanted == 0 {
        return None;
    }
    // Refusal shows in what was granted.
    let _ = socket.set_recv_buffer_size(wanted);
    let granted = socket.recv_buffer_size().unwrap_or(0);
    (granted < wanted).then(|| {
        format!(
            "receive buffer of {address} is {granted} of {wanted} bytes; raise net.core.rmem_max to lose fewer datagrams in bursts"
        )
    })
}
