//! Whose sessions had to go when the table was full: counts for each server, bounded.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::packet::{Addr, ip_of};

/// How many servers are counted each on its own.
const SERVERS: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Evictions {
    servers: HashMap<(Addr, u16), u64>,
    others: u64,
}

impl Evictions {
    /// Counts one evicted session. When there is no room, the server with the fewest gives way to `others`.
    pub fn count(&mut self, server: (Addr, u16)) {
        if let Some(count) = self.servers.get_mut(&server) {
            *count += 1;
        } else if self.servers.len() < SERVERS {
            self.servers.insert(server, 1);
        } else {
            self.others += 1;
            // A flood of one server after a scan of many must not stay hidden: now and then make room.
            if self.others.is_multiple_of(4096) {
                let kept: u64 = self.servers.values().sum::<u64>() / SERVERS as u64;
                let others = &mut self.others;
                self.servers.retain(|_, count| {
                    let keep = *count > kept.max(1);
                    *others += if keep { 0 } else { *count };
                    keep
                });
            }
        }
    }

    /// Server, port and count, the most evicted first; then how many belong to servers not named.
    pub fn report(&self) -> (Vec<(IpAddr, u16, u64)>, u64) {
        let mut servers: Vec<_> =
            self.servers.iter().map(|(&(addr, port), &count)| (ip_of(addr), port, count)).collect();
        servers.sort_unstable_by_key(|&(ip, port, count)| (std::cmp::Reverse(count), ip, port));
        (servers, self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_evicted_server_is_named_and_nothing_is_lost() {
        let mut evictions = Evictions::default();
        for scanned in 0..50_000u32 {
            let mut addr = [0; 16];
            addr[..4].copy_from_slice(&scanned.to_be_bytes());
            evictions.count((addr, 80));
        }
        for _ in 0..20_000 {
            evictions.count(([7; 16], 443));
        }
        let (servers, others) = evictions.report();
        assert!(servers.len() <= SERVERS);
        assert_eq!(servers.iter().map(|server| server.2).sum::<u64>() + others, 70_000);
        assert_eq!((servers[0].0, servers[0].1), (ip_of([7; 16]), 443));
        assert!(servers[0].2 > 10_000);
    }
}
