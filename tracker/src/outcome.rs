//! Outcomes: how a session ended, and whether that counts as a failure. The product's only definition of "failed".
//!
//! Must not know where a record came from or how it is stored.

use std::fmt;
use std::str::FromStr;

/// What an outcome means for availability.
///
/// Only [`OutcomeClass::Failed`] counts as a failed session; probes and indeterminate sessions are kept and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutcomeClass {
    /// The session established (RFC 9293 section 3.3.2, ESTABLISHED on both sides).
    Established,
    /// The session was attempted and never established.
    Failed,
    /// The first packet was no connection attempt but a probe (NULL, FIN, XMAS, ... scans).
    Probe,
    /// What was seen does not decide.
    Indeterminate,
}

impl OutcomeClass {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Established, Self::Failed, Self::Probe, Self::Indeterminate];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Failed => "failed",
            Self::Probe => "probe",
            Self::Indeterminate => "indeterminate",
        }
    }
}

macro_rules! outcomes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $class:ident;)+) => {
        /// How a session ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Outcome { $($(#[$doc])* $variant,)+ }

        impl Outcome {
            /// Every outcome, in the order of this page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stored name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the outcome means for availability.
            pub const fn class(self) -> OutcomeClass {
                match self { $(Self::$variant => OutcomeClass::$class,)+ }
            }
        }

        impl FromStr for Outcome {
            type Err = UnknownName;
            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name { $($name => Ok(Self::$variant),)+ _ => Err(UnknownName(name.to_owned())) }
            }
        }
    };
}

outcomes! {
    /// Handshake complete, FIN from both sides.
    Closed = "closed", Established;
    /// Established; only the client had sent FIN when the session ended.
    HalfClosedOrig = "half_closed_orig", Established;
    /// Established; only the server had sent FIN when the session ended.
    HalfClosedResp = "half_closed_resp", Established;
    /// Established, then reset by the client.
    ResetOrig = "reset_orig", Established;
    /// Established, then reset by the server.
    ResetResp = "reset_resp", Established;
    /// Established and still open when the record was made. Also two-way UDP and ICMP.
    Open = "open", Established;
    /// The client's SYNs stayed without any answer.
    NoAnswer = "no_answer", Failed;
    /// The SYN was answered by RST.
    Refused = "refused", Failed;
    /// An ICMP destination-unreachable error answered the SYN.
    Unreachable = "unreachable", Failed;
    /// An administratively-prohibited error, or a firewall's denial, answered the SYN.
    AdminBlocked = "admin_blocked", Failed;
    /// An ICMP time-exceeded error answered the SYN.
    TtlExceeded = "ttl_exceeded", Failed;
    /// The client gave up (RST or FIN) before any answer.
    AbortedOrig = "aborted_orig", Failed;
    /// SYN+ACK seen, the client's final ACK never.
    HalfOpen = "half_open", Failed;
    /// The client reset before its final ACK (SYN scan of an open port, or it gave up).
    HalfOpenResetOrig = "half_open_reset_orig", Failed;
    /// The server reset after its SYN+ACK and before the client's final ACK.
    HalfOpenResetResp = "half_open_reset_resp", Failed;
    /// UDP without any reply.
    UdpNoReply = "udp_no_reply", Failed;
    /// ICMP request without any reply.
    IcmpNoReply = "icmp_no_reply", Failed;
    /// First packet without any flag.
    ScanNull = "scan_null", Probe;
    /// NULL probe answered by RST.
    ScanNullRejected = "scan_null_rejected", Probe;
    /// First packet with FIN alone.
    ScanFin = "scan_fin", Probe;
    /// FIN probe answered by RST.
    ScanFinRejected = "scan_fin_rejected", Probe;
    /// First packet with FIN, PSH and URG.
    ScanXmas = "scan_xmas", Probe;
    /// XMAS probe answered by RST.
    ScanXmasRejected = "scan_xmas_rejected", Probe;
    /// Lone ACK.
    ScanAck = "scan_ack", Probe;
    /// ACK probe answered by RST.
    ScanAckRejected = "scan_ack_rejected", Probe;
    /// First packet with SYN and FIN.
    ScanSynFin = "scan_synfin", Probe;
    /// SYN+FIN probe answered by RST.
    ScanSynFinRejected = "scan_synfin_rejected", Probe;
    /// First packet with FIN and ACK.
    ScanMaimon = "scan_maimon", Probe;
    /// FIN+ACK probe answered by RST.
    ScanMaimonRejected = "scan_maimon_rejected", Probe;
    /// The record begins in the middle of a session.
    Midstream = "midstream", Indeterminate;
    /// Only the client's packets were seen.
    OneSidedOrig = "one_sided_orig", Indeterminate;
    /// Only the server's packets were seen.
    OneSidedResp = "one_sided_resp", Indeterminate;
    /// Answers (SYN+ACK, RST) to a question that was never seen here.
    Backscatter = "backscatter", Indeterminate;
    /// Nothing but packets with a bad checksum.
    BadChecksum = "bad_checksum", Indeterminate;
    /// Dropped from a full table before its end was known.
    Evicted = "evicted", Indeterminate;
    /// Only later fragments were seen.
    FragmentOnly = "fragment_only", Indeterminate;
    /// The evidence is absent or sampled (flow records without usable TCP flags).
    Indeterminate = "indeterminate", Indeterminate;
}

impl Outcome {
    /// Whether the session failed: attempted, and never established.
    pub const fn is_failed(self) -> bool {
        matches!(self.class(), OutcomeClass::Failed)
    }
}

macro_rules! names {
    ($(#[$top:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$top])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$doc])* $variant,)+ }

        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stored name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;
            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name { $($name => Ok(Self::$variant),)+ _ => Err(UnknownName(name.to_owned())) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use names;

names! {
    /// How sure the outcome is. Packets give high confidence; flow records less where they carry less.
    Confidence {
        /// Decided by what was seen.
        High = "high",
        /// Follows from counters or merged flags.
        Medium = "medium",
        /// A guess.
        Low = "low",
    }
}

names! {
    /// Why the record was made.
    EndReason {
        /// The session ended by itself (FIN, RST, or a final flow record).
        Closed = "closed",
        /// No packet for the time-out of its class.
        Idle = "idle",
        /// An interim record of a session that goes on.
        Active = "active",
        /// A new session took the same addresses and ports.
        Reuse = "reuse",
        /// Evicted because a table was full.
        Resources = "resources",
        /// The program was shut down, or the input ended.
        Forced = "forced",
        /// Refused by policy.
        Blocked = "blocked",
    }
}

impl fmt::Display for OutcomeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for OutcomeClass {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|class| class.as_str() == name).ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that no value of the type has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown name {0:?}")]
pub struct UnknownName(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for &outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
        }
        for &reason in EndReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        for class in OutcomeClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
        }
        assert!("nonsense".parse::<Outcome>().is_err());
    }

    #[test]
    fn only_the_failed_class_is_failed() {
        let failed: Vec<_> = Outcome::ALL.iter().filter(|o| o.is_failed()).map(|o| o.as_str()).collect();
        assert_eq!(
            failed,
            [
                "no_answer",
                "refused",
                "unreachable",
                "admin_blocked",
                "ttl_exceeded",
                "aborted_orig",
                "half_open",
                "half_open_reset_orig",
                "half_open_reset_resp",
                "udp_no_reply",
                "icmp_no_reply"
            ]
        );
    }
}
