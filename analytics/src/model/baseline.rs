//! One series: what to expect of the next bucket, how surprising its count is, and learning from it.

mod forecast;
mod scored;

use crate::model::belief::Belief;
use crate::model::calendar::Moment;
use crate::model::level::Level;
use crate::model::persist::persist;
use crate::model::profile::Profile;
use crate::model::score::score_of;
use crate::model::tail::{Calibration, normal_score};
use crate::model::window::Window;

pub use scored::{Observation, Scored};

/// Buckets that a series is watched before it is scored.
pub const LEARNING_BUCKETS: f64 = 96.0;
/// Events from which a series is worth a profile.
const PROFILE_EVENTS: f64 = 20.0;
/// Half-life of the dispersion's sums, days.
const DISPERSION_LIFE: f64 = 10.0;
/// Buckets' worth of claim that counts vary as chance has it, and the least share of that they are taken to vary by.
const REGULAR: f64 = 40.0;
const LEAST_PACKET: f64 = 0.05;
/// What large dispersions are underrated by: the longest of their counts are capped, and the few that are long leave much
/// unknown.
const UNDERRATED: f64 = 0.2;
/// Relative variance that the profile's own errors add, and how much of it neighbouring buckets have in common.
const PROFILE_VARIANCE: f64 = 0.002;
const PROFILE_COMMON: f64 = 0.0004;
/// Half-life of the recent ratio that a level shift adopts, days.
const RECENT_LIFE: f64 = 0.25;
/// Bounds of the level's half-life in days, and the events it is worth.
const LEVEL_LIFE: (f64, f64) = (0.5, 14.0);
const LEVEL_EVENTS: f64 = 60.0;
/// Half-life of the slow level, days.
const SLOW_LIFE: f64 = 6.0;
/// Failures per bucket expected of a series never seen before, and the events that this is worth.
const NEWCOMER_RATE: f64 = 0.1;
const NEWCOMER_EVENTS: f64 = 0.3;
/// Weights of a new bucket in the windows: about three buckets, and two, six and sixteen hours of
/// quarter hours.
const STEPS: [f64; 4] = [0.35, 0.12, 0.04, 0.015];
/// What the looks cost: the single bucket has half of the error, the windows, which see much the same, a quarter.
const LOOK_SINGLE: f64 = 2.0;
const LOOK_MULTI: f64 = 4.0;
/// A bucket beyond this on one side speaks for a level shift.
const SHIFT_P: f64 = 0.02;
/// After so many days under this part of the slow level, longer than holidays in a row, the slow level is the new one too.
const UNDER_DAYS: f64 = 4.0;
const UNDER: f64 = 0.7;
/// After an alarm a bucket with a z-score below this says that the incident is over.
const OVER_Z: f64 = 0.3;

/// The model of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    buckets: f64,
    days: f64,
    events: f64,
    level: Level,
    slow: Level,
    recent: Level,
    dispersion: (f64, f64),
    regularity: (f64, f64),
    shift: (f64, f64),
    under: f64,
    odds: Level,
    tail: Calibration,
    windows: Vec<Window>,
    profile: Option<Box<Profile>>,
    until_fit: f64,
    run: u32,
    alarmed: u32,
    quiet_days: f64,
}

persist!(Baseline {
    buckets,
    days,
    events,
    level,
    slow,
    recent,
    dispersion,
    regularity,
    shift,
    under,
    odds,
    tail,
    windows,
    profile,
    until_fit,
    run,
    alarmed,
    quiet_days,
});

impl Default for Baseline {
    fn default() -> Self {
        Self::new()
    }
}

impl Baseline {
    /// A series of which nothing is known.
    pub fn new() -> Self {
        Self {
            buckets: 0.0,
            days: 0.0,
            events: 0.0,
            level: Level::new(1.0, 0.0),
            slow: Level::new(1.0, 0.0),
            recent: Level::new(1.0, 0.0),
            // As if four buckets' worth had shown a dispersion of 0.1.
            dispersion: (0.4, 4.0),
            regularity: (REGULAR, REGULAR),
            shift: (0.0, 0.0),
            under: 0.0,
            odds: Level::new(1.0, 0.0),
            tail: Calibration::both_ways(),
            windows: Vec::new(),
            profile: None,
            until_fit: 0.0,
            run: 0,
            alarmed: 0,
            quiet_days: 0.0,
        }
    }

    /// A series that first shows after `buckets` buckets of `days` days each in which it had nothing.
    ///
    /// New series show all the time, most of them with one failure: silence before the first sight says little.
    pub fn newcomer(buckets: f64, days: f64) -> Self {
        let mut newcomer = Self::new();
        newcomer.buckets = buckets;
        newcomer.days = buckets * days;
        newcomer.level.adopt(NEWCOMER_RATE, NEWCOMER_EVENTS);
        newcomer.slow.adopt(NEWCOMER_RATE, NEWCOMER_EVENTS);
        newcomer
    }

    /// Fits of series that begin together are spread over a day: this one's first is so much later, 0-1 days.
    pub fn delay_fit(&mut self, days: f64) {
        self.until_fit = days;
    }

    /// Events so far.
    pub fn events(&self) -> f64 {
        self.events
    }

    /// Days that it was watched, those in which it had nothing yet included.
    pub fn days(&self) -> f64 {
        self.days
    }

    /// Days since the last event.
    pub fn quiet_days(&self) -> f64 {
        self.quiet_days
    }

    /// Whether it has been watched long enough to be scored.
    pub fn ready(&self) -> bool {
        self.buckets >= LEARNING_BUCKETS
    }

    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.windows.len() * size_of::<Window>() + self.profile.as_ref().map_or(0, |p| p.bytes())
    }

    /// What to expect of a bucket in which as many sessions establish and so much is covered.
    #[cfg(test)]
    pub fn expect(&self, moment: &Moment, established: Option<f64>, coverage: f64) -> jobs::Expectation {
        self.belief(moment, established, coverage).interval()
    }

    fn shape(&self, moment: &Moment) -> f64 {
        self.profile.as_ref().map_or(1.0, |profile| profile.at(moment.slot))
    }

    /// Relative variance around the profile: `grown`, and what it cannot know yet.
    fn unknown(&self, moment: &Moment, grown: f64) -> f64 {
        let young = |profile: &Profile| profile.known().variance(moment, self.days, self.dispersion());
        self.profile.as_ref().map_or(0.0, |profile| grown + young(profile))
    }

    /// The level that counts are held against: after a quiet day, that of before.
    fn higher(&self) -> &Level {
        if self.level.value() >= self.slow.value() { &self.level } else { &self.slow }
    }

    fn belief(&self, moment: &Moment, established: Option<f64>, coverage: f64) -> Belief {
        let level = self.higher();
        let mut mean = self.shape(moment) * level.value() * coverage;
        if let Some(established) = established {
            mean = mean.max(self.by_traffic(mean, established));
        }
        let dispersion = self.dispersion() + level.uncertainty() + self.unknown(moment, PROFILE_VARIANCE);
        let packet = self.packet();
        Belief { mean: mean.max(1e-9), dispersion: dispersion * packet, packet }
    }

    /// What so much traffic usually brings: more sessions fail when more are attempted, at the usual odds.
    fn by_traffic(&self, mean: f64, established: f64) -> f64 {
        const TRAFFIC: f64 = 2_000.0;
        if self.odds.worth() < TRAFFIC { mean } else { (self.odds.value() * established).min(5.0 * mean) }
    }

    /// Share of a Poisson's variance that counts show, 1 where they show as much or more.
    fn packet(&self) -> f64 {
        let regular = (self.regularity.0 / self.regularity.1).clamp(LEAST_PACKET, 1.0);
        // Little evidence of regularity is none.
        if regular > 0.8 { 1.0 } else { regular }
    }

    fn dispersion(&self) -> f64 {
        let found = (self.dispersion.0 / self.dispersion.1).clamp(0.001, 30.0);
        found * (1.0 + UNDERRATED * found / (1.0 + found))
    }

    /// The bucket is missing: nothing is learnt but that time went by.
    pub fn skip(&mut self, days: f64) {
        self.days += days;
        self.quiet_days += days;
        self.run = 0;
    }

    /// Scores a bucket, then learns from it.
    pub fn observe(&mut self, moment: &Moment, seen: &Observation) -> Scored {
        let belief = self.belief(moment, seen.established, seen.coverage);
        let expected = belief.interval();
        let raw = -belief.ln_upper(seen.failed);
        let below = belief.lower(seen.failed);
        let single = self.tail.doubt(raw, self.dispersion());
        let ready = self.ready();
        let high = (-raw).exp();
        // Half of the count's own mass on either side, so that sparse series have no bias.
        let middle = 0.5 * (high + (1.0 - below).max(0.0));
        // Where the past knows such counts better than the model does, they weigh less in the windows too.
        let z = normal_score(middle.max(1e-12).max(if raw > single { (-single).exp() } else { 0.0 }));
        let common = belief.share(self.unknown(moment, PROFILE_COMMON));
        let above = seen.failed - belief.mean;
        let (multi, trend, short, gathered) = self.windowed(z, single, ready, above, common);
        let paid = |surprise: f64, look: f64| if ready { (surprise - look.ln()).max(0.0) } else { 0.0 };
        let (alone, several) = (paid(single, LOOK_SINGLE), paid(multi, LOOK_MULTI));
        let surprise = alone.max(several);
        let score = score_of(alone, above).max(score_of(several, gathered.max(above)));
        self.run = if score >= 3.0 { self.run + 1 } else { 0 };
        self.alarmed = if score >= 50.0 { 12 } else { self.alarmed.saturating_sub(1) };
        self.learn(moment, seen, &belief, raw, below, trend);
        let high_variance = belief.dispersion > 1.0 && raw - single > 2.0;
        Scored {
            expected,
            single,
            multi,
            short,
            surprise,
            score,
            high_variance,
            length: self.run.max(1),
            ready,
            belief,
            raw,
        }
    }

    /// Surprise of the recent buckets together; nothing where this bucket does not belong to the rise.
    /// Also how far the middle window lies above its usual, in standard deviations, the shortest one's surprise, and the
    /// sessions above the expectation that the most surprising one has gathered.
    fn windowed(&mut self, z: f64, single: f64, learn: bool, above: f64, common: f64) -> (f64, f64, f64, f64) {
        if self.windows.is_empty() {
            if self.events < 5.0 {
                return (0.0, 0.0, 0.0, 0.0);
            }
            self.windows = STEPS.map(|step| Window::new(step, Calibration::both_ways())).to_vec();
        }
        let dispersion = self.dispersion();
        let over = self.alarmed > 0 && z < OVER_Z;
        let (mut most, mut gathered, mut short) = (0.0, 0.0, 0.0);
        for (at, window) in self.windows.iter_mut().enumerate() {
            if over {
                window.relax();
            }
            let surprise = window.observe(z, above, common, dispersion, learn);
            if at == 0 {
                short = surprise;
            }
            if surprise > most {
                (most, gathered) = (surprise, window.gathered());
            }
        }
        (if z < 0.5 && single < 3.0 { 0.0 } else { most }, self.windows[1].standard(), short, gathered)
    }

    fn learn(&mut self, moment: &Moment, seen: &Observation, belief: &Belief, raw: f64, below: f64, trend: f64) {
        let days = moment.days;
        let keep = |life: f64| 0.5_f64.powf(days / life);
        self.buckets += 1.0;
        self.days += days;
        self.events += seen.failed;
        self.quiet_days = if seen.failed > 0.0 { 0.0 } else { self.quiet_days + days };
        let (shape, level) = (self.shape(moment) * seen.coverage, self.higher().value());
        let young = self.buckets < LEARNING_BUCKETS;
        let (up, down) = if young { (1.0, 1.0) } else { (robust(raw), robust(-below.max(1e-300).ln())) };
        // A rise that several buckets share teaches little until it lasts long enough to be a shift.
        let weight = up.min(down) * 0.1_f64.powf(((trend - 2.5) / 2.0).clamp(0.0, 1.0));
        self.learn_dispersion(seen, belief, days);
        let rate = (belief.mean / days.max(1e-9)).max(1e-6);
        let life = (LEVEL_EVENTS / rate).clamp(LEVEL_LIFE.0, LEVEL_LIFE.1);
        self.level.learn(keep(life), seen.failed, shape, weight);
        self.slow.learn(keep(life.max(SLOW_LIFE)), seen.failed, shape, up);
        self.recent.learn(keep(RECENT_LIFE), seen.failed, shape, 1.0);
        if let Some(established) = seen.established {
            self.odds.learn(keep(LEVEL_LIFE.1), seen.failed, established, weight);
        }
        if !young {
            self.tail.learn(raw);
        }
        self.learn_shift(raw, below, days);
        self.learn_profile(moment, seen, weight, level.max(1e-6));
    }

    fn learn_dispersion(&mut self, seen: &Observation, belief: &Belief, days: f64) {
        if self.shift.0.max(self.shift.1) > 0.25 {
            // Off for long: the level is wrong, not the spread.
            return;
        }
        let (mean, keep) = (belief.mean, 0.5_f64.powf(days / DISPERSION_LIFE));
        let variance = mean + self.dispersion() * mean * mean;
        // What the model itself holds to be about one in a thousand: the more counts disperse, the longer their tail. A
        // lower cap takes busy bursts for nothing, and the next ones for surprises.
        let square = (seen.failed - mean).powi(2).min(9.0 * 2.0_f64.mul_add(self.dispersion(), 1.0) * variance);
        let share = mean * mean / (variance * variance);
        if mean > 0.5 {
            self.regularity.0 = (self.regularity.0 - REGULAR).mul_add(keep, square / mean) + REGULAR;
            self.regularity.1 = (self.regularity.1 - REGULAR).mul_add(keep, 1.0) + REGULAR;
        }
        self.dispersion.0 = (self.dispersion.0 - 0.1).max(0.0).mul_add(keep, share * (square - mean)).max(0.0) + 0.1;
        self.dispersion.1 = (self.dispersion.1 - 1.0).max(0.0).mul_add(keep, share * mean * mean) + 1.0;
    }

    /// Over half of the last day beyond the usual on one side: the level is another one now.
    fn learn_shift(&mut self, raw: f64, below: f64, days: f64) {
        let side = |flag: bool, mean: &mut f64, length: f64| {
            *mean += (days / length).min(1.0) * (f64::from(u8::from(flag)) - *mean);
        };
        side(raw > -SHIFT_P.ln(), &mut self.shift.0, 0.7);
        side(below < SHIFT_P, &mut self.shift.1, 0.18);
        self.under = if self.level.value() < UNDER * self.slow.value() { self.under + days } else { 0.0 };
        if self.under > UNDER_DAYS {
            self.slow.adopt(self.level.value(), 30.0);
        }
        if self.shift.0 > 0.5 {
            let level = self.recent.value();
            self.level.adopt(level, 30.0);
            self.slow.adopt(level, 30.0);
            self.windows.iter_mut().for_each(Window::reset);
            self.shift.0 = 0.0;
        } else if self.shift.1 > 0.5 {
            self.level.adopt(self.recent.value(), 30.0);
            self.shift.1 = 0.0;
        }
    }

    fn learn_profile(&mut self, moment: &Moment, seen: &Observation, weight: f64, level: f64) {
        if self.profile.is_none() && self.events >= PROFILE_EVENTS {
            let flat = Profile::flat((self.buckets - 1.0).min(14.0 / moment.days.max(1e-9)));
            self.profile = Some(Box::new(flat));
            self.until_fit = if self.days < 1.0 { 1.0 - self.days + moment.days + self.until_fit } else { 0.0 };
        }
        let (days, events, dispersion) = (self.days, self.events, self.dispersion());
        let Some(profile) = &mut self.profile else { return };
        profile.learn(moment, seen.failed / seen.coverage.max(0.1) / level, weight);
        self.until_fit -= moment.days;
        if self.until_fit <= 0.0 {
            self.until_fit = 1.0;
            let factor = profile.refit(level, dispersion, days, events);
            for level in [&mut self.level, &mut self.slow, &mut self.recent] {
                level.rescale(factor);
            }
        }
    }
}

/// How much a bucket teaches: all of it up to a surprise of 1 in 1,000, next to nothing from 1 in 100,000 on.
fn robust(surprise: f64) -> f64 {
    const USUAL: f64 = 6.907_755;
    const ODD: f64 = 11.512_925;
    if surprise <= USUAL {
        return 1.0;
    }
    let share = ((surprise - USUAL) / (ODD - USUAL)).min(1.0);
    0.02_f64.powf(share)
}
