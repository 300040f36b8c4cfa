//! What a young profile cannot know yet: days of another kind than those it has seen, and how far one day is off.

use crate::model::calendar::{DAY_SLOTS, Moment};
use crate::model::persist::persist;

/// Days from which every day of the week was seen twice, and in which what is not known then fades.
const GROWN: f64 = 14.0;
const FADES: f64 = 14.0;
/// Relative variances of counts around a profile: where nothing was fitted yet, on the first Saturday, Sunday or working
/// day, on a day of a known kind that is new, and on one known from a single week.
const NOTHING: f64 = 0.3;
const OTHER_KIND: f64 = 0.2;
const SAME_KIND: f64 = 0.1;
const ONE_WEEK: f64 = 0.01;
/// What a fit to one day is off by, relative to the dispersion: some eight coefficients, of 96 buckets that linger.
const FITTED: f64 = 0.4;

/// Weekdays that are much alike.
const WORKING: u8 = 0b001_1111;

/// Weekdays that a profile was fitted to, Monday the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    weekdays: u8,
}

persist!(Known { weekdays });

impl Known {
    /// The days of the fit, counted from the common era, whose first day was a Monday.
    pub fn of(days: impl Iterator<Item = i64>) -> Self {
        Self { weekdays: days.fold(0, |mask, day| mask | 1 << (day - 1).rem_euclid(7)) }
    }

    /// How much more the counts of a bucket vary around the profile than around one of a grown series, relative to their
    /// squared mean, of a series that has been watched for so many days and disperses so much. All buckets of a day are
    /// off alike.
    pub fn variance(self, moment: &Moment, age_days: f64, dispersion: f64) -> f64 {
        if age_days >= GROWN {
            return ONE_WEEK * (1.0 - (age_days - GROWN) / FADES).max(0.0);
        }
        let today = 1 << (moment.slot / DAY_SLOTS % 7);
        let days = if self.weekdays == 0 {
            return NOTHING;
        } else if self.weekdays & today != 0 {
            ONE_WEEK
        } else if WORKING & today != 0 && self.weekdays & WORKING != 0 {
            SAME_KIND
        } else {
            OTHER_KIND
        };
        days + FITTED * dispersion / age_days
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Calendar;

    #[test]
    fn days_of_a_kind_not_seen_are_known_least() {
        // 1970-01-05 was a Monday.
        let calendar = Calendar::new(chrono_tz::UTC, 900);
        let day = |weekday: i64| calendar.moment((4 + weekday) * 86_400 + 36_000);
        let known = Known::of([day(0).day, day(1).day].into_iter());
        let of = |weekday, age| known.variance(&day(weekday), age, 0.0);
        assert_eq!([of(1, 2.0), of(2, 2.0), of(5, 5.0), of(6, 6.0)], [ONE_WEEK, SAME_KIND, OTHER_KIND, OTHER_KIND]);
        assert_eq!(
            (of(5, 21.0), of(5, 30.0), Known::default().variance(&day(1), 0.5, 0.0)),
            (ONE_WEEK / 2.0, 0.0, NOTHING)
        );
    }
}
