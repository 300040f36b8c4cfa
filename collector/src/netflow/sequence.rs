//! Sequence numbers: how much of what an exporter sent never arrived.
//!
//! Owns gaps, late arrivals, duplicates and restarts; must not know what is counted (flows in v5, packets in v9, data
//! records in IPFIX).

/// A jump back further than this is a restart of the exporter.
const WINDOW: u32 = 1 << 16;
/// A jump forward further than this is one, too; less is a loss, of minutes at the highest rates.
const FORWARD: u32 = 1 << 24;
/// Messages remembered to tell a duplicate from a late one.
const MEMORY: usize = 32;

/// What a sequence number said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// As expected, or the first.
    InOrder,
    /// So many units are missing before it.
    Gap(u32),
    /// It fills an earlier gap.
    Late,
    /// Seen before.
    Duplicate,
    /// The exporter starts again.
    Restart,
}

/// Follows one sequence.
#[derive(Debug, Clone)]
pub struct SequenceTracker {
    expected: Option<u32>,
    lost: u64,
    restarts: u64,
    recent: [u32; MEMORY],
    seen: usize,
}

impl Default for SequenceTracker {
    fn default() -> Self {
        Self { expected: None, lost: 0, restarts: 0, recent: [0; MEMORY], seen: 0 }
    }
}

impl SequenceTracker {
    /// Takes the number of a message that carries `units`; `None` when they could not be counted, so that the next
    /// message says where the sequence stands.
    pub fn observe(&mut self, number: u32, units: Option<u32>) -> Arrival {
        let arrival = self.classify(number, units);
        if arrival != Arrival::Duplicate {
            self.recent[self.seen % MEMORY] = number;
            self.seen += 1;
        }
        if matches!(arrival, Arrival::InOrder | Arrival::Gap(_) | Arrival::Restart) {
            self.expected = units.map(|units| number.wrapping_add(units));
        }
        arrival
    }

    fn classify(&mut self, number: u32, units: Option<u32>) -> Arrival {
        let Some(expected) = self.expected else { return Arrival::InOrder };
        let ahead = number.wrapping_sub(expected);
        let behind = expected.wrapping_sub(number);
        if ahead == 0 {
            return Arrival::InOrder;
        }
        // Messages without data records share the number of their successor (RFC 7011 section 3.1).
        if units != Some(0) && behind <= WINDOW && self.recent[..self.seen.min(MEMORY)].contains(&number) {
            return Arrival::Duplicate;
        }
        if ahead <= FORWARD {
            self.lost += u64::from(ahead);
            return Arrival::Gap(ahead);
        }
        if behind <= WINDOW && self.lost > 0 {
            self.lost = self.lost.saturating_sub(u64::from(units.unwrap_or(0)));
            return Arrival::Late;
        }
        self.restarts += 1;
        Arrival::Restart
    }

    /// Units that are missing.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// How often the exporter started again.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_late_arrivals_and_restarts() {
        let mut tracker = SequenceTracker::default();
        assert_eq!(tracker.observe(100, Some(10)), Arrival::InOrder);
        assert_eq!(tracker.observe(110, Some(10)), Arrival::InOrder);
        assert_eq!(tracker.observe(130, Some(10)), Arrival::Gap(10));
        assert_eq!(tracker.observe(120, Some(10)), Arrival::Late);
        assert_eq!(tracker.lost(), 0);
        assert_eq!(tracker.observe(120, Some(10)), Arrival::Duplicate);
        assert_eq!(tracker.observe(140, Some(5)), Arrival::InOrder);
        assert_eq!(tracker.observe(0, Some(5)), Arrival::Restart);
        assert_eq!(tracker.observe(5, Some(5)), Arrival::InOrder);
        assert_eq!((tracker.lost(), tracker.restarts()), (0, 1));
    }

    #[test]
    fn a_long_outage_is_a_loss_and_no_restart() {
        let mut tracker = SequenceTracker::default();
        tracker.observe(1_000, Some(10));
        assert_eq!(tracker.observe(2_001_010, Some(10)), Arrival::Gap(2_000_000));
        assert_eq!(tracker.observe(900_000_000, Some(10)), Arrival::Restart);
        assert_eq!((tracker.lost(), tracker.restarts()), (2_000_000, 1));
    }

    #[test]
    fn the_number_wraps() {
        let mut tracker = SequenceTracker::default();
        tracker.observe(u32::MAX, Some(1));
        assert_eq!(tracker.observe(0, Some(1)), Arrival::InOrder);
        assert_eq!(tracker.observe(2, Some(1)), Arrival::Gap(1));
    }

    #[test]
    fn uncounted_messages_lose_nothing() {
        let mut tracker = SequenceTracker::default();
        tracker.observe(10, None);
        assert_eq!(tracker.observe(500, Some(3)), Arrival::InOrder);
        assert_eq!(tracker.observe(503, Some(0)), Arrival::InOrder);
        assert_eq!(tracker.observe(503, Some(2)), Arrival::InOrder);
        assert_eq!(tracker.lost(), 0);
    }
}
