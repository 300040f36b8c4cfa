//! A real-valued series on one scale (as it is, or its logarithm): expectation, surprise on either side, learning.
//!
//! Two views: how far a value lies from what is usual at its time (deviation), and from what the last values made of it
//! (innovation). Each is held against a t tail of its own prequential spread, calibrated on the series' own past.

use std::collections::VecDeque;

use jobs::Expectation;

use crate::model::calendar::Moment;
use crate::model::gauge::forecast::{Forecast, Phases, median};
use crate::model::gauge::memory::Memory;
use crate::model::gauge::period;
use crate::model::gauge::view::{Judged, Stuck, View};
use crate::model::gauge::{LEARNING_BUCKETS, Side};
use crate::model::persist::persist;
use crate::model::tail::Calibration;
use crate::model::window::Window;

/// Weights of a new bucket in the windows.
const STEPS: [f64; 2] = [0.15, 0.04];
/// What the looks cost: shares of the error are 1/3 for each view, 1/6 for the windows, 1/12 for a value that is stuck.
const LOOK_VIEW: f64 = 3.0;
const LOOK_WINDOW: f64 = 6.0;
const LOOK_STUCK: f64 = 12.0;
/// Deviations beyond which a bucket speaks for another level, and the share of buckets that must.
const SHIFTED: f64 = 2.3;
const SHIFT_SHARE: f64 = 0.6;
/// Buckets in a row, all so many deviations off, that make a new level when they scatter about it by no more than so many
/// times the usual; the size of a shift is their median error.
const RECENT: usize = 12;
const HELD: f64 = 1.8;
const STEADY: f64 = 2.0;
const STEADY_PART: f64 = 0.05;
/// Buckets for which the level before is remembered, the deviations from the new level beyond which and those from the
/// old one within which a value means that it is back.
const FORMER: u32 = 600;
const APART: f64 = 3.5;
const NEAR: f64 = 3.0;
/// A new level is known no better than to this part of the jump, half of which is forgotten in so many buckets.
const COARSE: f64 = 0.02;
const COARSE_LIFE: f64 = 100.0;
/// Values differ when they differ by more than this part of them, errors count from this part of the series' own spread.
const RESOLUTION: f64 = 1e-9;
const LEAST_SPREAD: f64 = 0.01;
/// Before a whole day (s) was seen, what is unusual may be the time of day, and on the first weekend the day: surprises
/// beyond 1 in 10,000 grow by so much of their logarithm only, which keeps their order and leaves alarms to later days.
const FIRST_DAY: f64 = 86_400.0;
/// Buckets so short that this many make no day are not held back any longer.
const ENOUGH: usize = 1_440;
const FIRST_SURE: f64 = 9.210_34;
const FIRST_GROWTH: f64 = 0.35;
/// Days of the weekend, by number from Monday.
const WEEKEND: [u8; 2] = [5, 6];
/// Independent deviations from which several in a row say more than one.
const INDEPENDENT: f64 = 20.0;

/// What the model makes of a bucket, on its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metered {
    /// What was expected by the view that decided.
    pub expected: Expectation,
    /// Calibrated surprise `-ln p`, paid for the looks; 0 while learning.
    pub surprise: f64,
    /// Surprise of the bucket alone and of the recent ones together.
    pub parts: (f64, f64),
    /// Log-likelihood of the value, but for a constant: how well the model forecasts.
    pub merit: f64,
}

/// The model of one real-valued series on one scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    side: Side,
    span: f64,
    seen: usize,
    forecast: Option<Forecast>,
    memory: Memory,
    deviation: View,
    innovation: View,
    up: Vec<Window>,
    down: Vec<Window>,
    alarmed: (u32, u32),
    shift: (f64, f64),
    /// Buckets in a row beyond the usual, above and below.
    run: (usize, usize),
    recent: VecDeque<(Phases, f64)>,
    /// Buckets for which a return to the level before the last shift is none.
    former: u32,
    coarse: f64,
    /// Values in an unbroken row of buckets, as many as are remembered; a period is sought in these alone.
    past: VecDeque<f64>,
    remembered: usize,
    /// Number of the last bucket.
    last: i64,
    own: Option<usize>,
    next_look: usize,
    stuck: Stuck,
    days: Days,
}

persist!(Meter {
    side,
    span,
    seen,
    forecast,
    memory,
    deviation,
    innovation,
    up,
    down,
    alarmed,
    shift,
    run,
    recent,
    former,
    coarse,
    past,
    remembered,
    last,
    own,
    next_look,
    stuck,
    days,
});

impl Meter {
    /// A series of which nothing is known, in buckets of `span` seconds, of which so many values are remembered.
    pub fn new(span: u32, side: Side, remembered: usize) -> Self {
        let windows = || STEPS.map(|step| Window::new(step, Calibration::default())).to_vec();
        Self {
            side,
            span: f64::from(span),
            seen: 0,
            forecast: None,
            memory: Memory::default(),
            deviation: View::default(),
            innovation: View::default(),
            up: windows(),
            down: windows(),
            alarmed: (0, 0),
            shift: (0.0, 0.0),
            run: (0, 0),
            recent: VecDeque::with_capacity(RECENT),
            former: 0,
            coarse: 0.0,
            past: VecDeque::new(),
            remembered,
            last: 0,
            own: None,
            next_look: 100,
            stuck: Stuck::default(),
            days: Days::default(),
        }
    }

    /// Whether it has seen enough to score.
    pub fn ready(&self) -> bool {
        self.seen >= LEARNING_BUCKETS
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let numbers = self.past.capacity() + 4 * self.recent.capacity();
        let forecast = self.forecast.as_ref().map_or(0, Forecast::bytes);
        size_of::<Self>() + numbers * size_of::<f64>() + forecast + 2 * STEPS.len() * size_of::<Window>()
    }

    /// The bucket is missing: what the last values said no longer holds.
    pub fn skip(&mut self) {
        self.memory.forget();
    }

    fn phases(&self, moment: &Moment) -> Phases {
        let bucket = moment.start.div_euclid(self.span as i64);
        let own = self.own.map_or(0.0, |buckets| phase(bucket, buckets));
        let week = f64::from(moment.second) / (7.0 * 86_400.0);
        Phases { day: (week * 7.0).fract(), week, own }
    }

    /// Scores a bucket, then learns from it. `value` must be finite.
    pub fn observe(&mut self, moment: &Moment, value: f64) -> Metered {
        let phases = self.phases(moment);
        let hour = (phases.day * 24.0) as usize % 24;
        let forecast = self.forecast.get_or_insert_with(|| Forecast::new(self.span, value));
        let usual = forecast.at(&phases);
        let exact = RESOLUTION * value.abs().max(usual.abs()) + f64::MIN_POSITIVE;
        self.coarse *= 0.5_f64.powf(1.0 / COARSE_LIFE);
        let floor = exact + LEAST_SPREAD * forecast.spread() + self.coarse;
        let usual = self.recall(&phases, value, usual, hour, floor);
        let error = value - usual;
        let next = self.next_error(error);
        let ready = self.ready();
        let deviation = self.deviation.judge(error, hour, floor);
        let innovation = self.innovation.judge(error - next, hour, floor);
        let window = self.windowed(&deviation, ready);
        let stuck = self.stuck.observe(value, exact);
        self.days.enter((phases.week * 7.0) as u8 % 7);
        let metered = self.weigh(usual, next, [&deviation, &innovation], window, stuck, ready);

        self.deviation.learn(error, &deviation, hour, floor, ready);
        self.innovation.learn(error - next, &innovation, hour, floor, ready);
        self.memory.learn(error, next, innovation.scale, deviation.scale);
        if let Some(forecast) = &mut self.forecast {
            forecast.learn(&phases, value, floor);
        }
        self.seen += 1;
        self.learn_shift(&phases, value, &deviation, floor);
        self.learn_period(moment, value);
        metered
    }

    /// The next error as recent ones have it: after a surprise, that it stays or that it passes, whichever fits.
    fn next_error(&self, error: f64) -> f64 {
        let (stays, passes) = self.memory.next();
        if (error - stays).abs() <= (error - passes).abs() { stays } else { passes }
    }

    fn sided(&self, up: f64, down: f64) -> f64 {
        match self.side {
            Side::Both => (up.max(down) - std::f64::consts::LN_2).max(0.0),
            Side::High => up,
            Side::Low => down,
        }
    }

    fn weigh(&self, usual: f64, next: f64, views: [&Judged; 2], window: f64, stuck: f64, ready: bool) -> Metered {
        let of = |view: &Judged| self.sided(view.up, view.down) - LOOK_VIEW.ln();
        let (deviation, innovation) = (of(views[0]), of(views[1]));
        let stuck = if self.side == Side::Both { stuck - LOOK_STUCK.ln() } else { 0.0 };
        let window = window - LOOK_WINDOW.ln();
        let (deviation, window) =
            if self.days.is_new() { (careful(deviation), careful(window)) } else { (deviation, window) };
        let slow = deviation.max(window);
        let (typical, scale) =
            if slow >= innovation { (usual, views[0].scale) } else { (usual + next, views[1].scale) };
        let single = deviation.max(innovation).max(stuck);
        let parts = if ready { (self.told(single.max(0.0)), self.told(window.max(0.0))) } else { (0.0, 0.0) };
        let surprise = parts.0.max(parts.1);
        let expected = Expectation { typical, lower: typical - 1.96 * scale, upper: typical + 1.96 * scale };
        let z = views[1].z.abs();
        Metered { expected, surprise, parts, merit: -views[1].scale.ln() - (0.5 * z * z).min(2.0 * z).min(12.0) }
    }

    /// A surprise as it is told: with care before a whole day was seen.
    fn told(&self, surprise: f64) -> f64 {
        if self.seen as f64 * self.span >= FIRST_DAY || self.seen >= ENOUGH { surprise } else { careful(surprise) }
    }

    /// Surprise of the recent buckets together, where this bucket belongs to them.
    fn windowed(&mut self, judged: &Judged, learn: bool) -> f64 {
        let known = judged.independent >= INDEPENDENT;
        let one = |windows: &mut [Window], alarmed: u32, z: f64, single: f64| {
            let mut most = 0.0_f64;
            for window in windows.iter_mut() {
                if alarmed > 0 && z < 1.0 {
                    window.relax();
                }
                most = most.max(window.observe(z, 0.0, 0.0, 0.0, learn));
            }
            if known && (z >= 0.5 || single >= 3.0) { most } else { 0.0 }
        };
        let up = one(&mut self.up, self.alarmed.0, judged.z, judged.up);
        let down = one(&mut self.down, self.alarmed.1, -judged.z, judged.down);
        let alarm = |surprise: f64, left: u32| if surprise > 11.5 { 12 } else { left.saturating_sub(1) };
        self.alarmed = (alarm(up.max(judged.up), self.alarmed.0), alarm(down.max(judged.down), self.alarmed.1));
        self.sided(up, down)
    }

    /// A value that fits the level before the last shift and not the new one means that the old one is back, which is no
    /// surprise for a while. Returns what is usual then.
    fn recall(&mut self, phases: &Phases, value: f64, usual: f64, hour: usize, floor: f64) -> f64 {
        let scale = self.deviation.scale(hour, floor);
        let Some(forecast) = self.forecast.as_mut().filter(|_| self.former > 0) else { return usual };
        self.former -= 1;
        if (value - usual).abs() <= APART * scale {
            return usual;
        }
        forecast.shift_back();
        let before = forecast.at(phases);
        if (value - before).abs() > (0.5 * (value - usual).abs()).min(NEAR * scale) {
            forecast.shift_back();
            return usual;
        }
        forecast.charge(floor);
        // Recent errors were from the level then, and stay as they are.
        self.moved();
        before
    }

    /// Most buckets of the last while are beyond the usual on one side, or the last ones are all so and steady: the level
    /// is another one now.
    fn learn_shift(&mut self, phases: &Phases, value: f64, judged: &Judged, floor: f64) {
        let length = (43_200.0 / self.span).clamp(24.0, 96.0);
        let (up, down) = (judged.z > SHIFTED, judged.z < -SHIFTED);
        self.shift.0 += (f64::from(u8::from(up)) - self.shift.0) / length;
        self.shift.1 += (f64::from(u8::from(down)) - self.shift.1) / length;
        let on = |run: usize, z: f64| if z > HELD { run + 1 } else { 0 };
        self.run = (on(self.run.0, judged.z), on(self.run.1, -judged.z));
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((*phases, value));
        let Some(forecast) = &mut self.forecast else { return };
        let several = self.run.0.max(self.run.1) >= RECENT && steady(forecast, &self.recent, judged.scale);
        if several || self.shift.0.max(self.shift.1) > SHIFT_SHARE {
            let before = forecast.at(phases);
            forecast.shift(&self.recent, floor);
            let jump = forecast.at(phases) - before;
            self.coarse = COARSE * jump.abs();
            self.memory.shift(jump);
            self.moved();
        }
    }

    /// What is usual is another level now.
    fn moved(&mut self) {
        self.former = FORMER;
        self.up.iter_mut().chain(&mut self.down).for_each(Window::reset);
        self.recent.clear();
        (self.shift, self.run) = ((0.0, 0.0), (0, 0));
    }

    /// Looks for a period of the series' own now and then, ever more seldom.
    fn learn_period(&mut self, moment: &Moment, value: f64) {
        let bucket = moment.start.div_euclid(self.span as i64);
        if bucket != self.last + 1 {
            // A period is sought in unbroken stretches only.
            self.past.clear();
        }
        self.last = bucket;
        if self.past.len() == self.remembered {
            self.past.pop_front();
        }
        self.past.push_back(value);
        if self.past.len() < 100 || self.seen < self.next_look {
            return;
        }
        self.next_look = self.seen + self.seen.clamp(100, 2_000);
        let Some(found) = period::period(self.past.make_contiguous()) else { return };
        let known = |seconds: f64| (found as f64 * self.span / seconds - 1.0).abs() < 0.02;
        if known(86_400.0) || known(7.0 * 86_400.0) || self.own == Some(found) {
            return;
        }
        self.own = Some(found);
        let first = bucket + 1 - self.past.len() as i64;
        let past: Vec<(f64, f64)> =
            (first..).zip(&self.past).map(|(bucket, value)| (phase(bucket, found), *value)).collect();
        if let Some(forecast) = &mut self.forecast {
            forecast.adopt_period(found, &past);
        }
    }
}

fn careful(surprise: f64) -> f64 {
    if surprise <= FIRST_SURE { surprise } else { FIRST_SURE + FIRST_GROWTH * (surprise - FIRST_SURE).ln_1p() }
}

/// Values lie about another level no wider than they usually do about theirs, or than a small part of the way to it.
fn steady(forecast: &Forecast, recent: &VecDeque<(Phases, f64)>, scale: f64) -> bool {
    let errors: Vec<f64> = recent.iter().map(|(phases, value)| value - forecast.at(phases)).collect();
    let Some(middle) = median(errors.clone()) else { return false };
    let away = median(errors.iter().map(|error| (error - middle).abs()).collect()).unwrap_or(f64::INFINITY);
    1.4826 * away <= (STEADY * scale).max(STEADY_PART * middle.abs())
}

/// Which days of the week were seen, by number from Monday.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Days {
    over: u8,
    today: Option<u8>,
}

persist!(Days { over, today });

impl Days {
    fn enter(&mut self, day: u8) {
        if let Some(last) = self.today.replace(day)
            && last != day
        {
            self.over |= 1 << last;
        }
    }

    /// Today is of a kind, a day of the weekend or a workday, that was not seen yet while the other was.
    fn is_new(self) -> bool {
        let Some(today) = self.today else { return false };
        let weekend = WEEKEND.iter().fold(0, |days, day| days | 1 << day);
        if self.over == 0 {
            return false;
        }
        if WEEKEND.contains(&today) { self.over & (1 << today) == 0 } else { self.over & !weekend == 0 }
    }
}

fn phase(bucket: i64, period: usize) -> f64 {
    bucket.rem_euclid(period as i64) as f64 / period as f64
}
