//! What went in, what came out and what was dropped on the way.
//!
//! Owns the equations that these numbers satisfy; must not know how they are shown.

use crate::netflow::{DecoderTotals, DropReason, Drops};
use crate::stitch::StitchCounters;

/// Counts of the whole pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IngestCounters {
    /// Datagrams that the sockets delivered (files: read).
    pub received: u64,
    /// Octets of these.
    pub received_bytes: u64,
    /// Of these, not looked at; and connections that were refused or ended badly.
    pub receive_drops: Drops,
    /// Dropped by the kernel before we saw them.
    pub kernel_dropped: u64,
    /// Decoder.
    pub decoder: DecoderTotals,
    /// Stitcher.
    pub stitch: StitchCounters,
    /// Sessions that the sink took.
    pub stored: u64,
    /// Sessions that the sink refused.
    pub refused: u64,
    /// Flow records taken from the journal of an earlier process.
    pub recovered: u64,
    /// Sessions made of them that the earlier process had stored.
    pub known: u64,
}

impl IngestCounters {
    /// Drops of every stage by reason.
    pub fn drops(&self) -> Drops {
        let mut drops = self.decoder.drops;
        drops.merge(&self.receive_drops);
        drops.add(DropReason::SocketBufferFull, self.kernel_dropped);
        drops
    }

    /// Datagrams and messages that came to this machine and in which nothing was read.
    pub fn datagrams_dropped(&self) -> u64 {
        self.kernel_dropped + self.unseen() + self.decoder.datagram_drops.total()
    }

    /// Datagrams and messages that were received and never decoded.
    fn unseen(&self) -> u64 {
        [DropReason::QueueFull, DropReason::NotAllowed, DropReason::RateLimited]
            .into_iter()
            .map(|reason| self.receive_drops.get(reason))
            .sum()
    }

    /// The equations that do not hold. Empty when nothing got lost uncounted; exact once the pipeline is drained.
    pub fn imbalances(&self) -> Vec<String> {
        let sources = &self.decoder.sources;
        let drops = &self.decoder.drops;
        let equations = [
            ("received = dropped + decoded", self.received, self.unseen() + self.decoder.datagrams),
            (
                "datagrams = used + dropped",
                self.decoder.datagrams,
                self.decoder.datagrams_used + self.decoder.datagram_drops.total(),
            ),
            (
                "data sets = decoded + waiting + dropped",
                sources.data_sets,
                sources.data_sets_decoded
                    + self.decoder.waiting_sets
                    + drops.get(DropReason::PendingFull)
                    + drops.get(DropReason::PendingExpired),
            ),
            (
                "records = flows + options + not a flow",
                sources.records,
                sources.flow_records + sources.options_records + drops.get(DropReason::NotAFlow),
            ),
            ("flow records + recovered = stitched", sources.flow_records + self.recovered, self.stitch.flows),
            (
                "stitched = opened + joined + ignored",
                self.stitch.flows,
                self.stitch.opened + self.stitch.joined + self.stitch.ignored(),
            ),
            ("opened = emitted + held", self.stitch.opened, self.stitch.emitted + self.stitch.held),
            ("emitted = stored + refused + known", self.stitch.emitted, self.stored + self.refused + self.known),
        ];
        equations
            .into_iter()
            .filter(|(_, left, right)| left != right)
            .map(|(name, left, right)| format!("{name}: {left} is not {right}"))
            .collect()
    }
}
