//! Behaviour of the model on made-up series.

use proptest::prelude::*;

use super::baseline::LEARNING_BUCKETS;
use super::persist::Persist;
use super::*;
use crate::testing::noise;

const START: i64 = 1_762_128_000;

fn calendar() -> Calendar {
    Calendar::new(chrono_tz::Europe::Stockholm, 900)
}

fn seen(failed: f64) -> Observation {
    Observation { failed, established: None, coverage: 1.0 }
}

/// Counts of a busy service: a working day, a quiet night, some noise.
fn count(bucket: i64) -> f64 {
    let hour = (bucket / 4).rem_euclid(24);
    let base = if (8..18).contains(&hour) { 20 } else { 4 };
    (base + noise(bucket.cast_unsigned(), 9)) as f64
}

fn feed(baseline: &mut Baseline, buckets: std::ops::Range<i64>, count: impl Fn(i64) -> f64) -> Vec<Scored> {
    let calendar = calendar();
    buckets.map(|bucket| baseline.observe(&calendar.moment(START + bucket * 900), &seen(count(bucket)))).collect()
}

#[test]
fn an_outage_stands_out_and_the_usual_does_not() {
    let mut baseline = Baseline::new();
    let usual = feed(&mut baseline, 0..2_000, count);
    let alarms = usual.iter().filter(|scored| scored.score >= 50.0).count();
    assert_eq!(alarms, 0, "{:?}", usual.iter().map(|s| s.score).fold(0.0, f64::max));
    assert!(usual[..LEARNING_BUCKETS as usize].iter().all(|scored| !scored.ready && scored.score == 0.0));
    let outage = feed(&mut baseline, 2_000..2_004, |bucket| count(bucket) + 150.0);
    assert!(
        outage.iter().all(|scored| scored.score >= 75.0),
        "{:?}",
        outage.iter().map(|s| s.score).collect::<Vec<_>>()
    );
    let after = feed(&mut baseline, 2_012..2_100, count);
    assert!(after.iter().all(|scored| scored.score < 50.0));
}

#[test]
fn the_first_week_is_quiet() {
    // From a Monday on, of a service that hardly anybody uses on weekends.
    let week = |bucket: i64| {
        if bucket.div_euclid(96).rem_euclid(7) >= 5 { (count(bucket) / 8.0).floor() } else { count(bucket) }
    };
    let mut baseline = Baseline::new();
    let scored = feed(&mut baseline, 0..96 * 7, week);
    let most = scored.iter().map(|scored| scored.score).fold(0.0, f64::max);
    assert!(most < 50.0, "{most}");
}

#[test]
fn a_tenfold_rise_is_seen_after_two_days_whatever_day_it_is() {
    for (hour, delay) in (0..168).flat_map(|hour| [(hour, 0.0), (hour, 0.5), (hour, 0.95)]) {
        let mut young = Baseline::new();
        young.delay_fit(delay);
        feed(&mut young, hour * 4..hour * 4 + 188, |_| 3.0);
        let outage = feed(&mut young, hour * 4 + 188..hour * 4 + 192, |_| 30.0);
        assert!(outage.iter().any(|scored| scored.score >= 75.0), "{hour} {delay} {outage:?}");
    }
}

#[test]
fn a_nightly_job_is_learnt() {
    let mut baseline = Baseline::new();
    let nightly =
        |bucket: i64| if bucket.rem_euclid(96) == 8 { 60.0 } else { (noise(bucket.cast_unsigned(), 3)) as f64 };
    let scored = feed(&mut baseline, 0..96 * 21, nightly);
    let last_week: Vec<_> = scored[96 * 14..].iter().filter(|s| s.score >= 25.0).collect();
    assert!(last_week.is_empty(), "{last_week:?}");
    let odd = feed(&mut baseline, 96 * 21..96 * 21 + 41, |b| if b == 96 * 21 + 40 { 60.0 } else { nightly(b) });
    assert!(odd[40].score >= 75.0, "{:?}", odd[40]);
}

#[test]
fn silence_before_and_gaps_are_not_zeros() {
    let calendar = calendar();
    let mut baseline = Baseline::new();
    feed(&mut baseline, 0..1_000, count);
    let before = baseline.expect(&calendar.moment(START + 1_100 * 900), None, 1.0);
    for _ in 1_000..1_100 {
        baseline.skip(900.0 / 86_400.0);
    }
    assert_eq!(baseline.expect(&calendar.moment(START + 1_100 * 900), None, 1.0), before);
}

#[test]
fn a_new_level_is_adopted() {
    let mut baseline = Baseline::new();
    feed(&mut baseline, 0..2_000, count);
    feed(&mut baseline, 2_000..2_192, |bucket| 4.0 * count(bucket));
    let settled = feed(&mut baseline, 2_192..2_600, |bucket| 4.0 * count(bucket));
    assert!(settled.iter().filter(|s| s.score >= 75.0).count() == 0);
}

#[test]
fn traffic_explains_failures_in_proportion() {
    let calendar = calendar();
    let mut baseline = Baseline::new();
    let observe = |baseline: &mut Baseline, bucket: i64, factor: f64| {
        let failed = (factor * count(bucket)).round();
        let seen = Observation { failed, established: Some(factor * 50.0 * count(bucket)), coverage: 1.0 };
        baseline.observe(&calendar.moment(START + bucket * 900), &seen)
    };
    for bucket in 0..1_500 {
        observe(&mut baseline, bucket, 1.0);
    }
    let mut blind = baseline.clone();
    assert!(observe(&mut baseline, 1_500, 4.0).score < 50.0);
    let alone = blind.observe(&calendar.moment(START + 1_500 * 900), &seen(4.0 * count(1_500) + 100.0));
    assert!(alone.score >= 75.0);
}

#[test]
fn many_small_rises_together_are_one_large_one() {
    let mut crowd = Crowd::default();
    let uniform = |bucket: u64, series: u64| -((noise(bucket * 1_000 + series, 10_000) as f64 + 0.5) / 10_000.0).ln();
    let usual = |bucket: u64| {
        (0..40).map(|series| vec![(uniform(bucket, series), uniform(bucket + 7, series))]).collect::<Vec<_>>()
    };
    let most = (0..2_000).map(|bucket| crowd.observe(&usual(bucket)).surprise).fold(0.0, f64::max);
    assert!(most < 12.0, "{most}");
    let scan: Vec<_> = (0..40).map(|series| if series < 15 { vec![(4.5, 4.5)] } else { vec![(0.5, 0.5)] }).collect();
    let found = crowd.observe(&scan);
    assert!(found.surprise > 15.0);
    let members: Vec<usize> = found.members.iter().map(|(group, _)| *group).collect();
    assert!(!members.is_empty() && members.iter().all(|group| *group < 15), "{members:?}");
}

#[test]
fn who_only_happens_to_rise_beside_others_is_not_named() {
    let mut crowd = Crowd::default();
    let rises = |series: usize| match series {
        0..4 => (9.0, 9.0),
        // One in fifty of forty series.
        4 => (4.0, 4.0),
        _ => (0.7, 0.7),
    };
    let found = crowd.observe(&(0..40).map(|series| vec![rises(series)]).collect::<Vec<_>>());
    assert_eq!(found.members, (0..4).map(|group| (group, 0)).collect::<Vec<_>>());
    // One series alone is no crowd.
    let alone: Vec<_> = (0..40).map(|series| vec![if series == 7 { (60.0, 60.0) } else { (0.7, 0.7) }]).collect();
    assert!(crowd.observe(&alone).surprise < 1.0);
}

#[test]
fn the_score_curve() {
    let digits = |digits: f64| score_of(digits * std::f64::consts::LN_10, 100.0);
    for (at, score) in
        [(0.5, 0.0), (1.3, 0.0), (3.0, 10.0), (4.0, 25.0), (5.0, 50.0), (5.7, 75.0), (12.0, 92.0), (300.0, 100.0)]
    {
        assert!((digits(at) - score).abs() < 1e-9, "{at}: {}", digits(at));
    }
    assert!(score_of(100.0, 2.0) <= 40.0);
}

#[test]
fn an_incident_does_not_move_the_threshold_and_what_goes_on_does() {
    let usual = |at: u64| -((noise(at, 100_000) + 1) as f64 / 100_001.0).ln();
    let mut tail = super::tail::Calibration::default();
    (0..2_000).for_each(|at| tail.learn(usual(at)));
    let before = tail.apply(14.0);
    assert!(before > 12.0, "{before}");
    let mut after = tail.clone();
    // Ten hours of alarm.
    (0..40).for_each(|_| after.learn(20.0));
    (2_000..2_010).for_each(|at| after.learn(usual(at)));
    assert!(after.apply(14.0) > before - 2.0, "{before} {}", after.apply(14.0));
    // Weeks of it are the usual.
    (0..2_000).for_each(|_| tail.learn(20.0));
    assert!(tail.apply(14.0) < 8.0, "{}", tail.apply(14.0));
}

#[test]
fn tails_are_exact_and_go_on_where_digits_end() {
    let sum: f64 = (20..400)
        .map(|k| {
            let (k, r, q) = (f64::from(k), 2.0_f64, 10.0 / 12.0);
            (statrs::function::gamma::ln_gamma(k + r)
                - statrs::function::gamma::ln_gamma(r)
                - statrs::function::gamma::ln_gamma(k + 1.0)
                + k * f64::ln(q)
                + r * f64::ln(1.0 - q))
            .exp()
        })
        .sum();
    assert!((super::tail::ln_upper(20.0, 10.0, 0.5) - sum.ln()).abs() < 1e-9);
    let mut last = 0.0;
    for y in 1..4_000 {
        let p = super::tail::ln_upper(f64::from(y), 5.0, 0.02);
        assert!(p < last, "{y}");
        last = p;
    }
    assert!((super::tail::ln_normal_upper(29.99) - super::tail::ln_normal_upper(30.01)).abs() < 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn nothing_later_changes_an_earlier_score_and_state_survives_bytes(
        counts in proptest::collection::vec(prop_oneof![9 => 0u32..12, 1 => 0u32..500], 100..700),
        cut in 0usize..700,
    ) {
        let cut = cut.min(counts.len());
        let calendar = calendar();
        let run = |baseline: &mut Baseline, from: usize, to: usize| -> Vec<Scored> {
            (from..to).map(|b| {
                let moment = calendar.moment(START + i64::try_from(b).unwrap() * 900);
                baseline.observe(&moment, &seen(f64::from(counts[b])))
            }).collect()
        };
        let mut whole = Baseline::new();
        let all = run(&mut whole, 0, counts.len());
        let mut part = Baseline::new();
        let first = run(&mut part, 0, cut);
        prop_assert_eq!(&first[..], &all[..cut]);
        let mut bytes = Vec::new();
        part.put(&mut bytes);
        let mut read = Baseline::take(&mut bytes.as_slice()).unwrap();
        let mut again = Vec::new();
        read.put(&mut again);
        prop_assert_eq!(&again, &bytes);
        let rest = run(&mut read, cut, counts.len());
        prop_assert_eq!(&rest[..], &all[cut..]);
        prop_assert!(all.iter().all(|s| s.score.is_finite() && s.expected.typical.is_finite() && s.expected.lower <= s.expected.upper));
    }
}
