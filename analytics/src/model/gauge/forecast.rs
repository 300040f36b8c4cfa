//! The slow expectation of a real-valued series: several experts, each a level, maybe a slope and a season, weighted by
//! how well each has forecast lately.

use std::collections::VecDeque;

use crate::model::gauge::season::Season;
use crate::model::persist::{Persist, persist};

/// Buckets after which half of an expert's merits are forgotten.
const MERIT_LIFE: f64 = 300.0;
/// Forecasts an expert makes in silence before it is heard.
const SILENT: f64 = 24.0;
/// Forgetting of squared errors: about the last 400 buckets.
const SCALE_RATE: f64 = 1.0 / 400.0;
/// An error costs an expert no more than this many deviations of merit.
const WORST: f64 = 6.0;
/// What a change between two levels costs those that did not foresee it.
const UNFORESEEN: f64 = 60.0;
/// Errors count for no more than this many deviations.
const CAP: f64 = 3.0;

/// Root of a moving mean of squares, in which a single outlier counts for little.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scale {
    square: f64,
    seen: f64,
}

persist!(Scale { square, seen });

impl Scale {
    /// The deviation, at least `floor`.
    pub fn value(&self, floor: f64) -> f64 {
        self.square.sqrt().max(floor)
    }

    /// Takes an error in.
    pub fn learn(&mut self, error: f64, floor: f64) {
        self.seen += 1.0;
        let rate = (1.0 / self.seen).max(SCALE_RATE);
        let cap = CAP * CAP * self.square.max(floor * floor);
        let square = if self.seen < 12.0 { error * error } else { (error * error).min(cap) };
        self.square += rate * (square - self.square);
    }
}

/// The rhythm that an expert knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// None.
    Flat,
    /// Local time of day.
    Day,
    /// Local time of week.
    Week,
    /// The series' own period.
    Own,
}

impl Persist for Rhythm {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u8).put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        [Self::Flat, Self::Day, Self::Week, Self::Own].into_iter().nth(usize::from(u8::take(input)?))
    }
}

/// Phases (0-1) of a bucket in every rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phases {
    pub day: f64,
    pub week: f64,
    pub own: f64,
}

persist!(Phases { day, week, own });

impl Phases {
    fn of(&self, rhythm: Rhythm) -> f64 {
        match rhythm {
            Rhythm::Flat => 0.0,
            Rhythm::Day => self.day,
            Rhythm::Week => self.week,
            Rhythm::Own => self.own,
        }
    }
}

/// One way to forecast.
#[derive(Debug, Clone, PartialEq)]
struct Expert {
    rhythm: Rhythm,
    season: Option<Season>,
    level: f64,
    slope: f64,
    /// Gain of the slope; 0 for experts that know none.
    steep: f64,
    scale: Scale,
    merit: f64,
    made: f64,
    /// How far the level jumped at the last shift.
    jump: f64,
}

persist!(Expert { rhythm, season, level, slope, steep, scale, merit, made, jump });

impl Expert {
    fn new(rhythm: Rhythm, season: Option<Season>, steep: f64) -> Self {
        Self {
            rhythm,
            season,
            level: 0.0,
            slope: 0.0,
            steep,
            scale: Scale::default(),
            merit: 0.0,
            made: 0.0,
            jump: 0.0,
        }
    }

    fn forecast(&self, phases: &Phases) -> Option<f64> {
        let shape = match &self.season {
            Some(season) => season.at(phases.of(self.rhythm))?,
            None => 0.0,
        };
        Some(self.level + self.slope + shape)
    }

    fn learn(&mut self, phases: &Phases, value: f64, gain: f64, (floor, unit): (f64, f64)) {
        let forecast = self.forecast(phases);
        if let Some(forecast) = forecast {
            let error = value - forecast;
            let scale = self.scale.value(floor);
            // In units of the series' own spread, so that merits mean the same on every scale.
            self.merit =
                self.merit * 0.5_f64.powf(1.0 / MERIT_LIFE) - (scale / unit).ln() - (error.abs() / scale).min(WORST);
            self.scale.learn(error, floor);
            self.made += 1.0;
            let limit = if self.made < 24.0 { f64::INFINITY } else { CAP * scale };
            let step = error.clamp(-limit, limit);
            let gain = gain.max(1.0 / (self.made + 1.0));
            self.level += self.slope + gain * step;
            if self.steep > 0.0 && self.made > 24.0 {
                self.slope = 0.9995 * self.slope + gain * self.steep * step;
            }
            if let Some(season) = &mut self.season {
                let weight = if error.abs() > CAP * scale { 0.15 } else { 1.0 };
                season.learn(phases.of(self.rhythm), value - self.level, weight);
            }
        } else if let Some(season) = &mut self.season {
            season.learn(phases.of(self.rhythm), value - self.level, 1.0);
        }
    }
}

/// All experts together.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    experts: Vec<Expert>,
    gain: f64,
}

persist!(Forecast { experts, gain });

impl Forecast {
    /// Experts for buckets of `span` seconds, of a series that begins at `value`.
    pub fn new(span: f64, value: f64) -> Self {
        let fine = |period: f64, most: f64| ((period / span).round().min(most)) as usize;
        let mut experts = Vec::new();
        let mut add = |rhythm, season: Option<Season>| {
            for steep in [0.0, 0.02] {
                experts.push(Expert { level: value, ..Expert::new(rhythm, season.clone(), steep) });
            }
        };
        add(Rhythm::Flat, None);
        let day = fine(86_400.0, 288.0);
        if day >= 3 {
            add(Rhythm::Day, Some(Season::new(day, 86_400.0 / span, day < 24 && span < 3_600.0)));
        }
        if day > 48 {
            add(Rhythm::Day, Some(Season::new(24, day as f64, true)));
        }
        let week = fine(7.0 * 86_400.0, 168.0);
        if week >= 3 {
            add(Rhythm::Week, Some(Season::new(week, 7.0 * 86_400.0 / span, span < 3_600.0)));
        }
        let gain = 1.0 - 0.5_f64.powf((span / 86_400.0).clamp(1.0 / 600.0, 1.0 / 30.0));
        Self { experts, gain }
    }

    /// The series' own period is so many buckets; what its past says of the shape is learnt at once.
    pub fn adopt_period(&mut self, buckets: usize, past: &[(f64, f64)]) {
        let unit = self.spread().max(f64::MIN_POSITIVE);
        self.experts.retain(|expert| expert.rhythm != Rhythm::Own);
        for steep in [0.0, 0.02] {
            let mut expert =
                Expert::new(Rhythm::Own, Some(Season::new(buckets.min(2_000), buckets as f64, false)), steep);
            expert.level = past.iter().map(|(_, value)| value).sum::<f64>() / past.len().max(1) as f64;
            for (phase, value) in past {
                let phases = Phases { day: 0.0, week: 0.0, own: *phase };
                expert.learn(&phases, *value, self.gain, (f64::MIN_POSITIVE, unit));
            }
            // What it made of the past it was chosen for says nothing of how well it forecasts.
            expert.made = 1.0;
            self.experts.push(expert);
        }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let seasons: usize = self.experts.iter().filter_map(|expert| expert.season.as_ref()).map(Season::bytes).sum();
        self.experts.len() * size_of::<Expert>() + seasons
    }

    /// Deviation of the values from their level alone.
    pub fn spread(&self) -> f64 {
        self.experts[0].scale.value(0.0)
    }

    /// What to expect of a bucket.
    pub fn at(&self, phases: &Phases) -> f64 {
        let heard: Vec<(f64, f64)> = self
            .experts
            .iter()
            .filter(|expert| expert.made >= SILENT)
            .filter_map(|expert| expert.forecast(phases).map(|value| (expert.merit, value)))
            .collect();
        let best = heard.iter().map(|(merit, _)| *merit).fold(f64::NEG_INFINITY, f64::max);
        let (weights, sum) = heard.iter().fold((0.0, 0.0), |(weights, sum), (merit, value)| {
            let weight = (merit - best).max(-50.0).exp();
            (weights + weight, sum + weight * value)
        });
        if weights > 0.0 { sum / weights } else { self.experts[0].level }
    }

    /// Learns a bucket.
    pub fn learn(&mut self, phases: &Phases, value: f64, floor: f64) {
        let (gain, unit) = (self.gain, self.spread().max(floor));
        self.experts.iter_mut().for_each(|expert| expert.learn(phases, value, gain, (floor, unit)));
        // An expert that comes late starts as good as the worst that is heard.
        let worst = self.experts.iter().filter(|e| e.made >= SILENT).map(|e| e.merit).fold(f64::INFINITY, f64::min);
        for expert in self.experts.iter_mut().filter(|expert| (1.0..SILENT).contains(&expert.made)) {
            if worst.is_finite() {
                expert.merit = worst;
            }
        }
    }

    /// The level is another one now: each expert moves by its own median error over the recent buckets, which then says
    /// nothing against it.
    pub fn shift(&mut self, recent: &VecDeque<(Phases, f64)>, floor: f64) {
        for expert in &mut self.experts {
            let errors = recent.iter().filter_map(|(phases, value)| Some(value - expert.forecast(phases)?));
            let errors: Vec<f64> = errors.collect();
            let jump = median(errors.clone()).unwrap_or(0.0);
            let scale = expert.scale.value(floor);
            let blame = |error: f64| (error.abs() / scale).min(WORST);
            expert.merit += errors.iter().map(|error| blame(*error) - blame(error - jump)).sum::<f64>();
            expert.level += jump;
            expert.jump = jump;
        }
    }

    /// The level is again what it was before the last shift, which from now on is the one back.
    pub fn shift_back(&mut self) {
        for expert in &mut self.experts {
            expert.level -= expert.jump;
            expert.jump = -expert.jump;
        }
    }

    /// The level changed back without notice: experts that this moved did not foresee it, those that know the rhythm did.
    pub fn charge(&mut self, floor: f64) {
        for expert in self.experts.iter_mut().filter(|expert| expert.jump.abs() > CAP * expert.scale.value(floor)) {
            expert.merit -= UNFORESEEN;
        }
    }
}

/// The middle value, `None` of none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}
