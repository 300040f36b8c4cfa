//! Recurring shapes of a real-valued series: what is usual at a phase of a day, a week or a period of its own.

use crate::model::persist::persist;

/// A shape over one period, learnt slot by slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Season {
    slots: Vec<Slot>,
    /// Between slots the shape is interpolated, because a slot spans several buckets.
    smooth: bool,
    /// Share of a slot that a bucket is.
    part: f64,
    /// The last phase, and how much of a period went by since the first one, up to a whole.
    last: Option<f64>,
    gone: f64,
}

persist!(Season { slots, smooth, part, last, gone });

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Slot {
    value: f64,
    seen: f64,
}

persist!(Slot { value, seen });

/// A slot goes on learning at least at this rate, so that shapes may change: about ten periods are remembered.
const LEAST_RATE: f64 = 0.1;

impl Season {
    /// A shape of so many slots over a period of so many buckets.
    pub fn new(slots: usize, buckets: f64, smooth: bool) -> Self {
        let slots = slots.max(1);
        let part = (slots as f64 / buckets.max(1.0)).min(1.0);
        Self { slots: vec![Slot::default(); slots], smooth, part, last: None, gone: 0.0 }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.slots.len() * size_of::<Slot>()
    }

    /// The two slots that a phase (0-1) lies between, and the share of the second.
    fn place(&self, phase: f64) -> (usize, usize, f64) {
        let n = self.slots.len();
        let at = phase.rem_euclid(1.0) * n as f64;
        if !self.smooth {
            let slot = (at + 1e-6) as usize % n;
            return (slot, slot, 0.0);
        }
        let slot = at as usize % n;
        (slot, (slot + 1) % n, at - at.floor())
    }

    /// The shape at a phase, `None` before a whole period was seen: what the same slot held minutes ago is no season.
    pub fn at(&self, phase: f64) -> Option<f64> {
        if self.gone < 1.0 { None } else { self.known(phase) }
    }

    fn known(&self, phase: f64) -> Option<f64> {
        let (first, second, part) = self.place(phase);
        let (a, b) = (self.slots[first], self.slots[second]);
        match (a.seen > 0.0, b.seen > 0.0) {
            (true, true) => Some(a.value * (1.0 - part) + b.value * part),
            (true, false) if part < 0.5 => Some(a.value),
            (false, true) if part >= 0.5 => Some(b.value),
            _ => None,
        }
    }

    /// Learns what the shape was at a phase, with this weight (0-1).
    pub fn learn(&mut self, phase: f64, value: f64, weight: f64) {
        if let Some(last) = self.last.replace(phase) {
            let ahead = (phase - last).rem_euclid(1.0);
            // A clock that is set back does not make a round of it.
            self.gone = (self.gone + if ahead < 0.5 { ahead } else { 0.0 }).min(1.0);
            self.gone = if self.gone > 1.0 - 1e-9 { 1.0 } else { self.gone };
        }
        let (first, second, part) = self.place(phase);
        let known = self.known(phase);
        for (slot, share) in [(first, 1.0 - part), (second, part)] {
            if share < 1e-9 {
                continue;
            }
            let slot = &mut self.slots[slot];
            let taken = weight * share * self.part;
            if slot.seen == 0.0 {
                if share >= 0.5 {
                    *slot = Slot { value, seen: taken };
                }
                continue;
            }
            slot.seen += taken;
            let rate = (1.0 / slot.seen).max(LEAST_RATE) * taken;
            slot.value += rate.min(1.0) * (value - known.unwrap_or(slot.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_learnt_between_its_slots() {
        let mut season = Season::new(24, 100.0, true);
        for round in 0..200 {
            if round < 100 {
                assert_eq!(season.at(0.3), None, "{round}");
            }
            let phase = f64::from(round % 100) / 100.0;
            season.learn(phase, (phase * std::f64::consts::TAU).sin(), 1.0);
        }
        for step in 0..100 {
            let phase = f64::from(step) / 100.0;
            let shape = season.at(phase).unwrap();
            assert!((shape - (phase * std::f64::consts::TAU).sin()).abs() < 0.15, "{phase}: {shape}");
        }
    }
}
