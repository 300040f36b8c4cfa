//! Where things lie under the store's root. The only place that knows path forms.
//!
//! `sessions/date=YYYY-MM-DD/hour=HH/<collector>-<ulid>.parquet` by the session's `end` in UTC; unfinished files
//! under `tmp/`, on the same file system, so that finishing one is a rename.

use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate};
use tracker::Micros;

/// Microseconds of an hour.
pub const HOUR: Micros = 3_600_000_000;

/// Last moment (2200-01-01) that a session may bear; exporters with a broken clock go beyond.
pub const LATEST: Micros = 7_258_118_400_000_000;

/// Folder of the session files.
pub const SESSIONS: &str = "sessions";
/// Folder of the per-bucket counts.
pub const COUNTS: &str = "counts";
/// Folder of what the model expected of each series and bucket.
pub const PLOTS: &str = "plots";
/// Folder of the results.
pub const RESULTS: &str = "results";
/// Folder of the hourly roll-ups.
pub const HOURS: &str = "hours";
/// Folder of the daily roll-ups.
pub const DAYS: &str = "days";
/// Folder of the model snapshots.
pub const MODELS: &str = "models";
/// Folder of unfinished files.
pub const TEMPORARY: &str = "tmp";

/// Number of the hour (since the epoch) that a moment lies in.
pub const fn hour_of(time: Micros) -> i64 {
    time.div_euclid(HOUR)
}

/// `date=YYYY-MM-DD` of an hour since the epoch.
pub fn date_folder(hour: i64) -> String {
    let date = DateTime::from_timestamp(hour * 3600, 0).unwrap_or_default();
    date.format("date=%Y-%m-%d").to_string()
}

/// `sessions/date=YYYY-MM-DD/hour=HH` of an hour since the epoch.
pub fn hour_folder(root: &Path, hour: i64) -> PathBuf {
    root.join(SESSIONS).join(date_folder(hour)).join(format!("hour={:02}", hour.rem_euclid(24)))
}

/// The day (since the epoch) that a `date=YYYY-MM-DD` folder name stands for.
pub fn parse_date_folder(name: &str) -> Option<i64> {
    let date = NaiveDate::parse_from_str(name.strip_prefix("date=")?, "%Y-%m-%d").ok()?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

/// The hour of the day that an `hour=HH` folder name stands for.
pub fn parse_hour_folder(name: &str) -> Option<i64> {
    name.strip_prefix("hour=")?.parse().ok().filter(|hour| (0..24).contains(hour))
}

/// A collector's id as it may appear in a file name.
pub fn file_prefix(collector: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let name: String = collector.chars().take(64).map(plain).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "collector".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_back() {
        let hour = hour_of(1_763_913_600_000_000 + 23 * HOUR + 5);
        assert_eq!(hour_folder(Path::new("/s"), hour).to_str(), Some("/s/sessions/date=2025-11-24/hour=15"));
        assert_eq!(parse_date_folder("date=2025-11-24"), Some(hour.div_euclid(24)));
        assert_eq!(parse_hour_folder("hour=15"), Some(hour.rem_euclid(24)));
        assert_eq!(parse_hour_folder("hour=24"), None);
        assert_eq!(parse_date_folder("date=2025-13-01"), None);
        assert_eq!(date_folder(-1), "date=1969-12-31");
    }

    #[test]
    fn collector_ids_become_safe_names() {
        assert_eq!(file_prefix("../a b/c"), "_a_b_c");
        assert_eq!(file_prefix(""), "collector");
        assert_eq!(file_prefix("nyc-1.lab"), "nyc-1.lab");
    }
}
