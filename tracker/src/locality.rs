//! Locality of an address and the perspective of a session.
//!
//! Owns the default set of private prefixes; must not know sessions' outcomes.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::outcome::{UnknownName, names};
use std::fmt;
use std::str::FromStr;

names! {
    /// Where an address lies, as seen by the network that is watched.
    Locality {
        /// Inside: a private or configured internal prefix.
        Private = "private",
        /// Outside.
        Public = "public",
    }
}

names! {
    /// Which way a session crosses the border of the watched network. Every session has exactly one.
    Perspective {
        /// Client and server public.
        Edge = "edge",
        /// Client public, server private.
        Inbound = "inbound",
        /// Client private, server public.
        Outbound = "outbound",
        /// Client and server private.
        Private = "private",
    }
}

impl Perspective {
    /// The perspective of a session between these two sides.
    pub const fn of(client: Locality, server: Locality) -> Self {
        match (client, server) {
            (Locality::Public, Locality::Public) => Self::Edge,
            (Locality::Public, Locality::Private) => Self::Inbound,
            (Locality::Private, Locality::Public) => Self::Outbound,
            (Locality::Private, Locality::Private) => Self::Private,
        }
    }

    /// The short form used in job ids: `edge`, `in`, `out`, `priv`.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Inbound => "in",
            Self::Outbound => "out",
            Self::Private => "priv",
        }
    }
}

/// Prefixes that are private without any configuration.
///
/// RFC 1918, RFC 6598, loopback, link-local, ULA (RFC 4193), documentation (RFC 5737, 3849, 9637) and benchmarking
/// (RFC 2544, 5180) ranges, multicast, unspecified and broadcast.
const DEFAULT_PRIVATE: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// The set of prefixes that count as private, as merged address ranges; a look-up is one binary search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    /// Disjoint inclusive ranges of v4-mapped/v6 addresses, ascending.
    ranges: Vec<(u128, u128)>,
}

impl Default for Networks {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Networks {
    /// The default private prefixes and the user's own internal ones.
    pub fn new(internal: &[IpNet]) -> Self {
        let defaults = DEFAULT_PRIVATE.iter().filter_map(|prefix| prefix.parse::<IpNet>().ok());
        Self::only(defaults.chain(internal.iter().copied()))
    }

    /// Exactly these prefixes.
    pub fn only(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let mut ranges: Vec<(u128, u128)> =
            prefixes.into_iter().map(|net| (address_key(net.network()), address_key(net.broadcast()))).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }

    /// Whether the address is private or public.
    pub fn locality(&self, address: IpAddr) -> Locality {
        let key = address_key(address);
        let after = self.ranges.partition_point(|range| range.0 <= key);
        if after > 0 && key <= self.ranges[after - 1].1 { Locality::Private } else { Locality::Public }
    }

    /// The perspective of a session from `client` to `server`.
    pub fn perspective(&self, client: IpAddr, server: IpAddr) -> Perspective {
        Perspective::of(self.locality(client), self.locality(server))
    }
}

/// The address as one ordered 128-bit number; IPv4 is v4-mapped (`::ffff:a.b.c.d`).
pub fn address_key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The address that [`address_key`] made this number from. A v4-mapped number reads as IPv4.
pub fn address_of(key: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(key)).to_canonical()
}

/// Whether the address is link-local (169.254/16, `fe80::/10`): such clients are left out of the failed-session jobs.
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locality(text: &str) -> Locality {
        Networks::default().locality(text.parse().unwrap())
    }

    #[test]
    fn every_default_prefix_parses() {
        for prefix in DEFAULT_PRIVATE {
            assert!(prefix.parse::<IpNet>().is_ok(), "{prefix}");
        }
    }

    #[test]
    fn default_prefixes() {
        for private in ["10.1.2.3", "172.31.255.255", "100.64.0.1", "fd00::1", "fe80::1", "::1", "239.1.1.1"] {
            assert_eq!(locality(private), Locality::Private, "{private}");
        }
        for public in ["172.32.0.0", "9.255.255.255", "11.0.0.0", "2600::1", "1.1.1.1", "100.128.0.0"] {
            assert_eq!(locality(public), Locality::Public, "{public}");
        }
    }

    #[test]
    fn the_users_own_prefix_is_internal() {
        let networks = Networks::new(&["8.8.0.0/16".parse().unwrap()]);
        let (inside, outside) = ("8.8.1.1".parse().unwrap(), "8.9.0.0".parse().unwrap());
        assert_eq!(networks.perspective(outside, inside), Perspective::Inbound);
        assert_eq!(networks.perspective(inside, outside), Perspective::Outbound);
        assert_eq!(networks.perspective(inside, inside), Perspective::Private);
        assert_eq!(networks.perspective(outside, outside), Perspective::Edge);
    }
}
