//! Times on the command line.

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, NaiveDate};
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

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms() {
        assert_eq!(parse("1970-01-02").unwrap(), 86_400_000_000);
        assert_eq!(parse("1970-01-01T01:00:00+01:00").unwrap(), 0);
        assert!(parse("yesterday").unwrap_err().to_string().contains("yesterday"));
    }
}
