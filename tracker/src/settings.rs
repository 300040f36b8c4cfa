//! What the session table can be told: time-outs, limits, keys, rules. Every default is the one of the manual.
//!
//! Must not know where settings come from.

use std::sync::Arc;
use std::time::Duration;

use crate::Micros;
use crate::locality::Networks;
use crate::rules::{Action, Match, Rule};
use crate::zeek::ports::LikelyPorts;

/// How life times and directions are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// By the class of the session.
    #[default]
    Standard,
    /// As Zeek does, so that records can be compared one by one.
    Zeek,
}

macro_rules! timeouts {
    ($($(#[$doc:meta])* $name:ident = $seconds:literal, $class:ident, $text:literal;)+) => {
        /// Time-outs by class and state, counted from the last packet of the session.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Timeouts { $($(#[$doc])* pub $name: Duration,)+ }

        impl Default for Timeouts {
            fn default() -> Self {
                Self { $($name: Duration::from_secs($seconds),)+ }
            }
        }

        impl Timeouts {
            /// The time-out of a class.
            pub fn of(&self, class: Class) -> Duration {
                match class { $(Class::$class => self.$name,)+ }
            }

            /// The time-outs in microseconds, by [`Class`] as an index.
            pub(crate) fn by_class(&self) -> [Micros; Class::ALL.len()] {
                [$(self.$name.as_micros().min(i64::MAX as u128 / 4) as Micros,)+]
            }
        }

        /// Class and state of a session: what its time-out is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Class { $($(#[$doc])* $class,)+ }

        impl Class {
            /// Every class, in the order of the manual.
            pub const ALL: &'static [Self] = &[$(Self::$class,)+];

            /// The name people read.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$class => $text,)+ }
            }

            /// The key of its time-out in the configuration.
            pub const fn setting(self) -> &'static str {
                match self { $(Self::$class => stringify!($name),)+ }
            }
        }
    };
}

timeouts! {
    /// Refused by policy.
    blocked = 10, Blocked, "blocked";
    /// TCP until it establishes.
    tcp_initial = 10, TcpInitial, "TCP initial connect";
    /// TCP, established.
    tcp_established = 3600, TcpEstablished, "TCP established";
    /// TCP, closed or reset.
    tcp_closed = 2, TcpClosed, "TCP closed";
    /// TCP, closed or reset, behind address translation.
    tcp_closed_nat = 120, TcpClosedNat, "TCP closed (NAT)";
    /// UDP, one way so far.
    udp_initial = 10, UdpInitial, "UDP initial";
    /// UDP, both ways.
    udp_ongoing = 120, UdpOngoing, "UDP ongoing";
    /// UDP behind address translation (RFC 4787), one way so far.
    rfc4787_udp_initial = 10, Rfc4787UdpInitial, "RFC 4787 UDP initial";
    /// UDP behind address translation (RFC 4787), both ways.
    rfc4787_udp_ongoing = 3, Rfc4787UdpOngoing, "RFC 4787 UDP ongoing";
    /// ICMP, one way so far.
    icmp_initial = 3, IcmpInitial, "ICMP initial";
    /// ICMP, both ways.
    icmp_ongoing = 3, IcmpOngoing, "ICMP ongoing";
    /// ESP and AH, one way so far.
    ipsec_initial = 60, IpsecInitial, "IPSEC initial";
    /// ESP and AH, both ways.
    ipsec_ongoing = 3600, IpsecOngoing, "IPSEC ongoing";
    /// Anything else, one way so far.
    other_initial = 10, OtherInitial, "other initial";
    /// Anything else, both ways.
    other_ongoing = 300, OtherOngoing, "other ongoing";
}

/// Settings of a session table.
#[derive(Debug, Clone)]
pub struct TableSettings {
    /// How life times and directions are decided.
    pub profile: Profile,
    /// Time-outs by class.
    pub timeouts: Timeouts,
    /// Most sessions at any time.
    pub max_sessions: usize,
    /// Most half-open TCP sessions, in percent of `max_sessions`.
    pub half_open_percent: u8,
    /// Most remembered ended sessions (SYN retransmits and late packets are told by them).
    pub max_tombstones: usize,
    /// How long the SYN of an unanswered session is remembered after its last packet.
    pub syn_memory: Duration,
    /// How long a closed session swallows late packets.
    pub closed_memory: Duration,
    /// How often a session that goes on gives an interim record; never if absent.
    pub interim: Option<Duration>,
    /// VLAN ids tell sessions apart.
    pub key_vlan: bool,
    /// Tunnel ids tell sessions apart.
    pub key_tunnel: bool,
    /// What is tracked, rejected or ignored: the first rule that matches decides.
    pub rules: Vec<Rule>,
    /// What happens where no rule matches.
    pub default_action: Action,
    /// Sessions behind address translation.
    pub nat: Vec<Match>,
    /// Services whose side is the server when the handshake was not seen.
    pub services: Vec<Match>,
    /// Ports of servers, for the Zeek profile.
    pub likely_ports: LikelyPorts,
    /// What is private.
    pub networks: Networks,
    /// Other tables share the traffic with this one, each with sessions of its own.
    pub has_neighbours: bool,
    /// Name of the interface or file, for the records.
    pub observer: Arc<str>,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            profile: Profile::Standard,
            timeouts: Timeouts::default(),
            max_sessions: 1 << 20,
            half_open_percent: 25,
            max_tombstones: 1 << 19,
            syn_memory: Duration::from_secs(130),
            closed_memory: Duration::from_secs(45),
            interim: None,
            key_vlan: true,
            key_tunnel: true,
            rules: Vec::new(),
            default_action: Action::Track,
            nat: Vec::new(),
            services: Vec::new(),
            likely_ports: LikelyPorts::all(),
            networks: Networks::default(),
            has_neighbours: false,
            observer: Arc::from(""),
        }
    }
}

impl TableSettings {
    /// Settings under which records compare with Zeek's connection log.
    pub fn zeek() -> Self {
        Self { profile: Profile::Zeek, key_vlan: false, key_tunnel: false, max_tombstones: 0, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_manual() {
        let defaults = Timeouts::default().by_class();
        let seconds: Vec<_> =
            Class::ALL.iter().map(|class| (class.as_str(), defaults[*class as usize] / 1_000_000)).collect();
        assert_eq!(
            seconds,
            [
                ("blocked", 10),
                ("TCP initial connect", 10),
                ("TCP established", 3600),
                ("TCP closed", 2),
                ("TCP closed (NAT)", 120),
                ("UDP initial", 10),
                ("UDP ongoing", 120),
                ("RFC 4787 UDP initial", 10),
                ("RFC 4787 UDP ongoing", 3),
                ("ICMP initial", 3),
                ("ICMP ongoing", 3),
                ("IPSEC initial", 60),
                ("IPSEC ongoing", 3600),
                ("other initial", 10),
                ("other ongoing", 300),
            ]
        );
    }
}
