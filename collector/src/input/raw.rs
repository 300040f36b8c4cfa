//! Files of raw messages: what an exporter sent, back to back. An IPFIX file (RFC 5655) is such a file.
//!
//! Owns cutting the file where lengths allow; must not know sets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;

use super::{InputDatagram, InputKind, InputSummary};

/// Where raw messages are said to come from.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
const IPFIX: u16 = 10;

fn version(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.first_chunk::<2>()?))
}

/// Whether the file begins like an export message.
pub(super) fn is_messages(bytes: &[u8]) -> bool {
    matches!(version(bytes), Some(5 | 7 | 9 | IPFIX)) && bytes.len() >= 16
}

/// Hands on message by message where the length is known (IPFIX), and the rest as one: the decoder finds the borders of
/// other versions itself.
pub(super) fn read(mut rest: &[u8], each: &mut dyn FnMut(InputDatagram<'_>) -> ControlFlow<()>) -> InputSummary {
    let mut summary =
        InputSummary { kind: InputKind::Messages, packets: 0, datagrams: 0, skipped: 0, truncated: false };
    while !rest.is_empty() {
        let length = match (version(rest), rest.get(2..4)) {
            (Some(IPFIX), Some(length)) => usize::from(u16::from_be_bytes([length[0], length[1]])).max(16),
            _ => rest.len(),
        };
        summary.truncated |= length > rest.len();
        let (message, after) = rest.split_at(length.min(rest.len()));
        summary.packets += 1;
        summary.datagrams += 1;
        if each(InputDatagram { source: NOWHERE, received: 0, payload: message }).is_break() {
            break;
        }
        rest = after;
    }
    summary
}
