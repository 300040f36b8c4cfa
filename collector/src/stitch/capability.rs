//! What an exporter's records can tell of TCP, learnt from the records themselves.
//!
//! Owns the classes of flow-record quality and how they are recognised; must not know sessions.

use std::fmt;
use std::str::FromStr;

use crate::netflow::FlowRecord;
use crate::netflow::flow::flag::{ACK, FIN, PSH, RST, SYN};

const TCP: u8 = 6;
/// SYNs of one attempt at most (RFC 9293 retransmission as practised; seven over about two minutes).
pub(crate) const MAX_SYNS: u64 = 7;
/// A SYN with all options and an IPv6 header stays below this size.
pub(crate) const MAX_SYN_BYTES: u64 = 100;

/// What an exporter's records can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Too little seen.
    Learning,
    /// The OR of the flags of all packets.
    FullOr,
    /// The flags of the first packet alone.
    FirstPacket,
    /// A flags field that is always zero.
    AlwaysZero,
    /// No flags field.
    Absent,
    /// Only some packets were looked at.
    Sampled,
    /// Firewall events.
    EventBased,
    /// Flags of the first packet and of the rest (YAF).
    YafInitialUnion,
    /// Both directions in one record, with the OR of the flags.
    Biflow,
}

impl Capability {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::Learning,
        Self::FullOr,
        Self::FirstPacket,
        Self::AlwaysZero,
        Self::Absent,
        Self::Sampled,
        Self::EventBased,
        Self::YafInitialUnion,
        Self::Biflow,
    ];

    /// The name used in configuration and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::FullOr => "full_or",
            Self::FirstPacket => "first_packet",
            Self::AlwaysZero => "always_zero",
            Self::Absent => "absent",
            Self::Sampled => "sampled",
            Self::EventBased => "event_based",
            Self::YafInitialUnion => "yaf_initial_union",
            Self::Biflow => "biflow",
        }
    }

    /// The class of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    /// Whether the flags of every packet are in the record.
    pub(crate) fn all_flags(self) -> bool {
        matches!(self, Self::FullOr | Self::YafInitialUnion | Self::Biflow)
    }
}

impl FromStr for Capability {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        Self::from_name(name).filter(|class| *class != Self::Learning).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().skip(1).map(|class| class.as_str()).collect();
            format!("no such class, expected one of {}", known.join(", "))
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Counts the traits of an exporter's TCP records.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CapabilityLearner {
    tcp: u64,
    absent: u64,
    zero: u64,
    /// SYN alone on records with more than SYNs in them.
    syn_alone_on_many: u64,
    /// SYN together with what only later packets carry.
    merged: u64,
    yaf: u64,
    biflow: u64,
    sampled: u64,
    events: u64,
}

impl CapabilityLearner {
    pub(crate) fn observe(&mut self, flow: &FlowRecord) {
        if flow.proto != TCP {
            return;
        }
        self.tcp += 1;
        self.sampled += u64::from(flow.sampling > 1);
        self.events += u64::from(flow.nsel);
        self.biflow += u64::from(flow.reverse.is_some() && !flow.nsel);
        self.yaf += u64::from(flow.forward.initial_flags.is_some());
        match flow.forward.flags {
            None => self.absent += 1,
            Some(0) => self.zero += 1,
            Some(flags) if flags & (SYN | ACK | FIN | RST | PSH) == SYN => {
                self.syn_alone_on_many += u64::from(more_than_syns(flow.forward.packets, flow.forward.bytes));
            }
            Some(flags) => {
                self.merged += u64::from(flags & SYN != 0 && flags & (FIN | PSH) != 0);
            }
        }
    }

    pub(crate) fn class(&self) -> Capability {
        let most = |part: u64| part * 2 > self.tcp;
        if self.tcp == 0 {
            Capability::Learning
        } else if most(self.sampled) {
            Capability::Sampled
        } else if most(self.events) {
            Capability::EventBased
        } else if most(self.absent) {
            Capability::Absent
        } else if self.zero * 10 >= self.tcp * 9 && self.merged == 0 && self.tcp >= 10 {
            Capability::AlwaysZero
        } else if self.syn_alone_on_many > self.merged {
            Capability::FirstPacket
        } else if most(self.yaf) {
            Capability::YafInitialUnion
        } else if most(self.biflow) {
            Capability::Biflow
        } else if self.merged > 0 {
            Capability::FullOr
        } else {
            Capability::Learning
        }
    }
}

/// Whether so many packets and octets cannot be SYNs alone.
pub(crate) fn more_than_syns(packets: u64, bytes: u64) -> bool {
    packets > MAX_SYNS || (packets > 0 && bytes > packets * MAX_SYN_BYTES)
}
