//! Rarity: how unusual it is that something as rarely seen as this shows up.
//!
//! Values are put into classes by how often they were seen before; each class has a rate of showing up per bucket, and a
//! value's surprise is that of anything of its class or a rarer one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jobs::Expectation;

use super::series::Judged;
use crate::model::persist::{Persist, persist};
use crate::model::score_of;
use crate::model::tail::Calibration;

/// Buckets that are watched before something is scored.
const LEARNING: f64 = 48.0;
/// Classes: never seen, once, twice, up to 4, 8, 16, ...
const CLASSES: usize = 12;
/// Most values that are remembered; beyond it those not seen for longest go first.
const MOST: usize = 50_000;

/// How often values of one field were seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rarity {
    buckets: f64,
    shown: [f64; CLASSES],
    known: Known,
    tail: Calibration,
}

persist!(Rarity { buckets, shown, known, tail });

/// Sightings and number of the bucket of the last one, by value.
#[derive(Debug, Clone, PartialEq, Default)]
struct Known(BTreeMap<Arc<str>, (f64, f64)>);

impl Persist for Known {
    fn put(&self, out: &mut Vec<u8>) {
        (self.0.len() as u64).put(out);
        for (value, seen) in &self.0 {
            value.to_string().put(out);
            seen.put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let length = u64::take(input)?;
        let one = |_| Some((Arc::from(String::take(input)?), <(f64, f64)>::take(input)?));
        (0..length.min(10 * MOST as u64)).map(one).collect::<Option<_>>().map(Self)
    }
}

fn class(seen: f64) -> usize {
    if seen < 1.0 { 0 } else { (seen.log2().ceil() as usize + 1).min(CLASSES - 1) }
}

impl Rarity {
    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.known.0.len() * 80
    }

    /// Judges the values of a bucket, of which each was seen so often (by so many members); then learns them.
    pub fn observe(&mut self, values: &[(Arc<str>, f64)], window: f64) -> Vec<Judged> {
        let ready = self.buckets >= LEARNING;
        let classes: Vec<usize> =
            values.iter().map(|(value, _)| class(self.known.0.get(value).map_or(0.0, |known| known.0))).collect();
        let surprise = |class: usize| {
            let shown: f64 = self.shown[..=class].iter().sum();
            let rate = (shown + 0.5) / (self.buckets + 1.0);
            -(-(-rate).exp_m1()).max(1e-300).ln()
        };
        let judged = classes.iter().map(|&class| {
            let surprise = if ready { self.tail.apply(surprise(class)) } else { 0.0 };
            let rate = self.shown[..=class].iter().sum::<f64>() / self.buckets.max(1.0);
            let expected = Expectation { typical: rate, lower: 0.0, upper: rate + 2.0 * rate.sqrt() };
            let score = score_of(surprise, f64::INFINITY);
            Judged { expected, surprise, parts: (surprise, 0.0), score, length: 1, ready }
        });
        let judged: Vec<Judged> = judged.collect();
        if ready {
            self.tail.learn(classes.iter().map(|&class| surprise(class)).fold(0.0, f64::max));
        }
        self.buckets += 1.0;
        // The very first buckets are all new, which says nothing of how often something is.
        if self.buckets > 4.0 {
            let mut met = [false; CLASSES];
            classes.iter().for_each(|&class| met[class] = true);
            for (shown, met) in self.shown.iter_mut().zip(met) {
                *shown += f64::from(u8::from(met));
            }
        }
        for (value, members) in values {
            let known = self.known.0.entry(Arc::clone(value)).or_default();
            known.0 += members.max(1.0);
            known.1 = self.buckets;
        }
        self.known.0.retain(|_, known| self.buckets - known.1 <= window);
        if self.known.0.len() > MOST {
            let mut ages: Vec<f64> = self.known.0.values().map(|known| known.1).collect();
            ages.sort_by(f64::total_cmp);
            let oldest = ages[ages.len() - MOST];
            self.known.0.retain(|_, known| known.1 >= oldest);
        }
        judged
    }
}
