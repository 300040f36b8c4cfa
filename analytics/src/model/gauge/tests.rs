//! Behaviour of the real-valued model on made-up series.

mod shapes;

use proptest::prelude::*;

use super::*;
use crate::model::Calendar;
use crate::testing::noise;

const START: i64 = 1_762_128_000;

/// Nearly normal noise of unit deviation.
fn normal(seed: u64) -> f64 {
    (0..12_u64).map(|part| noise(seed * 12 + part, 10_000) as f64 / 10_000.0).sum::<f64>() - 6.0
}

fn run(span: u32, side: Side, n: usize, value: impl Fn(usize) -> f64) -> Vec<Gauged> {
    let calendar = Calendar::new(chrono_tz::Tz::UTC, span);
    let mut gauge = Gauge::new(span, side);
    (0..n).map(|at| gauge.observe(&calendar.moment(START + at as i64 * i64::from(span)), value(at))).collect()
}

fn daily(at: usize, span: u32) -> f64 {
    (at as f64 * f64::from(span) / 86_400.0 * std::f64::consts::TAU).sin()
}

#[test]
fn a_spike_and_a_dip_stand_out_at_every_scale() {
    for (scale, offset) in [(1.0, 0.0), (1e-9, 1e-7), (1e12, -5e12), (0.01, 1e3)] {
        let value = |at: usize| {
            let extra = match at {
                3_000 => 12.0,
                3_500 => -12.0,
                _ => 0.0,
            };
            offset + scale * (3.0 * daily(at, 300) + normal(at as u64) + extra)
        };
        let both = run(300, Side::Both, 4_000, value);
        assert!(both[3_000].score >= 75.0 && both[3_500].score >= 75.0, "{scale}: {:?} {:?}", both[3_000], both[3_500]);
        let others = both.iter().enumerate().filter(|(at, g)| ![3_000, 3_500].contains(at) && g.score >= 50.0).count();
        assert!(others == 0, "{scale}: {others}");
        let high = run(300, Side::High, 4_000, value);
        assert!(high[3_000].score >= 75.0 && high[3_500].score < 3.0);
        let low = run(300, Side::Low, 4_000, value);
        assert!(low[3_000].score < 3.0 && low[3_500].score >= 75.0);
    }
}

#[test]
fn a_usual_value_at_an_unusual_time_stands_out() {
    let value = |at: usize| {
        let day = if (5_000..5_012).contains(&at) { 1.0 } else { daily(at, 300) };
        10.0 * day + 0.3 * normal(at as u64)
    };
    // At 5,000 the sine is not near its top.
    assert!(daily(5_000, 300) < 0.8);
    let found = run(300, Side::Both, 5_300, value);
    assert!(found[5_000..5_012].iter().any(|g| g.score >= 75.0));
    assert!(found[1_000..5_000].iter().all(|g| g.score < 75.0));
}

#[test]
fn on_the_first_day_what_is_unusual_is_told_with_care() {
    // The evening of a day whose rhythm nobody has seen yet, and a spike in it.
    let value = |at: usize| {
        let evening = if at % 288 > 180 { 40.0 } else { 0.0 };
        evening + normal(at as u64) + if at == 250 { 500.0 } else { 0.0 }
    };
    let found = run(300, Side::Both, 288 * 6, value);
    assert!(found[..288].iter().all(|g| g.score < 50.0));
}

#[test]
fn the_first_weekend_is_told_with_care_and_the_second_not() {
    // Monday 00:00 is the start; Saturdays are quiet, but for the third one.
    let value = |at: usize| {
        let quiet = at / 288 % 7 == 5 && at / 288 != 19;
        20.0 + if quiet { 0.1 } else { 1.0 } * 10.0 * daily(at, 300) + normal(at as u64)
    };
    let found = run(300, Side::Both, 288 * 21, value);
    let alarms = |day: usize| found[day * 288..(day + 1) * 288].iter().filter(|g| g.score >= 50.0).count();
    assert!(alarms(5) < 6, "{}", alarms(5));
    assert!((6..12).map(alarms).sum::<usize>() < 6);
    assert!(alarms(19) > 0);
}

#[test]
fn a_trend_under_noise_that_lingers_is_no_anomaly_when_the_week_is_over() {
    let mut last = 0.0;
    let lingering: Vec<f64> = (0..288 * 9)
        .map(|at| {
            last = 0.8 * last + normal(at as u64);
            50.0 + 0.01 * f64::from(at) + last
        })
        .collect();
    let found = run(300, Side::Both, lingering.len(), |at| lingering[at]);
    let week = &found[288 * 6 + 200..288 * 8];
    assert!(week.iter().all(|g| g.score < 50.0), "{:?}", week.iter().map(|g| g.score).fold(0.0, f64::max));
}

#[test]
fn a_new_level_is_told_once_and_adopted() {
    let value = |at: usize| if at < 2_000 { 0.0 } else { 20.0 } + normal(at as u64);
    let found = run(300, Side::Both, 4_000, value);
    assert!(found[2_000].score >= 75.0);
    // An episode of an hour, not the rest of the day.
    assert!(found[2_013..].iter().all(|g| g.score < 50.0));
}

#[test]
fn a_level_that_comes_back_is_no_news() {
    let value = |at: usize| if (2_000..2_100).contains(&at) { 20.0 } else { 0.0 } + normal(at as u64);
    let found = run(300, Side::Both, 3_000, value);
    assert!(found[2_000].score >= 75.0);
    assert!(found[2_013..].iter().all(|g| g.score < 50.0));
}

#[test]
fn a_period_of_its_own_is_learnt() {
    let beat = |at: usize| if at % 77 < 5 { 9.0 } else { 0.0 };
    let value = |at: usize| if (3_003..3_020).contains(&at) { 0.0 } else { beat(at) } + 0.2 * normal(at as u64);
    assert!(beat(3_003) > 0.0);
    let found = run(60, Side::Both, 4_000, value);
    assert!(found[3_003].score >= 75.0, "{:?}", found[3_003]);
    let alarms = found[1_500..3_000].iter().filter(|g| g.score >= 50.0).count();
    assert!(alarms == 0, "{alarms}");
}

#[test]
fn a_trend_is_no_anomaly() {
    let found = run(3_600, Side::Both, 1_500, |at| at as f64 * 0.5 + normal(at as u64) + 4.0 * daily(at, 3_600));
    assert!(found[200..].iter().all(|g| g.score < 50.0));
}

#[test]
fn a_sensor_that_is_stuck_stands_out_and_a_flat_line_does_not() {
    let found = run(300, Side::Both, 1_100, |at| if at < 1_000 { normal(at as u64) } else { 0.1 });
    assert!(found[1_020].score >= 50.0, "{:?}", found[1_020]);
    let flat = run(300, Side::Both, 1_000, |_| 7.0);
    assert!(flat.iter().all(|g| g.score == 0.0));
    let step = run(300, Side::Both, 1_000, |at| if at == 900 { 8.0 } else { 7.0 });
    assert!(step[900].score >= 75.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn whatever_comes_scores_are_finite(values in proptest::collection::vec(
        prop_oneof![6 => -10.0..10.0_f64, 1 => Just(0.0), 1 => -1e300..1e300_f64, 1 => -1e-300..1e-300_f64], 60..400)) {
        let all = run(300, Side::Both, values.len(), |at| values[at]);
        for gauged in &all {
            prop_assert!(gauged.score.is_finite() && (0.0..=100.0).contains(&gauged.score), "{gauged:?}");
            prop_assert!(!gauged.expected.typical.is_nan());
        }
        let first = run(300, Side::Both, values.len() / 2, |at| values[at]);
        prop_assert_eq!(&first[..], &all[..values.len() / 2]);
    }
}
