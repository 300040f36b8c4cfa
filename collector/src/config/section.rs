//! One description of each configuration table: fields, defaults and documentation together.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the reference says of one table.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Table name.
    pub table: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its keys with their documentation.
    pub keys: &'static [(&'static str, &'static str)],
}

/// Declares a configuration table: the struct, its defaults and its part of the reference.
macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident = $table:literal {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr,)*
    }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// This table's part of the configuration reference.
            pub const REFERENCE: $crate::config::section::Section = $crate::config::section::Section {
                table: $table,
                about: concat!($($about, "\n",)+),
                keys: &[$((stringify!($field), concat!($($doc, "\n",)+)),)*],
            };
        }
    };
}
pub(crate) use section;

/// A time span, written `15m`, `1h 30m`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl std::str::FromStr for Span {
    type Err = humantime::DurationError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text).map(Self)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let day = Duration::from_hours(24);
        // Days are days: months have no length of their own.
        if self.0 >= day && self.0.as_nanos().is_multiple_of(day.as_nanos()) {
            return write!(f, "{}d", self.0.as_secs() / day.as_secs());
        }
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?} is no time span such as 15m: {error}")))
    }
}

/// A number of bytes, written `400MB`, `20GiB`, or as a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Units of [`Size`].
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
];

impl std::str::FromStr for Size {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "expected a number of bytes such as 400MB, 20GiB or 1000000";
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
        let factor = if matches!(unit, "" | "B") { Some(1) } else { factor };
        let number = number.parse::<u64>().map_err(|_| WRONG)?;
        factor.and_then(|factor| number.checked_mul(factor)).map(Self).ok_or(WRONG)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The unit in which the number is shortest, so that what a person wrote comes back: 400MB is whole KiB too.
        let whole = UNITS.iter().filter(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        match whole.max_by_key(|(_, factor)| *factor) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A number, or text with a unit.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(bytes) => Ok(Self(bytes)),
            Form::Text(text) => text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?}: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        let size = |text: &str| text.parse::<Size>().ok().map(|size| size.0);
        assert_eq!(size("400MB"), Some(400_000_000));
        assert_eq!(size(" 2 gib"), Some(2 << 30));
        assert_eq!(size("17"), Some(17));
        for wrong in ["", "MB", "-1", "1.5GB", "4 parsecs", "99999999999TiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        for shown in ["0", "17", "400MB", "2GiB", "1001kB"] {
            assert_eq!(shown.parse::<Size>().unwrap().to_string(), shown);
        }
    }
}
