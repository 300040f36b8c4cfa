//! One packet as the session table needs it: addresses, ports, TCP fields and lengths, nothing of its content.
//!
//! Must not know frames (that is `parse`) nor sessions (that is `table`).

use std::net::{IpAddr, Ipv6Addr};

use crate::Micros;

/// An address as 16 bytes in network order; IPv4 is v4-mapped.
pub type Addr = [u8; 16];

/// The bytes of an address; IPv4 becomes v4-mapped.
pub fn addr_of(ip: IpAddr) -> Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address that [`addr_of`] made these bytes from.
pub fn ip_of(addr: Addr) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(addr)).to_canonical()
}

/// IANA protocol numbers the tracker treats specially.
pub mod proto {
    /// ICMP (RFC 792).
    pub const ICMP: u8 = 1;
    /// IPv4 in IP (RFC 2003).
    pub const IPIP: u8 = 4;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// IPv6 in IP (RFC 4213).
    pub const IPV6: u8 = 41;
    /// GRE (RFC 2784).
    pub const GRE: u8 = 47;
    /// ESP (RFC 4303).
    pub const ESP: u8 = 50;
    /// AH (RFC 4302).
    pub const AH: u8 = 51;
    /// `ICMPv6` (RFC 4443).
    pub const ICMP6: u8 = 58;
    /// SCTP (RFC 9260).
    pub const SCTP: u8 = 132;
}

/// TCP header flags (RFC 9293 section 3.1; AE of RFC 9768).
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u16 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u16 = 0x02;
    /// Reset.
    pub const RST: u16 = 0x04;
    /// Push.
    pub const PSH: u16 = 0x08;
    /// The acknowledgment field counts.
    pub const ACK: u16 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u16 = 0x20;
    /// ECN echo.
    pub const ECE: u16 = 0x40;
    /// Congestion window reduced.
    pub const CWR: u16 = 0x80;
    /// Accurate ECN.
    pub const AE: u16 = 0x100;
}

/// What carries the packet, beside its own link layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum TunnelKind {
    /// Nothing.
    #[default]
    None,
    /// GRE; the id is the key, or the call id of PPTP.
    Gre,
    /// IPv4 or IPv6 in IPv4 or IPv6; without an id.
    Ip,
    /// VXLAN; the id is the VNI.
    Vxlan,
    /// Geneve; the id is the VNI.
    Geneve,
    /// Teredo (RFC 4380); without an id.
    Teredo,
    /// GTP-U (3GPP TS 29.281); the id is the TEID.
    Gtp,
}

/// The addresses, ports and sequence number of the packet that an ICMP error quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted {
    /// Its source: who sent the packet that failed.
    pub src: Addr,
    /// Its destination.
    pub dst: Addr,
    /// IANA protocol number.
    pub proto: u8,
    /// Source port (or ICMP identifier).
    pub sport: u16,
    /// Destination port (or ICMP request type).
    pub dport: u16,
    /// TCP sequence number, where enough is quoted.
    pub seq: Option<u32>,
}

/// No window scale option in the segment.
pub const NO_SCALE: u8 = u8::MAX;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// When it was seen.
    pub time: Micros,
    /// Source address.
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// Source port; for ICMP the identifier, or 0.
    pub sport: u16,
    /// Destination port; for ICMP the type of the request this belongs to in the high byte, and the code in the low byte
    /// where nobody answers.
    pub dport: u16,
    /// IANA protocol number.
    pub proto: u8,
    /// What the packet was carried in.
    pub tunnel_kind: TunnelKind,
    /// Tunnel id (VNI, GRE key), 0 where there is none.
    pub tunnel: u32,
    /// VLAN ids: the outer in the low half, the inner in the high half; 0 where there is none.
    pub vlan: u32,
    /// Length of the IP packet in bytes, its header included.
    pub ip_len: u32,
    /// Length of the transport payload in bytes.
    pub payload: u32,
    /// TCP flags.
    pub flags: u16,
    /// TCP window, unscaled.
    pub window: u16,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// Window scale shift of a SYN, [`NO_SCALE`] where the option is absent.
    pub scale: u8,
    /// ICMP type, or SCTP type of the first chunk.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// The transport checksum is wrong.
    pub bad_checksum: bool,
    /// A later fragment: it carries no transport header.
    pub fragment: bool,
    /// What an ICMP error speaks of.
    pub quoted: Option<Quoted>,
}

impl Packet {
    /// A packet of which only addresses and protocol are known.
    pub fn new(time: Micros, src: Addr, dst: Addr, proto: u8) -> Self {
        Self {
            time,
            src,
            dst,
            sport: 0,
            dport: 0,
            proto,
            tunnel_kind: TunnelKind::None,
            tunnel: 0,
            vlan: 0,
            ip_len: 0,
            payload: 0,
            flags: 0,
            window: 0,
            seq: 0,
            ack: 0,
            scale: NO_SCALE,
            kind: 0,
            code: 0,
            bad_checksum: false,
            fragment: false,
            quoted: None,
        }
    }

    /// Whether this is an ICMP or `ICMPv6` error message (RFC 792, RFC 4443 section 2.1).
    pub fn is_icmp_error(&self) -> bool {
        is_icmp_error(self.proto, self.kind)
    }
}

/// Whether this ICMP or `ICMPv6` type is an error that quotes a packet.
pub fn is_icmp_error(proto: u8, kind: u8) -> bool {
    match proto {
        proto::ICMP => matches!(kind, 3 | 4 | 5 | 11 | 12),
        proto::ICMP6 => kind < 128,
        _ => false,
    }
}
