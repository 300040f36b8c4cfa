//! IANA service names, and which side of a session is the server where no handshake was seen.

use crate::record::Endpoint;

/// Service names of the IANA Service Name and Transport Protocol Port Number Registry: port, name.
/// Sorted by port; the names hold for TCP and UDP alike unless listed in [`TCP_ONLY`] or [`UDP_ONLY`].
const NAMES: &[(u16, &str)] = &[(22, "ssh"), (53, "domain"), (80, "http"), (443, "https")];

const TCP_ONLY: &[(u16, &str)] = &[];
const UDP_ONLY: &[(u16, &str)] = &[];

/// The IANA name of the service on this port, `None` for protocols without ports and unnamed ports.
pub fn service_name(proto: u8, port: u16) -> Option<&'static str> {
    let find = |table: &[(u16, &'static str)]| {
        table.binary_search_by_key(&port, |entry| entry.0).ok().map(|index| table[index].1)
    };
    match proto {
        6 => find(TCP_ONLY).or_else(|| find(NAMES)),
        17 => find(UDP_ONLY).or_else(|| find(NAMES)),
        33 | 132 => find(NAMES),
        _ => None,
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
