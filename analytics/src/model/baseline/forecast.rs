//! What to expect of buckets to come.

use jobs::Expectation;

use super::{Baseline, LEVEL_EVENTS, LEVEL_LIFE, PROFILE_VARIANCE};
use crate::model::belief::Belief;
use crate::model::calendar::Moment;

impl Baseline {
    /// What to expect of the bucket at `moment`, which lies `ahead` days after the last one that was observed.
    ///
    /// The interval widens with the distance: the filter forgets what it knows of the level at the rate at which levels
    /// have been seen to move (West and Harrison 1997, discount factors).
    pub fn forecast(&self, moment: &Moment, ahead: f64) -> Expectation {
        let level = self.higher();
        let mean = (self.shape(moment) * level.value()).max(1e-9);
        let rate = (mean / moment.days.max(1e-9)).max(1e-6);
        let life = (LEVEL_EVENTS / rate).clamp(LEVEL_LIFE.0, LEVEL_LIFE.1);
        let mut later = level.clone();
        later.learn(0.5_f64.powf(ahead.max(0.0) / life), 0.0, 0.0, 0.0);
        // A level is not known to have moved by more than a few times, however far ahead.
        let moved = later.uncertainty().min(level.uncertainty().max(1.0));
        let dispersion = self.dispersion() + moved + self.unknown(moment, PROFILE_VARIANCE);
        let packet = self.packet();
        Belief { mean, dispersion: dispersion * packet, packet }.interval()
    }
}
