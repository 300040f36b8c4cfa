//! Datagrams that the kernel dropped because a socket's buffer was full, as it counts them itself.
//!
//! Owns reading of `/proc/net/udp`; must not know sockets' contents.

use std::net::SocketAddr;

/// Drops of all sockets bound to this address and port. 0 where the system does not tell.
pub fn kernel_drops(address: SocketAddr) -> u64 {
    let path = if address.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
    std::fs::read_to_string(path).map_or(0, |table| drops_in(&table, address.port()))
}

/// Sums the last column (`drops`) of the rows whose local port matches.
fn drops_in(table: &str, port: u16) -> u64 {
    let row = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let (_, local_port) = columns.nth(1)?.rsplit_once(':')?;
        if u16::from_str_radix(local_port, 16).ok()? != port {
            return None;
        }
        columns.next_back()?.parse::<u64>().ok()
    };
    table.lines().skip(1).filter_map(row).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_rows_of_the_port() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     1: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0 7\n\
                     2: 0100007F:0807 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 112 2 0 5\n\
                     3: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 113 2 0 90\n";
        assert_eq!(drops_in(table, 2055), 12);
        assert_eq!(drops_in(table, 9), 0);
    }
}
