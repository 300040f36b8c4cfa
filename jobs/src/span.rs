//! Durations in Elasticsearch's notation: `15m`, `450s`, `14d`.
//!
//! Must not know what they are used for.

use std::fmt;
use std::str::FromStr;

/// A duration as written: a whole number and a unit. `90s` and `1500ms` stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    value: u64,
    unit: Unit,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Nanos,
    Micros,
    Millis,
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl Unit {
    const ALL: [Self; 7] =
        [Self::Nanos, Self::Micros, Self::Millis, Self::Seconds, Self::Minutes, Self::Hours, Self::Days];

    const fn symbol(self) -> &'static str {
        match self {
            Self::Nanos => "nanos",
            Self::Micros => "micros",
            Self::Millis => "ms",
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
            Self::Days => "d",
        }
    }

    const fn nanos(self) -> u64 {
        match self {
            Self::Nanos => 1,
            Self::Micros => 1_000,
            Self::Millis => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60 * 1_000_000_000,
            Self::Hours => 3_600 * 1_000_000_000,
            Self::Days => 86_400 * 1_000_000_000,
        }
    }
}

impl Span {
    /// So many seconds.
    pub const fn seconds(value: u64) -> Self {
        Self { value, unit: Unit::Seconds }
    }

    /// So many minutes.
    pub const fn minutes(value: u64) -> Self {
        Self { value, unit: Unit::Minutes }
    }

    /// So many hours.
    pub const fn hours(value: u64) -> Self {
        Self { value, unit: Unit::Hours }
    }

    /// So many days.
    pub const fn days(value: u64) -> Self {
        Self { value, unit: Unit::Days }
    }

    /// Length in nanoseconds; cannot overflow.
    pub const fn as_nanos(self) -> u128 {
        self.value as u128 * self.unit.nanos() as u128
    }

    /// Length in whole seconds, rounded down.
    pub const fn as_seconds(self) -> u64 {
        (self.as_nanos() / 1_000_000_000) as u64
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.value, self.unit.symbol())
    }
}

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: expected a whole number and d, h, m, s, ms, micros or nanos")]
pub struct NoSpan(pub String);

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (value, symbol) = text.split_at(digits);
        let value = value.parse().map_err(|_| NoSpan(text.to_owned()))?;
        if value == 0 && symbol.is_empty() {
            return Ok(Self { value, unit: Unit::Seconds });
        }
        let unit = Unit::ALL.into_iter().find(|unit| unit.symbol() == symbol);
        unit.map(|unit| Self { value, unit }).ok_or_else(|| NoSpan(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_read() {
        for text in ["15m", "450s", "14d", "1500ms", "0s", "3h", "7micros", "9nanos"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("15m".parse::<Span>().unwrap().as_seconds(), 900);
        assert_eq!("0".parse::<Span>().unwrap().as_nanos(), 0);
    }

    #[test]
    fn refused() {
        for text in ["", "m", "15", "1.5h", "-1", "15 m", "15M", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
