//! Why something that arrived was not used: every reason is a counter, nothing is dropped in silence.
//!
//! Owns the list of reasons and a fixed-size tally of them; must not know who counts.

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// Why a datagram, message, set or record was not used.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $variant,)+ }

        impl DropReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in metrics and the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

reasons! {
    /// A receive queue was full.
    QueueFull = "queue_full",
    /// The kernel's socket buffer overflowed.
    SocketBufferFull = "socket_buffer_full",
    /// The exporter is not on the list of those allowed.
    NotAllowed = "not_allowed",
    /// The exporter sends more than its rate.
    RateLimited = "rate_limited",
    /// A connection that was not accepted: too many, or not allowed.
    SessionRefused = "session_refused",
    /// A TLS handshake that failed.
    TlsFailed = "tls_failed",
    /// A stream that is no IPFIX: its session was closed.
    StreamMalformed = "stream_malformed",
    /// A stream that ended inside a message.
    StreamCut = "stream_cut",
    /// A session that was closed because nothing came.
    SessionIdle = "session_idle",
    /// Neither `NetFlow` v5, v7, v9 nor IPFIX.
    UnknownVersion = "unknown_version",
    /// Too short for its header.
    HeaderTruncated = "header_truncated",
    /// The header contradicts itself or the datagram (length, count).
    HeaderInvalid = "header_invalid",
    /// The table of exporters is full.
    TooManyExporters = "too_many_exporters",
    /// A message is longer than what arrived.
    MessageTruncated = "message_truncated",
    /// A set's length is below its own header.
    SetLengthInvalid = "set_length_invalid",
    /// A set is longer than its message.
    SetTruncated = "set_truncated",
    /// A reserved set id.
    SetIdReserved = "set_id_reserved",
    /// A template that cannot describe records.
    TemplateInvalid = "template_invalid",
    /// The exporter has too many templates, or one has too many fields.
    TemplateLimit = "template_limit",
    /// Data without a template, and no room to keep it.
    PendingFull = "pending_full",
    /// Data whose template never came.
    PendingExpired = "pending_expired",
    /// A record runs past the end of its set.
    RecordTruncated = "record_truncated",
    /// A record without addresses or protocol: statistics, not a flow.
    NotAFlow = "not_a_flow",
}

/// A count for every [`DropReason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl Drops {
    /// Counts `n` for a reason.
    pub fn add(&mut self, reason: DropReason, n: u64) {
        self.0[reason as usize] += n;
    }

    /// The count of a reason.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Adds every count of another tally.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|&reason| (reason, self.get(reason))).filter(|(_, count)| *count > 0)
    }

    /// Sum over all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
