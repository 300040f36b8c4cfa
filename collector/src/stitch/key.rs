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
    /// Upper and lower half of each address, which need no padding as whole numbers would.
    addresses: [[u64; 2]; 2],
    ports: [u16; 2],
    pub(crate) proto: u8,
}

impl Hash for TupleKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = self.ports.map(u64::from);
        self.addresses.as_flattened().iter().for_each(|half| state.write_u64(*half));
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
        (Self { addresses: [low.0, high.0].map(halves), ports: [low.1, high.1], proto: flow.proto }, direction)
    }

    /// Sender and receiver of a direction.
    pub(crate) fn endpoints(&self, direction: Direction) -> (Endpoint, Endpoint) {
        let endpoint = |end: usize| Endpoint { ip: address_of(whole(self.addresses[end])), port: self.ports[end] };
        let (low, high) = (endpoint(0), endpoint(1));
        if direction == 0 { (low, high) } else { (high, low) }
    }

    /// Id of the session with this key that began at `start`, the same in every run: foldhash's mixing (multiply to 128
    /// bits, fold the halves) with fixed constants.
    pub(crate) fn session_id(&self, start: Micros) -> u64 {
        let mix = |a: u64, b: u64| {
            let wide = u128::from(a) * u128::from(b);
            (wide as u64) ^ (wide >> 64) as u64
        };
        let [[a, b], [c, d]] = self.addresses;
        let ends = u64::from(self.ports[0]) << 32 | u64::from(self.ports[1]) << 8 | u64::from(self.proto);
        let first = mix(a ^ 0x1319_8a2e_0370_7344, b ^ 0x243f_6a88_85a3_08d3);
        let second = mix(c ^ 0x082e_fa98_ec4e_6c89, d ^ 0xa409_3822_299f_31d0);
        let third = mix(ends ^ 0x4528_21e6_38d0_1377, start.cast_unsigned() ^ 0xbe54_66cf_34e9_0c6c);
        mix(first.rotate_left(23) ^ second, third ^ 0xc0ac_29b7_c97c_50dd)
    }
}

fn halves(address: u128) -> [u64; 2] {
    [(address >> 64) as u64, address as u64]
}

fn whole([upper, lower]: [u64; 2]) -> u128 {
    u128::from(upper) << 64 | u128::from(lower)
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
