//! Datagrams that the kernel dropped because a socket's buffer was full, as it counts them itself.
//!
//! Owns reading of `/proc/net/udp`; must not know sockets' contents.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;

/// A socket's number in the kernel's tables, by which its drops are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(u64);

impl SocketId {
    /// The number of a socket; `None` where the system does not tell.
    pub fn of(socket: &UdpSocket) -> Option<Self> {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        inode.parse().ok().map(Self)
    }
}

/// Drops of every UDP socket since it was made.
pub fn kernel_drops() -> HashMap<SocketId, u64> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    ["/proc/net/udp", "/proc/net/udp6"].into_iter().flat_map(|path| drops_in(&read(path))).collect()
}

/// Columns `inode` and `drops` of each row.
fn drops_in(table: &str) -> Vec<(SocketId, u64)> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        Some((SocketId(columns.get(9)?.parse().ok()?), columns.last()?.parse().ok()?))
    };
    table.lines().skip(1).filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     1: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0 7\n\
                     2: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 112 2 0 5\n";
        assert_eq!(drops_in(table), [(SocketId(111), 7), (SocketId(112), 5)]);
    }

    /// A socket that nobody reads from drops what exceeds its buffer, and says how much.
    #[test]
    fn a_full_socket_tells_its_drops() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&socket).set_recv_buffer_size(4_096).unwrap();
        let id = SocketId::of(&socket).unwrap();
        assert_eq!(kernel_drops()[&id], 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1_000], socket.local_addr().unwrap()).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let mut received = 0;
        while socket.recv(&mut [0; 2_000]).is_ok() {
            received += 1;
        }
        assert!(received < 100);
        assert_eq!(kernel_drops()[&id], 100 - received);
    }
}
