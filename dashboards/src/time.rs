//! Points in time as requests give them: RFC 3339, epoch milliseconds, or relative to now; and time zones.

use std::str::FromStr;

use chrono::DateTime;
use chrono_tz::Tz;
use tracker::Micros;

use crate::problem::Problem;

/// A point in time as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Milliseconds since the epoch.
    At(i64),
    /// So many milliseconds after now (before, where negative).
    FromNow(i64),
}

/// A time zone as given: an IANA name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneName(pub Tz);

impl FromStr for ZoneName {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.parse().map(Self).map_err(|_| "expected an IANA time zone such as \"Europe/Berlin\"")
    }
}

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time: expected RFC 3339, epoch milliseconds or a relative form such as \"now-24h\"")]
pub struct NoTime(String);

impl FromStr for When {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        let parsed = match text.strip_prefix("now") {
            Some(offset) => relative(offset).map(Self::FromNow),
            None => match text.parse::<i64>() {
                Ok(millis) => Some(Self::At(millis)),
                // A "+" of an offset that was not escaped in the query arrives as a space.
                Err(_) => DateTime::parse_from_rfc3339(&text.replace(' ', "+"))
                    .ok()
                    .map(|time| Self::At(time.timestamp_millis())),
            },
        };
        parsed.ok_or_else(|| NoTime(text.to_owned()))
    }
}

/// Offsets such as `-24h` or `-7d+30m`, in milliseconds. As above, `+` may have become a space.
fn relative(mut text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    while !text.is_empty() {
        let sign = match text.as_bytes()[0] {
            b'-' => -1,
            b'+' | b' ' => 1,
            _ => return None,
        };
        let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
        let amount: i64 = text[1..=digits].parse().ok()?;
        let rest = &text[1 + digits..];
        let unit = match rest.as_bytes().first()? {
            b's' => 1_000,
            b'm' => 60_000,
            b'h' => 3_600_000,
            b'd' => 86_400_000,
            b'w' => 7 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(amount.checked_mul(unit)?.checked_mul(sign)?)?;
        text = &rest[1..];
    }
    Some(total)
}

/// A time range: `from <= t < to`, milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First moment.
    pub from: i64,
    /// First moment after.
    pub to: i64,
}

const DEFAULT_LENGTH: i64 = 86_400_000;
/// Years 0001 to 9999 or so: what can be written as a date.
const LIMIT: i64 = 253_402_300_799_000;

impl TimeRange {
    /// The range between two points in time; the last 24 hours where they are absent.
    pub fn new(from: Option<When>, to: Option<When>, now: Micros) -> Result<Self, Problem> {
        let now = now.div_euclid(1000);
        let resolve = |when: When| match when {
            When::At(millis) => millis.clamp(-LIMIT, LIMIT),
            When::FromNow(offset) => now.saturating_add(offset).clamp(-LIMIT, LIMIT),
        };
        let to = to.map_or(now, resolve);
        let from = from.map_or(to - DEFAULT_LENGTH, resolve);
        if from >= to {
            return Err(Problem::bad_request("query parameter \"from\" must be before \"to\""));
        }
        Ok(Self { from, to })
    }

    /// Both ends in microseconds.
    pub const fn micros(self) -> (Micros, Micros) {
        (self.from.saturating_mul(1000), self.to.saturating_mul(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_773_151_200_000_000;

    fn at(text: &str) -> i64 {
        TimeRange::new(Some(text.parse().unwrap()), Some(When::FromNow(1)), NOW).unwrap().from
    }

    #[test]
    fn forms() {
        let now = NOW / 1000;
        assert_eq!(at("now"), now);
        assert_eq!(at("now-24h"), now - 86_400_000);
        assert_eq!(at("now-7d+30m"), now - 7 * 86_400_000 + 1_800_000);
        assert_eq!(at("now-7d 30m"), now - 7 * 86_400_000 + 1_800_000);
        assert_eq!(at("1773151200000"), 1_773_151_200_000);
        assert_eq!(at("2026-03-10T14:00:00Z"), 1_773_151_200_000);
        assert_eq!(at("2026-03-10T15:00:00.000+01:00"), 1_773_151_200_000);
        assert_eq!(at("2026-03-10T15:00:00 01:00"), 1_773_151_200_000);
    }

    #[test]
    fn refused() {
        let bad = [
            "",
            "yesterday",
            "now-",
            "now-h",
            "now-1",
            "now-1y",
            "now1h",
            "2026-03-10",
            "1.5",
            "nowä",
            "now-99999999999999999999h",
            "now-9223372036854775807w",
        ];
        for text in bad {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn ranges() {
        let range = TimeRange::new(None, None, NOW).unwrap();
        assert_eq!((range.from, range.to), (NOW / 1000 - 86_400_000, NOW / 1000));
        assert!(TimeRange::new(Some(When::At(5)), Some(When::At(5)), NOW).is_err());
        let far = TimeRange::new(Some(When::At(i64::MIN)), Some(When::At(i64::MAX)), NOW).unwrap();
        assert!(far.micros().0 < far.micros().1);
    }
}
