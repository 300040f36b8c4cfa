//! The wall clock. The only file that reads it; everything else takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use tracker::Micros;

/// Now, in microseconds since 1970-01-01T00:00:00Z; a clock set before that reads as 0.
pub fn now() -> Micros {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX))
}
