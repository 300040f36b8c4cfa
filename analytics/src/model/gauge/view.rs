//! One way of looking at errors: their spread by the hour, the tails they claim, and what the past says of those.

use crate::model::gauge::spread::Spread;
use crate::model::persist::persist;
use crate::model::tail::Calibration;

/// Surprises beyond this grow by their logarithm only: a tail is not known that far.
const FAR: f64 = 30.0;
/// Forgetting of the correlation of neighbouring errors.
const CORRELATION_RATE: f64 = 1.0 / 300.0;
/// Weight of a new error in its hour's spread, and bounds of that relative to the whole.
const HOUR_RATE: f64 = 0.02;
const HOUR_BOUNDS: (f64, f64) = (0.02, 8.0);

/// Surprises of a young model come of what it does not know yet: the tails remember a third of the age, from this on.
const TAIL_AGE: f64 = 3.0;
const TAIL_LEAST: f64 = 96.0;

/// An error, judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The normal deviate that is as improbable.
    pub z: f64,
    /// Calibrated surprise of so much above, and of so much below.
    pub up: f64,
    pub down: f64,
    /// The deviation then.
    pub scale: f64,
    /// Independent errors that the deviation rests on.
    pub independent: f64,
    raw: (f64, f64),
}

/// What is known of one kind of error.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    spread: Spread,
    last: f64,
    products: (f64, f64),
    hours: [f64; 24],
    age: f64,
    up: Calibration,
    down: Calibration,
}

persist!(View { spread, last, products, hours, age, up, down });

impl Default for View {
    fn default() -> Self {
        Self {
            spread: Spread::default(),
            last: 0.0,
            products: (0.0, 0.0),
            hours: [1.0; 24],
            age: 0.0,
            up: Calibration::default(),
            down: Calibration::default(),
        }
    }
}

impl View {
    /// Judges an error in this hour of the day.
    pub fn judge(&self, error: f64, hour: usize, floor: f64) -> Judged {
        let (relative, independent) = (self.hours[hour].sqrt(), self.independent());
        let placed = self.spread.place(error, relative, floor, independent);
        let raw = (far(placed.up), far(placed.down));
        let scale = self.scale(hour, floor);
        Judged { z: placed.z, up: self.up.apply(raw.0), down: self.down.apply(raw.1), scale, independent, raw }
    }

    /// The deviation in this hour of the day.
    pub fn scale(&self, hour: usize, floor: f64) -> f64 {
        (self.spread.scale(floor) * self.hours[hour].sqrt()).max(floor)
    }

    /// Independent errors that the spread rests on: fewer than there are where neighbours are alike.
    fn independent(&self) -> f64 {
        let correlation = (self.products.0 / self.products.1.max(f64::MIN_POSITIVE)).clamp(0.0, 0.999);
        self.spread.worth() * (1.0 - correlation) / (1.0 + correlation)
    }

    /// Learns it; tails only once the spread is known.
    pub fn learn(&mut self, error: f64, judged: &Judged, hour: usize, floor: f64, ready: bool) {
        let relative = self.hours[hour].sqrt();
        self.spread.learn(error / relative, floor);
        let z = judged.z.clamp(-4.0, 4.0);
        self.products.0 += CORRELATION_RATE * (z * self.last - self.products.0);
        self.products.1 += CORRELATION_RATE * (z * z - self.products.1);
        self.last = z;
        if ready {
            let square = (judged.z * judged.z).min(9.0);
            let hour = &mut self.hours[hour];
            *hour = (*hour * (1.0 + HOUR_RATE * (square - 1.0))).clamp(HOUR_BOUNDS.0, HOUR_BOUNDS.1);
            self.age += 1.0;
            let memory = (self.age / TAIL_AGE).max(TAIL_LEAST);
            self.up.learn_within(judged.raw.0, memory);
            self.down.learn_within(judged.raw.1, memory);
        }
    }
}

fn far(surprise: f64) -> f64 {
    if surprise > FAR { FAR + (surprise / FAR).ln() } else { surprise }
}

/// Values that stay exactly the same in a series that never does so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stuck {
    last: f64,
    seen: f64,
    repeats: f64,
    run: f64,
    longest: f64,
}

persist!(Stuck { last, seen, repeats, run, longest });

impl Stuck {
    /// Surprise of as many repetitions as there are now.
    pub fn observe(&mut self, value: f64, floor: f64) -> f64 {
        let same = self.seen > 0.0 && (value - self.last).abs() <= floor;
        self.last = value;
        let usual = (self.repeats + self.run + 1.0) / (self.seen + 2.0);
        self.seen += 1.0;
        if !same {
            self.repeats += self.run;
            self.longest = self.longest.max(self.run);
            self.run = 0.0;
            return 0.0;
        }
        self.run += 1.0;
        if self.seen < 200.0 || usual > 0.2 || self.run <= 1.5 * self.longest + 1.0 {
            return 0.0;
        }
        (-usual.ln() * self.run).min(FAR)
    }
}
