//! What a flow record takes from which element.
//!
//! Owns the choice of elements that ingest needs and which of several wins; must not know offsets or octets.

use super::elements::{CERT_PEN, CERT_REVERSE_BIT, REVERSE_PEN};

/// What a value is to ingest. Values are taken in this order, so that of several for one member the last wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Target {
    Proto,
    SrcPort,
    DstPort,
    Src6,
    Src4,
    Dst6,
    Dst4,
    OutOctets,
    InitiatorOctets,
    OctetTotal,
    Octets,
    OutPackets,
    InitiatorPackets,
    PacketTotal,
    Packets,
    ResponderOctets,
    RevOctets,
    ResponderPackets,
    RevPackets,
    Flags,
    InitialFlags,
    UnionFlags,
    RevFlags,
    RevInitialFlags,
    RevUnionFlags,
    StartUptime,
    EndUptime,
    StartSeconds,
    EndSeconds,
    StartDelta,
    EndDelta,
    StartMicros,
    EndMicros,
    StartNanos,
    EndNanos,
    StartMillis,
    EndMillis,
    EndReason,
    Biflow,
    FwEvent,
    FirewallEvent,
    FwExtEvent,
    IngressIf,
    EgressIf,
    Vlan,
    Vrf,
    Tunnel,
    NewConnections,
    SrcAs,
    DstAs,
    IcmpType,
    IcmpCode,
    IcmpTypeCode,
    NatSrc6,
    NatSrc4,
    NatDst6,
    NatDst4,
    NatSrcPort,
    NatDstPort,
    DurationMillis,
    DurationMicros,
    BootMillis,
    EventSeconds,
    EventMillis,
    EventMicros,
    EventNanos,
    SamplerId,
    SamplingInterval,
    SamplingPackets,
    SamplingSpace,
}

const REVERSE_INITIAL_FLAGS: u16 = 0x0e | CERT_REVERSE_BIT;
const REVERSE_UNION_FLAGS: u16 = 0x0f | CERT_REVERSE_BIT;

impl Target {
    /// The target of an element, `None` for those that ingest does not need.
    pub(crate) fn of(enterprise: u32, id: u16) -> Option<Self> {
        Some(match (enterprise, id) {
            (0, 1) => Self::Octets,
            (0, 2) => Self::Packets,
            (0, 4) => Self::Proto,
            (0, 6) => Self::Flags,
            (0, 7 | 180 | 182) => Self::SrcPort,
            (0, 11 | 181 | 183) => Self::DstPort,
            (0, 8) => Self::Src4,
            (0, 12) => Self::Dst4,
            (0, 27) => Self::Src6,
            (0, 28) => Self::Dst6,
            (0, 10) => Self::IngressIf,
            (0, 14) => Self::EgressIf,
            (0, 16) => Self::SrcAs,
            (0, 17) => Self::DstAs,
            (0, 21) => Self::EndUptime,
            (0, 22) => Self::StartUptime,
            (0, 23) => Self::OutOctets,
            (0, 24) => Self::OutPackets,
            (0, 85) => Self::OctetTotal,
            (0, 86) => Self::PacketTotal,
            (0, 32 | 139) => Self::IcmpTypeCode,
            (0, 176 | 178) => Self::IcmpType,
            (0, 177 | 179) => Self::IcmpCode,
            (0, 34 | 50) => Self::SamplingInterval,
            (0, 48 | 302) => Self::SamplerId,
            (0, 305) => Self::SamplingPackets,
            (0, 306) => Self::SamplingSpace,
            (0, 58 | 243) => Self::Vlan,
            (0, 136) => Self::EndReason,
            (0, 150) => Self::StartSeconds,
            (0, 151) => Self::EndSeconds,
            (0, 152) => Self::StartMillis,
            (0, 153) => Self::EndMillis,
            (0, 154) => Self::StartMicros,
            (0, 155) => Self::EndMicros,
            (0, 156) => Self::StartNanos,
            (0, 157) => Self::EndNanos,
            (0, 158) => Self::StartDelta,
            (0, 159) => Self::EndDelta,
            (0, 160) => Self::BootMillis,
            (0, 161) => Self::DurationMillis,
            (0, 162) => Self::DurationMicros,
            (0, 225 | 40001) => Self::NatSrc4,
            (0, 226 | 40002) => Self::NatDst4,
            (0, 281) => Self::NatSrc6,
            (0, 282) => Self::NatDst6,
            (0, 227 | 40003) => Self::NatSrcPort,
            (0, 228 | 40004) => Self::NatDstPort,
            (0, 231) => Self::InitiatorOctets,
            (0, 232) => Self::ResponderOctets,
            (0, 298) => Self::InitiatorPackets,
            (0, 299) => Self::ResponderPackets,
            (0, 233) => Self::FirewallEvent,
            (0, 40005) => Self::FwEvent,
            (0 | 9, 33002) => Self::FwExtEvent,
            (0, 234) => Self::Vrf,
            (0, 239) => Self::Biflow,
            (0, 278) => Self::NewConnections,
            (0, 296 | 351) => Self::Tunnel,
            (0, 322) => Self::EventSeconds,
            (0, 323) => Self::EventMillis,
            (0, 324) => Self::EventMicros,
            (0, 325) => Self::EventNanos,
            (REVERSE_PEN, 1 | 85) => Self::RevOctets,
            (REVERSE_PEN, 2 | 86) => Self::RevPackets,
            (REVERSE_PEN, 6) => Self::RevFlags,
            (CERT_PEN, 14) => Self::InitialFlags,
            (CERT_PEN, 15) => Self::UnionFlags,
            (CERT_PEN, REVERSE_INITIAL_FLAGS) => Self::RevInitialFlags,
            (CERT_PEN, REVERSE_UNION_FLAGS) => Self::RevUnionFlags,
            _ => return None,
        })
    }

    /// Whether the value is an IPv6 address.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Self::Src6 | Self::Dst6 | Self::NatSrc6 | Self::NatDst6)
    }

    /// Whether the value is an IPv4 address.
    pub(crate) fn is_ipv4(self) -> bool {
        matches!(self, Self::Src4 | Self::Dst4 | Self::NatSrc4 | Self::NatDst4)
    }

    /// Whether a value of this many octets makes sense for the target.
    pub(crate) fn takes(self, octets: usize) -> bool {
        match octets {
            16 => self.is_wide(),
            4 => !self.is_wide(),
            1..=8 => !self.is_wide() && !self.is_ipv4(),
            _ => false,
        }
    }

    /// Whether the value is used together with others of its record, once those have been taken.
    pub(crate) fn is_late(self) -> bool {
        self >= Self::DurationMillis || matches!(self, Self::StartUptime | Self::EndUptime)
    }

    const fn bit(self) -> u128 {
        1 << self as u32
    }
}

/// A set of targets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Targets(u128);

impl Targets {
    /// Adds one.
    pub(crate) fn add(&mut self, target: Target) {
        self.0 |= target.bit();
    }

    /// Whether it has one of these.
    pub(crate) fn any(self, targets: &[Target]) -> bool {
        targets.iter().any(|target| self.0 & target.bit() != 0)
    }
}
