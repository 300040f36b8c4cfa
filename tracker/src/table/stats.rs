//! What the session table counts.
//!
//! `packets` = `tracked` + the sum of the packets not tracked; `created` = `ended` + the sessions in the table.

/// Counters of a session table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableStats {
    /// Packets given to the table.
    pub packets: u64,
    /// Packets counted to a session.
    pub tracked: u64,
    /// Packets of sessions that a rule ignores.
    pub ignored: u64,
    /// Late packets of closed sessions.
    pub late: u64,
    /// Packets with a wrong transport checksum.
    pub bad_checksum: u64,
    /// ICMP errors that spoke of a session in the table.
    pub icmp_matched: u64,
    /// ICMP errors that spoke of none, or of bytes it never sent.
    pub icmp_unmatched: u64,
    /// ICMP errors handed to the neighbouring tables, for one of which they may be meant.
    pub icmp_handed_on: u64,
    /// ICMP errors from neighbouring tables that spoke of a session in this one; not among `packets`.
    pub icmp_adopted: u64,
    /// Packets without a session for which there was no room.
    pub refused: u64,
    /// Packets that would have begun a session in the middle while the table was short of room.
    pub emergency_refused: u64,
    /// RST segments out of the window, ignored.
    pub invalid_rst: u64,
    /// Acknowledgments of a SYN that was not sent, ignored.
    pub invalid_handshake: u64,
    /// Sessions begun.
    pub created: u64,
    /// Sessions ended; each gave one record.
    pub ended: u64,
    /// Sessions ended because they were reused.
    pub reused: u64,
    /// Sessions continued after their record, by a SYN that was sent again.
    pub reopened: u64,
    /// Sessions evicted while half-open.
    pub evicted_half_open: u64,
    /// Sessions evicted while only one side had sent.
    pub evicted_one_way: u64,
    /// Sessions evicted after they had closed.
    pub evicted_closed: u64,
    /// Sessions evicted while established.
    pub evicted_live: u64,
    /// Interim records.
    pub interim: u64,
    /// How often the table went into emergency.
    pub emergencies: u64,
    /// Sessions whose finer history letters were given up for lack of room.
    pub detail_lost: u64,
}

impl TableStats {
    /// Sessions evicted in all.
    pub fn evicted(&self) -> u64 {
        self.evicted_half_open + self.evicted_one_way + self.evicted_closed + self.evicted_live
    }

    /// Packets that were counted to no session.
    pub fn untracked(&self) -> u64 {
        self.ignored
            + self.late
            + self.bad_checksum
            + self.icmp_matched
            + self.icmp_unmatched
            + self.icmp_handed_on
            + self.refused
            + self.emergency_refused
    }
}
