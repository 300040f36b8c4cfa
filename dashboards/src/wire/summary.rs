//! The state of things in one sentence and a few numbers.

use analytics::{JobState, JobStatus};
use chrono::DateTime;
use chrono_tz::Tz;
use jobs::sentence::{grouped, quantity, series_label};
use jobs::{AnomalyRecord, BucketResult, Severity};
use serde::Serialize;
use utoipa::ToSchema;

use super::anomaly::Anomaly;
use crate::state::JobSettings;
use crate::time::TimeRange;

/// The state of things over a time range.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// In one sentence.
    pub sentence: String,
    /// Anomalies by severity.
    pub counts: SeverityCounts,
    /// TCP sessions checked.
    pub sessions: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Series that are modelled.
    pub series: u64,
    /// Start of the last bucket that was scored, ms since the epoch.
    #[schema(required)]
    pub last_bucket: Option<i64>,
    /// The anomaly with the highest score.
    #[schema(required)]
    pub worst: Option<Anomaly>,
    /// What kind of sentence it is.
    pub state: SummaryState,
    /// What the model still waits for.
    #[schema(required)]
    pub learning: Option<String>,
}

/// What there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SummaryState {
    /// No session.
    Empty,
    /// Sessions, and not enough of them for a model.
    Learning,
    /// Nothing unusual.
    Quiet,
    /// Something unusual.
    Anomalies,
}

/// Anomalies by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeverityCounts {
    /// From 75.
    pub critical: u64,
    /// From 50.
    pub major: u64,
    /// From 25.
    pub minor: u64,
    /// From 3.
    pub warning: u64,
}

/// What a summary is made of.
pub struct Facts<'a> {
    /// Anomalies of the range, by falling score.
    pub anomalies: &'a [AnomalyRecord],
    /// Buckets of the range.
    pub buckets: &'a [BucketResult],
    /// Jobs of the perspectives asked for.
    pub statuses: &'a [JobStatus],
    /// Whether the range holds any session.
    pub any_session: bool,
    /// TCP sessions that pass the filter, where there is one.
    pub passed: Option<Passed>,
    /// The range.
    pub range: TimeRange,
    /// Now, ms since the epoch.
    pub now: i64,
}

/// TCP sessions whose outcome is known and that pass a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// All of them.
    pub sessions: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Summary {
    /// Sums the facts up.
    pub fn of(facts: &Facts<'_>, settings: &JobSettings) -> Self {
        let counts = SeverityCounts::of(facts.anomalies);
        let worst = facts.anomalies.iter().find(|record| record.record_score.severity() > Severity::Low);
        let checked = Passed {
            sessions: facts.buckets.iter().map(|bucket| bucket.event_count).sum(),
            failed: facts.buckets.iter().map(|bucket| bucket.failed_count).sum(),
        };
        let filtered = facts.passed.is_some();
        let Passed { sessions, failed } = facts.passed.unwrap_or(checked);
        let learning = learning(facts.statuses);
        let state = match worst {
            Some(_) => SummaryState::Anomalies,
            None if facts.buckets.is_empty() && !facts.any_session => SummaryState::Empty,
            None if filtered && sessions == 0 => SummaryState::Empty,
            None if facts.buckets.is_empty() || learning.is_some() => SummaryState::Learning,
            None => SummaryState::Quiet,
        };
        let span = span(facts.range, facts.now, settings.time_zone);
        let sentence = match (state, worst) {
            (SummaryState::Anomalies, Some(worst)) => {
                let passing = if filtered { " that pass the filter" } else { "" };
                format!("{}{passing} {span}; worst: {}", counts.words(), headline(worst))
            }
            (SummaryState::Empty, _) if filtered && facts.any_session => format!("no session passes the filter {span}"),
            (SummaryState::Empty, _) => format!("no sessions {span}"),
            (SummaryState::Learning, _) => match &learning {
                Some(what) => format!("learning: {what}"),
                None => "learning: the first bucket is not complete yet".to_owned(),
            },
            _ if filtered => {
                format!("quiet: {} sessions pass the filter {span}, nothing unusual", compact(sessions))
            }
            _ => format!("quiet: {} sessions checked {span}, nothing unusual", compact(sessions)),
        };
        Self {
            sentence,
            counts,
            sessions,
            failed,
            series: facts.statuses.iter().map(|status| status.series).sum(),
            last_bucket: facts.statuses.iter().filter_map(|status| status.last_bucket).max(),
            worst: worst.map(|record| Anomaly::of(record, settings)),
            state,
            learning,
        }
    }
}

/// What is waited for, when no job scores yet.
fn learning(statuses: &[JobStatus]) -> Option<String> {
    if statuses.iter().any(|status| status.state == JobState::Running) {
        return None;
    }
    statuses.iter().find_map(|status| status.learning.clone())
}

impl SeverityCounts {
    fn of(records: &[AnomalyRecord]) -> Self {
        let mut counts = Self::default();
        for record in records {
            match record.record_score.severity() {
                Severity::Critical => counts.critical += 1,
                Severity::Major => counts.major += 1,
                Severity::Minor => counts.minor += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Low => {}
            }
        }
        counts
    }

    /// "3 critical and 1 major": the two highest severities that occur.
    fn words(self) -> String {
        let bands = [
            (self.critical, "critical", "critical"),
            (self.major, "major", "major"),
            (self.minor, "minor", "minor"),
            (self.warning, "warning", "warnings"),
        ];
        let words = |(count, one, many)| format!("{} {}", grouped(count), if count == 1 { one } else { many });
        let found: Vec<String> = bands.into_iter().filter(|band| band.0 > 0).take(2).map(words).collect();
        found.join(" and ")
    }
}

/// "10.2.0.7:443 refused, 46x typical".
fn headline(record: &AnomalyRecord) -> String {
    let label = series_label(&record.series, record.service.as_deref());
    let outcome = record.outcomes.iter().max_by_key(|part| part.count);
    let what = outcome.map_or_else(|| "failed".to_owned(), |part| part.outcome.as_str().replace('_', " "));
    let (actual, typical) = (record.actual, record.expected.typical);
    let compared = if !record.explanation.spike {
        format!("{} where {} is typical", quantity(actual), quantity(typical))
    } else if typical >= 0.5 {
        format!("{}x typical", quantity(actual / typical))
    } else {
        format!("{} where hardly any is typical", quantity(actual))
    };
    format!("{label} {what}, {compared}")
}

/// "in the last 24 h", or from when to when.
fn span(range: TimeRange, now: i64, zone: Tz) -> String {
    const MINUTE: i64 = 60_000;
    let length = range.to - range.from;
    if (now - range.to).abs() <= 2 * MINUTE {
        let minutes = (length + MINUTE / 2) / MINUTE;
        return match minutes {
            0..=1 => "in the last minute".to_owned(),
            2..=119 => format!("in the last {minutes} min"),
            120..=2880 => format!("in the last {} h", (minutes + 30) / 60),
            _ => format!("in the last {} days", (minutes + 720) / 1440),
        };
    }
    let told = |millis, form| {
        let time = DateTime::from_timestamp_millis(millis);
        time.map_or_else(|| millis.to_string(), |time| time.with_timezone(&zone).format(form).to_string())
    };
    format!("from {} to {}", told(range.from, "%Y-%m-%d %H:%M"), told(range.to, "%Y-%m-%d %H:%M %Z"))
}

/// "1.2 M", "34.5 k", "812".
fn compact(number: u64) -> String {
    let scaled = |unit: f64| (number as f64 / unit * 10.0).round() / 10.0;
    match number {
        0..10_000 => number.to_string(),
        10_000..999_950 => format!("{} k", scaled(1e3)),
        999_950..999_950_000 => format!("{} M", scaled(1e6)),
        _ => format!("{} G", scaled(1e9)),
    }
}
