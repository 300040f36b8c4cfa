//! Times on the command line.

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use tracker::Micros;

/// Reads RFC 3339 (`2026-11-20T14:00:00Z`) or a date (its midnight, UTC).
pub fn parse(text: &str) -> anyhow::Result<Micros> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .with_context(|| format!("{text:?} is neither a time such as 2026-11-20T14:00:00Z nor a date"))?;
    let midnight = date.and_hms_opt(0, 0, 0).ok_or_else(|| anyhow!("{text:?} has no midnight"))?;
    Ok(midnight.and_utc().timestamp_micros())
}

/// Reads a time of a table, ms since the epoch: RFC 3339, a date with or without a time of day (UTC), or a number of
/// seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by its size.
pub fn of_table(text: &str) -> Option<i64> {
    const FORMS: [&str; 7] = [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
        "%Y/%m/%d %H:%M:%S%.f",
        "%Y/%m/%d %H:%M",
        "%Y-%m-%d %H:%M:%S%.f UTC",
    ];
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    if let Ok(number) = text.parse::<f64>() {
        return of_number(number);
    }
    let zoned = || DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok().map(|time| time.timestamp_millis());
    let naive = FORMS.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    naive.or_else(date).map(|time| time.and_utc().timestamp_millis()).or_else(zoned)
}

/// The time that a number means.
pub fn of_number(number: f64) -> Option<i64> {
    let millis = match number.abs() {
        size if size < 1e11 => number * 1e3,
        size if size < 1e14 => number,
        size if size < 1e17 => number / 1e3,
        size if size < 1e20 => number / 1e6,
        _ => return None,
    };
    // A bucket start must be a date.
    let millis = millis.round() as i64;
    DateTime::from_timestamp_millis(millis).map(|_| millis)
}

#[cfg(test)]
mod tests {
    use super::{of_table, parse};

    #[test]
    fn times_of_tables() {
        let noon = 1_763_640_000_000;
        for text in [
            "2025-11-20T12:00:00Z",
            "2025-11-20T13:00:00+01:00",
            "2025-11-20 12:00:00",
            "2025-11-20 12:00:00.000",
            "2025-11-20T12:00",
            "2025/11/20 12:00:00",
            "2025-11-20 13:00:00+01:00",
            " 1763640000 ",
            "1763640000.0",
            "1763640000000",
            "1763640000000000",
            "1763640000000000000",
        ] {
            assert_eq!(of_table(text), Some(noon), "{text}");
        }
        assert_eq!(of_table("2025-11-20"), Some(noon - 43_200_000));
        for text in ["", "noon", "NaN", "inf", "2025-13-01 00:00:00"] {
            assert_eq!(of_table(text), None, "{text}");
        }
    }

    #[test]
    fn both_forms() {
        assert_eq!(parse("1970-01-02").unwrap(), 86_400_000_000);
        assert_eq!(parse("1970-01-01T01:00:00+01:00").unwrap(), 0);
        assert!(parse("yesterday").unwrap_err().to_string().contains("yesterday"));
    }
}
