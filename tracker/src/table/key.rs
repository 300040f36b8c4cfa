//! What tells sessions apart: both endpoints in a canonical order, protocol, VLAN and tunnel.

use std::hash::{BuildHasher, Hasher};

use crate::community::{icmp_exchange, icmp_request};
use crate::packet::{Addr, Packet, Quoted, TunnelKind, proto};

/// The key of a session. `low` and `high` are ordered by address, then port. No field needs more than two-byte alignment,
/// so that nothing is lost to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub low: Addr,
    pub high: Addr,
    pub low_port: u16,
    pub high_port: u16,
    /// Outer and inner VLAN id.
    vlan: [u16; 2],
    /// Upper and lower half of the tunnel id.
    tunnel: [u16; 2],
    pub proto: u8,
    kind: TunnelKind,
}

/// Which parts of a packet belong to the key.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyParts {
    pub vlan: bool,
    pub tunnel: bool,
    /// ICMP exchanges are told by their types, as Zeek does, and not by their identifiers.
    pub icmp_by_type: bool,
}

impl Key {
    /// The key of a packet, and whether its source is `low`.
    #[inline]
    pub fn of(packet: &Packet, parts: KeyParts) -> (Self, bool) {
        if parts.icmp_by_type && matches!(packet.proto, proto::ICMP | proto::ICMP6) {
            return Self::by_type(packet, parts);
        }
        Self::new(packet.src, packet.dst, packet.sport, packet.dport, packet, packet.proto, parts)
    }

    /// The key of the packet that an ICMP error quotes; it travelled in the same VLAN and tunnel.
    pub fn quoted(quoted: &Quoted, carrier: &Packet, parts: KeyParts) -> (Self, bool) {
        Self::new(quoted.src, quoted.dst, quoted.sport, quoted.dport, carrier, quoted.proto, parts)
    }

    fn new(src: Addr, dst: Addr, sport: u16, dport: u16, packet: &Packet, number: u8, parts: KeyParts) -> (Self, bool) {
        // For ICMP both "ports" belong to the exchange, not to a side.
        let ports_have_sides = !matches!(number, proto::ICMP | proto::ICMP6);
        let from_low = if ports_have_sides { (src, sport) <= (dst, dport) } else { src <= dst };
        let (low, high) = if from_low { (src, dst) } else { (dst, src) };
        let (low_port, high_port) = if from_low || !ports_have_sides { (sport, dport) } else { (dport, sport) };
        let key = Self {
            low,
            high,
            low_port,
            high_port,
            vlan: if parts.vlan { [packet.vlan as u16, (packet.vlan >> 16) as u16] } else { [0; 2] },
            tunnel: if parts.tunnel { [(packet.tunnel >> 16) as u16, packet.tunnel as u16] } else { [0; 2] },
            proto: number,
            kind: if parts.tunnel { packet.tunnel_kind } else { TunnelKind::None },
        };
        (key, from_low)
    }

    /// The key of an ICMP message told by type: who asked, and what. The `low_port` says whether `low` did.
    fn by_type(packet: &Packet, parts: KeyParts) -> (Self, bool) {
        let what = icmp_exchange(packet.proto, packet.kind, packet.code);
        let (mut key, from_low) = Self::new(packet.src, packet.dst, 0, what, packet, packet.proto, parts);
        let answers = icmp_request(packet.proto, packet.kind) != packet.kind;
        key.low_port = u16::from(from_low == answers);
        (key, from_low)
    }

    /// The outer VLAN id, where there is one.
    pub fn outer_vlan(&self) -> Option<u16> {
        (self.vlan[0] != 0).then_some(self.vlan[0])
    }

    /// The tunnel id, where there is a tunnel.
    pub fn tunnel_id(&self) -> Option<u32> {
        (self.kind != TunnelKind::None).then(|| u32::from(self.tunnel[0]) << 16 | u32::from(self.tunnel[1]))
    }

    fn words(&self) -> [u64; 6] {
        let half = |addr: &Addr, at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&addr[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let pair = |[first, second]: [u16; 2]| u64::from(first) | u64::from(second) << 16;
        let ports = u64::from(self.low_port) | u64::from(self.high_port) << 16 | pair(self.vlan) << 32;
        let rest = pair(self.tunnel) | u64::from(self.proto) << 32 | (self.kind as u64) << 40;
        [half(&self.low, 0), half(&self.low, 8), half(&self.high, 0), half(&self.high, 8), ports, rest]
    }

    /// The hash for the index; seeded, so that nobody outside can choose keys that collide.
    #[inline]
    pub fn hash(&self, state: &impl BuildHasher) -> u64 {
        let mut hasher = state.build_hasher();
        for word in self.words() {
            hasher.write_u64(word);
        }
        hasher.finish()
    }

    /// A number for the session that is the same wherever and whenever the same packets are tracked.
    pub fn id(&self, start: i64, observer: u64) -> u64 {
        let mut id = observer ^ start as u64;
        for word in self.words() {
            id = mix(id ^ word);
        }
        mix(id)
    }
}

/// The finalizer of `SplitMix64`: every input bit reaches every output bit.
pub(super) fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: KeyParts = KeyParts { vlan: true, tunnel: true, icmp_by_type: false };

    fn packet(src: u8, sport: u16, dst: u8, dport: u16, number: u8) -> Packet {
        Packet { sport, dport, ..Packet::new(0, [src; 16], [dst; 16], number) }
    }

    #[test]
    fn both_directions_have_one_key() {
        for (number, back) in [(6, (2, 80, 1, 5000)), (1, (2, 5000, 1, 80))] {
            let (key, from_low) = Key::of(&packet(1, 5000, 2, 80, number), PARTS);
            let (same, reverse) = Key::of(&packet(back.0, back.1, back.2, back.3, number), PARTS);
            assert_eq!(key, same);
            assert!(from_low && !reverse);
            assert_eq!(key.id(7, 1), same.id(7, 1));
            assert_ne!(key.id(7, 1), key.id(8, 1));
        }
    }

    #[test]
    fn icmp_by_type_tells_who_asked_and_what() {
        let parts = KeyParts { icmp_by_type: true, ..PARTS };
        let message = |src, dst, id, kind, code| Packet { kind, code, ..packet(src, id, dst, 0x0800, 1) };
        let key = |packet: &Packet| Key::of(packet, parts).0;
        let asked = key(&message(1, 2, 7, 8, 0));
        assert_eq!(asked, key(&message(2, 1, 9, 0, 0)), "the answer, whatever its identifier");
        assert_ne!(asked, key(&message(2, 1, 7, 8, 0)), "the other side asks too");
        assert_ne!(key(&message(1, 2, 0, 3, 1)), key(&message(1, 2, 0, 3, 3)));
        assert_ne!(key(&message(1, 2, 0, 3, 1)), key(&message(2, 1, 0, 3, 1)));
        assert_eq!(key(&message(2, 1, 0, 3, 1)).high_port, 0x0301);
    }

    #[test]
    fn vlan_and_tunnel_are_told_apart_only_where_asked() {
        let plain = packet(1, 5000, 2, 80, 6);
        let tagged = Packet { vlan: 7, ..plain };
        let inner = Packet { tunnel: 9, tunnel_kind: TunnelKind::Vxlan, ..plain };
        let without = KeyParts { vlan: false, tunnel: false, ..PARTS };
        assert_ne!(Key::of(&plain, PARTS).0, Key::of(&tagged, PARTS).0);
        assert_ne!(Key::of(&plain, PARTS).0, Key::of(&inner, PARTS).0);
        assert_eq!(Key::of(&plain, without).0, Key::of(&tagged, without).0);
        assert_eq!(Key::of(&plain, without).0, Key::of(&inner, without).0);
    }
}
