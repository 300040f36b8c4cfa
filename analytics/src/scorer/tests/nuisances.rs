//! What is no incident makes no alarm: a clock change, a holiday, deploys, a gap of the collector.

use chrono::{Datelike, NaiveDate, Timelike};

use super::*;

/// Monday 2025-09-22, midnight in Stockholm; clocks go back on 2025-10-26.
const START: i64 = 1_758_492_000;
const BUCKETS: i64 = 96 * 49;
/// Three weeks to learn in.
const LEARNT: i64 = START + 21 * 86_400;

type Local = chrono::DateTime<Tz>;

/// An office, a nightly job of three quarter hours, and something that never changes.
fn rate(series: u32, local: &Local) -> f64 {
    let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
    match series {
        0 if local.weekday().num_days_from_monday() >= 5 => 2.0,
        0 => 2.0 + 18.0 * (-0.5 * ((hour - 13.0) / 2.5).powi(2)).exp(),
        1 if local.hour() == 2 && local.minute() < 45 => 60.0,
        1 => 1.0,
        _ => 8.0,
    }
}

/// The two highest scores of each series after the time to learn, where `change` says by what a bucket's rate is multiplied, or
/// that the bucket is missing.
fn highest(change: impl Fn(i64, &Local) -> Option<f64>) -> [[f64; 2]; 3] {
    let zone = chrono_tz::Europe::Stockholm;
    let mut rows = Vec::new();
    for bucket in 0..BUCKETS {
        let time = START + bucket * 900;
        let local = chrono::DateTime::from_timestamp(time, 0).unwrap().with_timezone(&zone);
        let Some(factor) = change(bucket, &local) else { continue };
        for series in 0..3 {
            let mean = factor * rate(series, &local);
            let place = (bucket.cast_unsigned() * 3 + u64::from(series)) * 12;
            let normal = (0..12).map(|part| noise(place + part, 1_000) as f64 / 1_000.0).sum::<f64>() - 6.0;
            rows.push(row(time, series, (mean + normal * mean.sqrt()).round().max(0.0)));
        }
    }
    let groups = vec![0, 1, 2];
    let settings = ScorerSettings { time_zone: zone, groups, ..settings("high_count", 900) };
    let mut highest = [[0.0_f64; 2]; 3];
    for scored in score_table(rows, &settings).unwrap().iter().filter(|scored| scored.time >= LEARNT * 1000) {
        let [most, second] = &mut highest[scored.series as usize];
        *second = second.max(scored.score.min(*most));
        *most = most.max(scored.score);
    }
    highest
}

/// No alarm (75: one bucket in half a million), and no more than chance makes of 2,700 buckets with noise (50: one in a hundred
/// thousand, so twice in one series is no chance).
fn quiet(scores: [[f64; 2]; 3]) {
    assert!(scores.iter().all(|[most, second]| *most < 75.0 && *second < 50.0), "{scores:?}");
}

#[test]
fn a_clock_change_is_none() {
    quiet(highest(|_, _| Some(1.0)));
}

#[test]
fn a_holiday_and_the_day_after_are_none() {
    let holidays = [NaiveDate::from_ymd_opt(2025, 10, 22).unwrap(), NaiveDate::from_ymd_opt(2025, 10, 31).unwrap()];
    quiet(highest(|_, local| Some(if holidays.contains(&local.date_naive()) { 0.2 } else { 1.0 })));
}

#[test]
fn a_weekly_deploy_is_none() {
    let deploy = |local: &Local| (local.weekday().num_days_from_monday(), local.hour(), local.minute()) == (1, 14, 0);
    quiet(highest(|_, local| Some(if deploy(local) { 1.5 } else { 1.0 })));
}

#[test]
fn a_gap_of_the_collector_is_none() {
    let missing = |bucket: i64| (96 * 30..96 * 30 + 40).contains(&bucket) || (96 * 37..96 * 37 + 5).contains(&bucket);
    quiet(highest(|bucket, _| (!missing(bucket)).then_some(1.0)));
}
