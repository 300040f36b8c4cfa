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
        let day = Duration::from_secs(86_400);
        // Days are days: months have no length of their own.
        if self.0 >= day && self.0.as_nanos() % day.as_nanos() == 0 {
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
