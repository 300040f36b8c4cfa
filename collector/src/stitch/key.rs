//! Which records belong together: the 5-tuple without its direction.
//!
//! Owns the order of the two endpoints and the stable session id; must not know sessions' state.

use std::hash::{Hash, Hasher};

use tracker::Micros;
use tracker::locality::{address_key, address_of};
use tracker::record::Endpoint;

use crate::netflow::FlowRecord;

const ICMP: u8 = 1;
const ICMP6: u8 = 58;

/// A 5-tuple whose lower endpoint comes first. For ICMP both ports hold the kind of exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TupleKey {
    addresses: [u128; 2],
    ports: [u16; 2],
    pub(crate) proto: u8,
}

impl Hash for TupleKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = self.ports.map(u64::from);
        state.write_u128(self.addresses[0]);
        state.write_u128(self.addresses[1]);
        state.write_u64(low << 32 | high << 8 | u64::from(self.proto));
    }
}

/// Direction within a tuple: 0 from the lower endpoint to the higher, 1 back.
pub(crate) type Direction = usize;

impl TupleKey {
    /// The key of a record, and the direction in which its forward traffic goes.
    pub(crate) fn of(flow: &FlowRecord) -> (Self, Direction) {
        let ports = match flow.icmp {
            Some((kind, code)) => {
                let exchange = exchange(flow.proto, kind, code);
                (exchange, exchange)
            }
            None => (flow.src.port, flow.dst.port),
        };
        let source = (address_key(flow.src.ip), ports.0);
        let target = (address_key(flow.dst.ip), ports.1);
        let (low, high, direction) = if source <= target { (source, target, 0) } else { (target, source, 1) };
        (Self { addresses: [low.0, high.0], ports: [low.1, high.1], proto: flow.proto }, direction)
    }

    /// Sender and receiver of a direction.
    pub(crate) fn endpoints(&self, direction: Direction) -> (Endpoint, Endpoint) {
        let endpoint = |end: usize| Endpoint { ip: address_of(self.addresses[end]), port: self.ports[end] };
        let (low, high) = (endpoint(0), endpoint(1));
        if direction == 0 { (low, high) } else { (high, low) }
    }

    /// Id of the session with this key that began at `start`: FNV-1a over both, the same in every run.
    pub(crate) fn session_id(&self, start: Micros) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut eat = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        for (ip, port) in self.addresses.iter().zip(self.ports) {
            eat(&ip.to_be_bytes());
            eat(&port.to_be_bytes());
        }
        eat(&[self.proto]);
        eat(&start.to_be_bytes());
        hash ^ (hash >> 32)
    }
}

/// The number of an ICMP exchange: the request's type for what is asked and answered, else type and code.
fn exchange(proto: u8, kind: u8, code: u8) -> u16 {
    match request_of(proto, kind) {
        Some(request) => u16::from(request) << 8,
        None => u16::from(kind) << 8 | u16::from(code),
    }
}

/// The request type of the exchange that this ICMP type asks or answers.
fn request_of(proto: u8, kind: u8) -> Option<u8> {
    match (proto, kind) {
        (ICMP, 8 | 0) => Some(8),
        (ICMP, 13 | 14) => Some(13),
        (ICMP, 15 | 16) => Some(15),
        (ICMP, 17 | 18) => Some(17),
        (ICMP6, 128 | 129) => Some(128),
        (ICMP6, 135 | 136) => Some(135),
        (ICMP6, 133 | 134) => Some(133),
        (ICMP6, 139 | 140) => Some(139),
        _ => None,
    }
}

/// Whether this ICMP type asks, answers, or does neither.
pub(crate) fn icmp_role(proto: u8, kind: u8) -> IcmpRole {
    match request_of(proto, kind) {
        Some(request) if request == kind => IcmpRole::Request,
        Some(_) => IcmpRole::Reply,
        None => IcmpRole::Notice,
    }
}

/// What an ICMP message is in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IcmpRole {
    Request,
    Reply,
    Notice,
}

/// Whether the protocol is ICMP or `ICMPv6`.
pub(crate) fn is_icmp(proto: u8) -> bool {
    matches!(proto, ICMP | ICMP6)
}
