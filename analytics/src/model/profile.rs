//! The seasonal profile of a busy series: decayed sums per quarter hour of the week, and the fit made of them.

mod known;

use crate::model::calendar::{DAY_SLOTS, Moment, WEEK_SLOTS};
use crate::model::compact::{of_step, pack, step, unpack};
use crate::model::features::{Complexity, eta, row, week, width};
use crate::model::glm::{Row, deviance, fit};
use crate::model::persist::persist;

pub use known::Known;

/// Half-life of the sums, days.
const HALF_LIFE: f64 = 14.0;
/// Days of which raw counts are kept per slot of the day, to find recurring spikes.
const RING_DAYS: usize = 14;
/// Age in days that is a day, however it was added up.
const FIRST_DAY: f64 = 0.999;
/// Most recurring-spike slots.
const MOST_SPIKES: usize = 16;
/// Weights are scaled up instead of all sums down, until this.
const LARGEST_SCALE: f64 = 1e6;

/// Decayed sums and what was fitted to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Packed sums of each slot of the week.
    counts: Vec<u16>,
    weights: Vec<u16>,
    scale: f64,
    /// The slot that is going on and its sums, which the packed ones lack: a short bucket would be lost in those.
    slot: u16,
    count: f64,
    weight: f64,
    /// Counts as steps: a median needs no more.
    ring: Vec<u8>,
    ring_days: Vec<i64>,
    spikes: Vec<u16>,
    /// Of ln of the expected count in units of the level.
    coefficients: Vec<f64>,
    /// ln of the level at the last fit.
    ln_level: f64,
    complexity: u8,
    known: Known,
}

persist!(Profile {
    counts,
    weights,
    scale,
    slot,
    count,
    weight,
    ring,
    ring_days,
    spikes,
    coefficients,
    ln_level,
    complexity,
    known
});

impl Profile {
    /// A flat profile of a series that has been at its level over `buckets` buckets.
    pub fn flat(buckets: f64) -> Self {
        let per_slot = pack((buckets / WEEK_SLOTS as f64) as f32);
        Self {
            counts: vec![per_slot; WEEK_SLOTS],
            weights: vec![per_slot; WEEK_SLOTS],
            scale: 1.0,
            slot: 0,
            count: 0.0,
            weight: 0.0,
            ring: vec![0; RING_DAYS * DAY_SLOTS],
            ring_days: vec![i64::MIN; RING_DAYS],
            spikes: Vec::new(),
            coefficients: vec![0.0],
            ln_level: 0.0,
            complexity: 0,
            known: Known::default(),
        }
    }

    /// What it knows of the days of the week.
    pub fn known(&self) -> Known {
        self.known
    }

    /// Expected count of a slot in units of the level.
    pub fn at(&self, slot: usize) -> f64 {
        let complexity = match self.complexity {
            0 => Complexity::Constant,
            1 => Complexity::Day,
            _ => Complexity::Week,
        };
        let eta = eta(slot % WEEK_SLOTS, complexity, &self.spikes, &self.coefficients);
        ((eta + self.ln_level).clamp(-12.0, 15.0) - self.ln_level).exp()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + 8 * (self.coefficients.capacity() + self.ring_days.capacity())
            + 2 * (self.counts.capacity() + self.weights.capacity() + self.spikes.capacity())
            + self.ring.capacity()
    }

    /// Takes one bucket in: `count` in units of the level then, so that a level that moves leaves the shape alone, with
    /// the weight that robustness left it.
    pub fn learn(&mut self, moment: &Moment, count: f64, weight: f64) {
        let slot = moment.slot % WEEK_SLOTS;
        if slot != usize::from(self.slot) {
            self.end_slot();
            self.slot = slot as u16;
        }
        self.scale *= 2.0_f64.powf(moment.days / HALF_LIFE);
        if self.scale > LARGEST_SCALE {
            self.end_slot();
            let down = (1.0 / self.scale) as f32;
            self.counts.iter_mut().chain(&mut self.weights).for_each(|sum| *sum = pack(unpack(*sum) * down));
            self.scale = 1.0;
        }
        self.count += self.scale * weight * count;
        self.weight += self.scale * weight;
        let place = moment.day.rem_euclid(RING_DAYS as i64) as usize;
        let days = &mut self.ring[place * DAY_SLOTS..(place + 1) * DAY_SLOTS];
        if self.ring_days[place] != moment.day {
            self.ring_days[place] = moment.day;
            days.fill(0);
        }
        let of_day = slot % DAY_SLOTS;
        // Buckets shorter than a slot: the largest stands for it.
        days[of_day] = days[of_day].max(step(count as f32));
    }

    /// Adds the sums of the slot that is going on to the packed ones.
    fn end_slot(&mut self) {
        let slot = usize::from(self.slot);
        let add = |packed: &mut u16, more: f64| *packed = pack((f64::from(unpack(*packed)) + more) as f32);
        add(&mut self.counts[slot], std::mem::take(&mut self.count));
        add(&mut self.weights[slot], std::mem::take(&mut self.weight));
    }

    /// Fits anew, with the noise of counts at this level. Returns by how much the profile as a whole went up.
    pub fn refit(&mut self, level: f64, dispersion: f64, age_days: f64, events: f64) -> f64 {
        let allowed = if age_days < FIRST_DAY {
            Complexity::Constant
        } else if age_days < 8.0 || events < 100.0 {
            Complexity::Day
        } else {
            Complexity::Week
        };
        self.end_slot();
        let before: f64 = (0..WEEK_SLOTS).map(|slot| self.at(slot)).sum();
        let slots: Vec<usize> = (0..WEEK_SLOTS).filter(|slot| self.weights[*slot] > 0).collect();
        let sums = |slot: usize| (f64::from(unpack(self.counts[slot])), f64::from(unpack(self.weights[slot])));
        let held = |(count, weight): (f64, f64)| Row { weight: weight / self.scale, mean: level * count / weight };
        let rows: Vec<Row> = slots.iter().map(|&slot| held(sums(slot))).collect();
        let total: f64 = rows.iter().map(|row| row.weight * row.mean).sum();
        let weight: f64 = rows.iter().map(|row| row.weight).sum();
        let mean = (total / weight.max(1e-9)).max(1e-4);
        let mut best = (Complexity::Constant, vec![mean.ln()]);
        let design =
            |complexity, slots: &[usize]| -> Vec<&[f64]> { slots.iter().map(|slot| row(*slot, complexity)).collect() };
        let mut loss = deviance(&design(Complexity::Constant, &slots), &rows, dispersion, &best.1);
        for complexity in [Complexity::Day, Complexity::Week] {
            if complexity > allowed {
                break;
            }
            let mut start = self.start(complexity, mean, level);
            start.truncate(width(complexity));
            let features = design(complexity, &slots);
            let Some(found) = fit(&features, &rows, dispersion, &start) else { continue };
            let without = deviance(&features, &rows, dispersion, &found);
            // A block is kept only when it pays for its coefficients.
            if loss - without > 2.0 * (found.len() - best.1.len()) as f64 {
                loss = without;
                best = (complexity, found);
            }
        }
        let spikes = self.recurring(&week(best.0, &best.1), level, dispersion);
        if !spikes.is_empty() {
            // The smooth part is that of the other slots; robust weights have made the spikes' own sums too small.
            let others: Vec<bool> = slots.iter().map(|slot| !spikes.contains(&((slot % DAY_SLOTS) as u16))).collect();
            let (rows, slots) = (picked(&rows, &others), picked(&slots, &others));
            if let Some(found) = fit(&design(best.0, &slots), &rows, dispersion, &best.1) {
                best.1 = found;
            }
        }
        let smooth = week(best.0, &best.1);
        let boost = |spike: &u16| {
            self.recent(usize::from(*spike), &smooth, level).map_or(0.0, |recent| (recent.mean / recent.fitted).ln())
        };
        best.1.extend(spikes.iter().map(boost));
        self.spikes = spikes;
        self.complexity = best.0 as u8;
        if allowed > Complexity::Constant {
            // Of the day that is going on, too little may be known.
            let over = usize::from(self.slot) % DAY_SLOTS >= DAY_SLOTS * 3 / 4;
            let last = self.ring_days.iter().max().filter(|_| !over);
            self.known =
                Known::of(self.ring_days.iter().filter(|day| **day != i64::MIN && Some(*day) != last).copied());
        }
        self.coefficients = best.1;
        self.coefficients.shrink_to_fit();
        self.ln_level = level.ln();
        self.coefficients[0] -= self.ln_level;
        let after: f64 = (0..WEEK_SLOTS).map(|slot| self.at(slot)).sum();
        (after / before.max(1e-12)).clamp(1e-6, 1e6)
    }

    /// Where the fit starts: the last one's coefficients where they are of this form.
    fn start(&self, complexity: Complexity, mean: f64, level: f64) -> Vec<f64> {
        let known = self.coefficients.len() - self.spikes.len().min(self.coefficients.len() - 1);
        if self.complexity >= complexity as u8 && known >= width(complexity) {
            let mut start = self.coefficients[..width(complexity)].to_vec();
            start[0] += level.ln();
            return start;
        }
        let mut start = vec![0.0; width(complexity)];
        start[0] = mean.ln();
        start
    }

    /// Slots of the day whose median over the last days lies well above the smooth fit; their neighbours need less.
    fn recurring(&self, smooth: &[f64], level: f64, dispersion: f64) -> Vec<u16> {
        let recent: Vec<Option<Recent>> = (0..DAY_SLOTS).map(|slot| self.recent(slot, smooth, level)).collect();
        let excess = |slot: usize| {
            recent[slot].map_or(f64::NEG_INFINITY, |Recent { median, fitted, .. }| {
                (median - fitted) / (fitted + dispersion * fitted * fitted + 1.0).sqrt()
            })
        };
        let stands_out = |slot: usize, factor: f64, sigmas: f64| {
            recent[slot].is_some_and(|r| r.median >= 2.0 && r.median > factor * r.fitted) && excess(slot) > sigmas
        };
        let peaks: Vec<bool> = (0..DAY_SLOTS).map(|slot| stands_out(slot, 1.6, 1.5)).collect();
        let near = |slot: usize| peaks[(slot + 1) % DAY_SLOTS] || peaks[(slot + DAY_SLOTS - 1) % DAY_SLOTS];
        let mut found: Vec<usize> =
            (0..DAY_SLOTS).filter(|&slot| peaks[slot] || (near(slot) && stands_out(slot, 1.2, 0.5))).collect();
        found.sort_by(|a, b| excess(*b).total_cmp(&excess(*a)));
        found.truncate(MOST_SPIKES);
        found.into_iter().map(|slot| slot as u16).collect()
    }

    /// What a slot of the day held over the days kept, and the mean of the fit over the same days.
    fn recent(&self, slot: usize, smooth: &[f64], level: f64) -> Option<Recent> {
        let mut counts = Vec::with_capacity(RING_DAYS);
        let mut fitted = 0.0;
        for (place, day) in self.ring_days.iter().enumerate() {
            if *day != i64::MIN
                && let Some(count) = of_step(self.ring[place * DAY_SLOTS + slot])
            {
                counts.push(level * f64::from(count));
                // Days are counted from the common era, whose first day was a Monday.
                let weekday = (day - 1).rem_euclid(7) as usize;
                fitted += smooth[weekday * DAY_SLOTS + slot].clamp(-12.0, 15.0).exp();
            }
        }
        if counts.len() < 4 {
            return None;
        }
        let (n, middle) = (counts.len() as f64, counts.len() / 2);
        let (_, &mut median, _) = counts.select_nth_unstable_by(middle, f64::total_cmp);
        let mean = counts.iter().map(|count| count.clamp(median / 3.0, median * 3.0)).sum::<f64>() / n;
        Some(Recent { median, mean, fitted: fitted / n })
    }
}

/// A slot of the day over the last days.
#[derive(Debug, Clone, Copy)]
struct Recent {
    median: f64,
    /// Mean of counts no further than a factor of three from the median.
    mean: f64,
    fitted: f64,
}

fn picked<T: Copy>(all: &[T], wanted: &[bool]) -> Vec<T> {
    all.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(one, _)| *one).collect()
}
