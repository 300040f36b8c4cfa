//! Shapes that real-valued series come in: sane scores on each, few false alarms, and what is wrong found.

use super::*;

/// Buckets per series and where the event is.
const LENGTH: usize = 2_400;
const EVENT: usize = 2_000;

/// A shape: its name, seconds per bucket, the value of a bucket, and how large an event is.
type Shape = (&'static str, u32, fn(usize) -> f64, f64);

fn uniform(at: usize) -> f64 {
    noise(at as u64 + 1_000_000, 1_000_000) as f64 / 1e6
}

fn unit(at: usize) -> f64 {
    normal(at as u64)
}

/// A beat with two humps.
fn beat(at: usize) -> f64 {
    let x = (at % 90) as f64;
    10.0 * (-0.5 * ((x - 20.0) / 2.0).powi(2)).exp() + 2.0 * (-0.5 * ((x - 50.0) / 6.0).powi(2)).exp()
}

/// On and off in stretches that differ from round to round.
fn switched(at: usize) -> f64 {
    let on = 20 + noise((at / 120) as u64, 60) as usize;
    if at % 120 < on { 10.0 } else { 0.0 }
}

const SHAPES: [Shape; 17] = [
    ("sawtooth", 300, |at| (at % 50) as f64 / 5.0 + 0.2 * unit(at), 6.0),
    ("beat", 60, |at| beat(at) + 0.15 * unit(at), 12.0),
    ("limited", 300, |at| (70.0 + 45.0 * daily(at, 300) + 4.0 * unit(at)).clamp(0.0, 100.0), 80.0),
    ("square", 300, |at| if at / 24 % 2 == 0 { 10.0 } else { 0.0 } + 0.3 * unit(at), 15.0),
    ("switched", 300, |at| switched(at) + 0.3 * unit(at), 60.0),
    ("temperature", 300, |at| 15.0 + 6.0 * daily(at, 300) + 0.2 * (unit(at) + unit(at - at % 3)), 15.0),
    ("hours", 3_600, |at| 100.0 + 20.0 * daily(at, 3_600) + 3.0 * unit(at), 60.0),
    ("days", 86_400, |at| if at % 7 < 5 { 50.0 } else { 10.0 } + unit(at), 20.0),
    ("negative", 300, |at| -500.0 + 100.0 * daily(at, 300) + 10.0 * unit(at), 200.0),
    ("tiny", 300, |at| 1e-6 * (5.0 + daily(at, 300) + 0.2 * unit(at)), 4e-6),
    ("huge", 300, |at| 1e12 * (5.0 + daily(at, 300) + 0.2 * unit(at)), 4e12),
    ("whole numbers", 300, |at| (20.0 + 2.0 * daily(at, 300) + 0.4 * unit(at)).round(), 10.0),
    ("long tails", 300, |at| 50.0 + (-2.0 * uniform(at).max(1e-9).ln()).sqrt() * unit(at), 60.0),
    ("steps of a day", 300, |at| if (108..216).contains(&(at % 288)) { 80.0 } else { 20.0 } + 2.0 * unit(at), 60.0),
    ("seconds", 1, |at| 3.0 + (at as f64 / 60.0 * std::f64::consts::TAU).sin() + 0.2 * unit(at), 4.0),
    ("constant", 300, |_| 7.0, 1.0),
    ("trend", 3_600, |at| 0.5 * at as f64 + 4.0 * unit(at), 80.0),
];

fn sane(name: &str, all: &[Gauged]) {
    for (at, gauged) in all.iter().enumerate() {
        let expected = gauged.expected;
        assert!((0.0..=100.0).contains(&gauged.score), "{name} {at}: {gauged:?}");
        assert!(expected.typical.is_finite(), "{name} {at}: {gauged:?}");
        assert!(expected.lower <= expected.typical && expected.typical <= expected.upper, "{name} {at}: {gauged:?}");
    }
}

#[test]
fn a_spike_and_a_dip_are_told_in_every_shape() {
    for (name, span, value, size) in SHAPES {
        for sign in [1.0, -1.0] {
            let all = run(span, Side::Both, LENGTH, |at| value(at) + if at == EVENT { sign * size } else { 0.0 });
            sane(name, &all);
            assert!(all[EVENT].score >= 50.0, "{name} {sign}: {:?}", all[EVENT]);
            let rest = all.iter().enumerate().skip(600).filter(|(at, _)| !(EVENT..EVENT + 12).contains(at));
            let alarms = rest.filter(|(_, gauged)| gauged.score >= 50.0).count();
            assert!(alarms <= 4, "{name}: {alarms}");
        }
    }
}

#[test]
fn a_new_level_is_one_episode_in_every_shape() {
    for (name, span, value, size) in SHAPES {
        let all = run(span, Side::Both, LENGTH, |at| value(at) + if at >= EVENT { size } else { 0.0 });
        sane(name, &all);
        assert!(all[EVENT..EVENT + 12].iter().any(|gauged| gauged.score >= 50.0), "{name}");
        let later = all[EVENT + 24..].iter().filter(|gauged| gauged.score >= 50.0).count();
        assert!(later <= 12, "{name}: {later}");
    }
}

#[test]
fn buckets_that_are_missing_are_no_news() {
    let calendar = Calendar::new(chrono_tz::Tz::UTC, 300);
    let mut gauge = Gauge::new(300, Side::Both);
    let mut alarms = 0;
    for at in 0..3_000_usize {
        if (1_200..1_350).contains(&at) || uniform(at) < 0.6 {
            gauge.skip();
            continue;
        }
        let gauged = gauge.observe(&calendar.moment(START + at as i64 * 300), 20.0 + 5.0 * daily(at, 300) + unit(at));
        alarms += usize::from(at > 600 && gauged.score >= 50.0);
    }
    assert!(alarms <= 2, "{alarms}");
}

#[test]
fn two_hundred_values_are_scored_and_the_odd_one_leads() {
    let all = run(3_600, Side::Both, 200, |at| 5.0 + unit(at) + if at == 150 { 12.0 } else { 0.0 });
    sane("short", &all);
    assert!(all[150].score >= 50.0);
    assert!(all.iter().enumerate().all(|(at, gauged)| at == 150 || gauged.score < 50.0));
}

#[test]
fn steps_of_a_random_walk_are_usual() {
    let mut level = 0.0;
    let walk: Vec<f64> = (0..LENGTH)
        .map(|at| {
            level += unit(at);
            level
        })
        .collect();
    let all = run(300, Side::Both, LENGTH, |at| walk[at] + if at == EVENT { 20.0 } else { 0.0 });
    sane("walk", &all);
    assert!(all[EVENT].score >= 50.0);
    let alarms = all.iter().enumerate().filter(|(at, gauged)| *at > EVENT + 12 && gauged.score >= 50.0).count();
    assert!(alarms <= 6, "{alarms}");
}
