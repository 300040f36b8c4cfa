//! A real-valued series: its level and spread by hour of the day, and how far a value lies from them on either side.

use jobs::Expectation;

use crate::model::persist::{Persist, persist};
use crate::model::tail::{Calibration, ln_normal_upper};
use crate::model::{Moment, score_of};

/// Values that a series is watched before it is scored.
const LEARNING: f64 = 48.0;
/// Share of the level that a new value brings, at least.
const RATE: f64 = 1.0 / 200.0;
/// Values count for no more than so many deviations.
const CAP: f64 = 3.0;

/// On which side values are unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Both,
    High,
    Low,
}

impl Persist for Side {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u8).put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        match u8::take(input)? {
            0 => Some(Self::Both),
            1 => Some(Self::High),
            2 => Some(Self::Low),
            _ => None,
        }
    }
}

/// What the model makes of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gauged {
    pub expected: Expectation,
    pub surprise: f64,
    pub score: f64,
}

/// The model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gauge {
    side: Side,
    seen: f64,
    level: f64,
    square: f64,
    hours: [f64; 24],
    up: Calibration,
    down: Calibration,
}

persist!(Gauge { side, seen, level, square, hours, up, down });

impl Gauge {
    pub fn new(_span: u32, side: Side) -> Self {
        let (up, down) = (Calibration::default(), Calibration::default());
        Self { side, seen: 0.0, level: 0.0, square: 0.0, hours: [0.0; 24], up, down }
    }

    pub fn ready(&self) -> bool {
        self.seen >= LEARNING
    }

    pub fn bytes(&self) -> usize {
        size_of::<Self>()
    }

    #[allow(clippy::unused_self, reason = "a missing value says nothing of level and spread")]
    pub fn skip(&mut self) {}

    pub fn observe(&mut self, moment: &Moment, value: f64) -> Gauged {
        let hour = moment.slot / 4 % 24;
        if self.seen < 1.0 {
            self.level = value;
        }
        let typical = self.level + self.hours[hour];
        let floor = 1e-9 * value.abs().max(typical.abs()) + f64::MIN_POSITIVE;
        let young = 1.0 + 6.0 / (self.seen + 1.0);
        let deviation = (self.square * young).sqrt().max(floor);
        let z = ((value - typical) / deviation).clamp(-1e6, 1e6);
        let raw = (-ln_normal_upper(z.max(-4.0)), -ln_normal_upper((-z).max(-4.0)));
        let (up, down) = (self.up.apply(raw.0), self.down.apply(raw.1));
        let surprise = match self.side {
            Side::High => up,
            Side::Low => down,
            Side::Both => (up.max(down) - std::f64::consts::LN_2).max(0.0),
        };
        let surprise = if self.ready() { surprise } else { 0.0 };
        let expected = Expectation { typical, lower: typical - 1.96 * deviation, upper: typical + 1.96 * deviation };
        self.learn(hour, value - typical, deviation, raw);
        Gauged { expected, surprise, score: score_of(surprise, f64::INFINITY) }
    }

    fn learn(&mut self, hour: usize, error: f64, deviation: f64, raw: (f64, f64)) {
        if self.ready() {
            self.up.learn(raw.0);
            self.down.learn(raw.1);
        }
        self.seen += 1.0;
        let limit = if self.seen < 12.0 { f64::INFINITY } else { CAP * deviation };
        let step = error.clamp(-limit, limit);
        let rate = (1.0 / self.seen).max(RATE);
        self.level += rate * step;
        self.hours[hour] += (0.2 * rate.max(0.02)) * step;
        self.square += rate * (step * step - self.square);
    }
}
