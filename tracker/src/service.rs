//! IANA service names, and which side of a session is the server where no handshake was seen.
//!
//! Owns the table of names (`service/names.tsv`: port, transports, name, from the IANA Service Name and Transport
//! Protocol Port Number Registry); must not know sessions.

use std::sync::LazyLock;

use crate::record::Endpoint;

/// Port, transports (`t` TCP, `u` UDP, `s` SCTP, `d` DCCP), name; sorted by port.
const NAMES: &str = include_str!("service/names.tsv");

const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const SCTP: u8 = 132;

/// Names by port: 0 is no name, n is the n-th line of [`NAMES`]. One array per transport, so a look-up is one load.
struct Names {
    lines: Vec<&'static str>,
    by_port: [Vec<u16>; 4],
}

static TABLE: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { lines: vec![""], by_port: std::array::from_fn(|_| vec![0; 1 << 16]) };
    for (port, transports, name) in lines() {
        let line = names.lines.len() as u16;
        names.lines.push(name);
        for letter in transports.chars() {
            if let Some(column) = column_of(letter) {
                names.by_port[column][usize::from(port)] = line;
            }
        }
    }
    names
});

fn column_of(letter: char) -> Option<usize> {
    "tusd".find(letter)
}

fn lines() -> impl Iterator<Item = (u16, &'static str, &'static str)> {
    NAMES.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        Some((fields.next()?.parse().ok()?, fields.next()?, fields.next()?))
    })
}

/// The IANA name of the service on this port, `None` for protocols without ports and unnamed ports.
pub fn service_name(proto: u8, port: u16) -> Option<&'static str> {
    let column = match proto {
        TCP => 0,
        UDP => 1,
        SCTP => 2,
        DCCP => 3,
        _ => return None,
    };
    let table = &*TABLE;
    match table.by_port[column][usize::from(port)] {
        0 => None,
        line => Some(table.lines[usize::from(line)]),
    }
}

/// Whether the second of two endpoints is the server, when the handshake does not tell.
///
/// A configured service first, else the only port with an IANA name, else the lower port; the second where all tie.
pub fn second_is_server(proto: u8, first: Endpoint, second: Endpoint, configured: &dyn Fn(Endpoint) -> bool) -> bool {
    let only = |known: &dyn Fn(Endpoint) -> bool| match (known(first), known(second)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    };
    only(configured)
        .or_else(|| only(&|endpoint| service_name(proto, endpoint.port).is_some()))
        .unwrap_or(first.port >= second.port)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_port_has_one_name_per_transport() {
        assert_eq!(lines().count(), NAMES.lines().count(), "every line parses");
        assert!(lines().map(|line| line.0).is_sorted());
        let mut seen = HashSet::new();
        for (port, transports, name) in lines() {
            assert!(!transports.is_empty() && !name.is_empty() && name == name.to_lowercase(), "{port} {name}");
            for letter in transports.chars() {
                assert!(column_of(letter).is_some(), "{port}: {letter}");
                assert!(seen.insert((port, letter)), "{port} has two names for {letter}");
            }
        }
    }

    #[test]
    fn well_known_names() {
        for (proto, port, name) in [
            (TCP, 22, "ssh"),
            (TCP, 80, "http"),
            (TCP, 443, "https"),
            (UDP, 443, "https"),
            (UDP, 53, "domain"),
            (UDP, 123, "ntp"),
            (TCP, 445, "microsoft-ds"),
            (TCP, 514, "shell"),
            (UDP, 514, "syslog"),
            (TCP, 5432, "postgresql"),
            (SCTP, 38412, "ng-control"),
        ] {
            assert_eq!(service_name(proto, port), Some(name), "{proto} {port}");
        }
        assert_eq!(service_name(UDP, 6379), None, "redis is TCP only");
        assert_eq!(service_name(TCP, 61_000), None);
        assert_eq!(service_name(1, 80), None);
    }

    #[test]
    fn the_server_side() {
        let at = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
        let none = |_: Endpoint| false;
        assert!(second_is_server(TCP, at(50000), at(443), &none));
        assert!(!second_is_server(TCP, at(443), at(50000), &none));
        assert!(second_is_server(TCP, at(60001), at(60000), &none), "the lower port");
        assert!(!second_is_server(TCP, at(60000), at(60001), &none));
        assert!(second_is_server(TCP, at(443), at(61000), &|endpoint| endpoint.port == 61000), "configured first");
        assert!(second_is_server(TCP, at(443), at(443), &none));
    }
}
