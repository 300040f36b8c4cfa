//! Community ID v1: one text for a session, the same from every tool that sees it.
//!
//! Source: the Community ID specification, version 1 (seed 0, SHA-1, base64).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::record::Endpoint;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;
const SCTP: u8 = 132;

/// The community id of a session, seed 0.
///
/// For ICMP and `ICMPv6` the client's port is the message type and the server's port the code or, for messages that are
/// asked and answered, the type of the counterpart; see [`icmp_ports`].
pub fn community_id(proto: u8, client: Endpoint, server: Endpoint) -> String {
    let one_way = matches!(proto, ICMP | ICMP6) && icmp_counterpart(proto, client.port).is_none();
    let (first, second) = if one_way || ordered(client, server) { (client, server) } else { (server, client) };
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    for ip in [first.ip, second.ip] {
        match ip {
            IpAddr::V4(v4) => hash.update(v4.octets()),
            IpAddr::V6(v6) => hash.update(v6.octets()),
        }
    }
    hash.update([proto, 0]);
    if matches!(proto, ICMP | TCP | UDP | ICMP6 | SCTP) {
        hash.update(first.port.to_be_bytes());
        hash.update(second.port.to_be_bytes());
    }
    let mut text = String::with_capacity(30);
    text.push_str("1:");
    STANDARD.encode_string(hash.finalize(), &mut text);
    text
}

/// The community id of a session record, whose server port is `type << 8 | code` for ICMP.
pub fn community_of(proto: u8, client: Endpoint, server: Endpoint) -> String {
    if !matches!(proto, ICMP | ICMP6) {
        return community_id(proto, client, server);
    }
    let [kind, code] = server.port.to_be_bytes();
    let (first, second) = icmp_ports(proto, kind, code);
    community_id(proto, Endpoint { port: first, ..client }, Endpoint { port: second, ..server })
}

/// The port pair that stands for an ICMP message in a community id: its type, and its counterpart's type or its code.
pub fn icmp_ports(proto: u8, kind: u8, code: u8) -> (u16, u16) {
    let kind = u16::from(kind);
    (kind, icmp_counterpart(proto, kind).unwrap_or(u16::from(code)))
}

fn ordered(a: Endpoint, b: Endpoint) -> bool {
    (a.ip, a.port) < (b.ip, b.port)
}

/// ICMP types that ask, each with the type that answers.
fn icmp_pairs(proto: u8) -> &'static [(u16, u16)] {
    if proto == ICMP6 {
        &[(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)]
    } else {
        &[(8, 0), (13, 14), (15, 16), (10, 9), (17, 18)]
    }
}

/// The type that asks: for an answer the type of its question, for anything else the type itself.
pub(crate) fn icmp_request(proto: u8, kind: u8) -> u8 {
    let asked = icmp_pairs(proto).iter().find(|pair| pair.1 == u16::from(kind));
    asked.map_or(kind, |pair| pair.0 as u8)
}

/// What an ICMP exchange is about: the type of the request in the high byte; for messages that nobody answers also the
/// code, in the low byte.
pub(crate) fn icmp_exchange(proto: u8, kind: u8, code: u8) -> u16 {
    let code = if icmp_counterpart(proto, u16::from(kind)).is_some() { 0 } else { code };
    u16::from_be_bytes([icmp_request(proto, kind), code])
}

/// The type that answers this type, if it asks.
pub(crate) fn icmp_answer(proto: u8, kind: u8) -> Option<u8> {
    icmp_pairs(proto).iter().find(|pair| pair.0 == u16::from(kind)).map(|pair| pair.1 as u8)
}

/// The type that answers (or is answered by) this ICMP type.
fn icmp_counterpart(proto: u8, kind: u16) -> Option<u16> {
    icmp_pairs(proto).iter().find_map(|&(a, b)| match kind {
        k if k == a => Some(b),
        k if k == b => Some(a),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(ip: &str, port: u16) -> Endpoint {
        Endpoint { ip: ip.parse().unwrap(), port }
    }

    #[test]
    fn the_specifications_own_example() {
        let (a, b) = (endpoint("128.232.110.120", 34855), endpoint("66.35.250.204", 80));
        assert_eq!(community_id(TCP, a, b), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(community_id(TCP, b, a), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    }

    #[test]
    fn an_echo_reads_the_same_from_both_ends() {
        let (a, b) = ("192.168.0.89".parse().unwrap(), "192.168.0.1".parse().unwrap());
        let id = |from, to, kind| {
            let (p, q) = icmp_ports(ICMP, kind, 0);
            community_id(ICMP, Endpoint { ip: from, port: p }, Endpoint { ip: to, port: q })
        };
        assert_eq!(id(a, b, 8), id(b, a, 0));
        assert_eq!(id(a, b, 8), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
    }
}
