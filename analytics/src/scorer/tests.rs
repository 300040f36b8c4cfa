//! Behaviour of the scorer on tables.

mod nuisances;

use proptest::prelude::*;

use super::*;
use crate::testing::noise;

fn settings(function: &str, span: u32) -> ScorerSettings {
    ScorerSettings {
        function: Function::named(function).unwrap(),
        span,
        offset: 0,
        time_zone: Tz::UTC,
        events: false,
        groups: vec![0; 16],
    }
}

fn row(time: i64, series: u32, value: f64) -> TableRow {
    TableRow { time: time * 1000, series, value }
}

fn usual(bucket: i64, series: u32) -> f64 {
    8.0 + noise(bucket.cast_unsigned() * 31 + u64::from(series), 7) as f64
}

#[test]
fn rows_of_a_bucket_are_aggregated_whatever_their_order() {
    let rows = vec![row(10, 0, 4.0), row(0, 0, 1.0), row(70, 0, 9.0), row(5, 0, 1.0), row(3, 1, -2.0)];
    let made = |function: &str| -> Vec<(i64, u32, f64)> {
        score_table(rows.clone(), &settings(function, 60))
            .unwrap()
            .iter()
            .map(|s| (s.time / 1000, s.series, s.actual))
            .collect()
    };
    assert_eq!(made("sum"), [(0, 0, 6.0), (0, 1, -2.0), (60, 0, 9.0)]);
    assert_eq!(made("mean"), [(0, 0, 2.0), (0, 1, -2.0), (60, 0, 9.0)]);
    assert_eq!(made("high_median")[0].2, 1.0);
    assert_eq!(made("max")[0].2, 4.0);
    assert_eq!(made("min")[0].2, 1.0);
    assert_eq!(made("varp")[0].2, 2.0);
    assert_eq!(made("dc")[0].2, 2.0);
    assert!(score_table(rows, &settings("rare", 60)).unwrap_err().to_string().contains("rare"));
}

#[test]
fn missing_values_are_unknown_and_missing_events_are_zero() {
    let values = vec![row(0, 0, 5.0), row(240, 0, 5.0)];
    assert_eq!(score_table(values.clone(), &settings("count", 60)).unwrap().len(), 2);
    let events = ScorerSettings { events: true, ..settings("count", 60) };
    let actual: Vec<f64> = score_table(values.iter().map(|r| TableRow { value: f64::NAN, ..*r }).collect(), &events)
        .unwrap()
        .iter()
        .map(|s| s.actual)
        .collect();
    assert_eq!(actual, [1.0, 0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn the_side_is_that_of_the_function() {
    let rows: Vec<TableRow> = (0..1_500)
        .map(|b| {
            let value = match b {
                1_200 => 60.0,
                1_400 => 0.0,
                _ => usual(b, 0),
            };
            row(b * 900, 0, value)
        })
        .collect();
    for (function, high, low) in [
        ("count", true, true),
        ("high_count", true, false),
        ("low_count", false, true),
        ("mean", true, true),
        ("high_sum", true, false),
        ("low_mean", false, true),
    ] {
        let scored = score_table(rows.clone(), &settings(function, 900)).unwrap();
        assert_eq!(scored[1_200].score >= 75.0, high, "{function}: {:?}", scored[1_200]);
        assert_eq!(scored[1_400].score >= 20.0, low, "{function}: {:?}", scored[1_400]);
        let others = scored.iter().filter(|s| s.score >= 50.0 && ![1_200, 1_400].contains(&(s.time / 900_000)));
        assert_eq!(others.count(), 0, "{function}");
    }
}

#[test]
fn series_that_rise_together_share_the_surprise() {
    let value = |b: i64, s: u32| {
        let quiet = f64::from(u8::from(noise(b.cast_unsigned() * 17 + u64::from(s), 40) == 0));
        if b == 1_500 && s < 12 { quiet + 2.0 } else { quiet }
    };
    let rows: Vec<TableRow> =
        (0..1_600).flat_map(|b| (0..16_u32).map(move |s| (b, s))).map(|(b, s)| row(b * 900, s, value(b, s))).collect();
    let groups = (0..16).collect();
    let scored = score_table(rows, &ScorerSettings { groups, ..settings("high_count", 900) }).unwrap();
    let at: Vec<f64> = scored.iter().filter(|s| s.time == 1_500 * 900_000).map(|s| s.score).collect();
    assert!(at[..12].iter().all(|score| *score >= 75.0) && at[12..].iter().all(|score| *score < 25.0), "{at:?}");
    assert!(scored.iter().filter(|s| s.time < 1_500 * 900_000).all(|s| s.score < 75.0));
}

#[test]
fn the_span_is_that_of_most_neighbours() {
    let rows: Vec<TableRow> = (0..100).flat_map(|b| [row(b * 300, 0, 1.0), row(b * 300 + 7, 1, 1.0)]).collect();
    assert_eq!(infer_span(&rows), Some(300));
    assert_eq!(infer_span(&rows[..1]), None);
    assert_eq!(infer_span(&[row(0, 0, 1.0), row(1_000_000, 0, 1.0)]), Some(86_400));
}

#[test]
fn renormalisation_lowers_what_is_common_and_keeps_order() {
    let mut surprises: Vec<f64> = (0..1_000).map(|i| -((f64::from(i) + 0.5) / 1_000.0).ln()).collect();
    let fair = Renormaliser::new(surprises.clone());
    for at in [1.0, 3.0, 6.0, 20.0] {
        assert!((fair.surprise(at) - at).abs() < 0.3, "{at} {}", fair.surprise(at));
    }
    surprises.iter_mut().for_each(|s| *s *= 4.0);
    let common = Renormaliser::new(surprises);
    let lowered: Vec<f64> = (1..40).map(|at| common.surprise(f64::from(at))).collect();
    assert!(lowered.windows(2).all(|pair| pair[0] <= pair[1]));
    assert!(lowered[15] < 8.0, "{lowered:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn truncating_the_table_leaves_earlier_scores(
        extra in proptest::collection::vec((0usize..3_000, -50.0..200.0_f64), 0..30),
        cut in 200usize..3_000,
        function in prop_oneof![Just("high_count"), Just("count"), Just("mean"), Just("low_sum")],
    ) {
        let mut rows: Vec<TableRow> = (0..1_000_i64)
            .flat_map(|b| (0..3).map(move |s| (b, s)))
            .filter(|(b, s)| noise(b.cast_unsigned() * 5 + u64::from(*s), 20) != 0)
            .map(|(b, s)| row(b * 900, s, usual(b, s)))
            .collect();
        for (at, value) in extra {
            let at = at % rows.len();
            rows[at].value = if function.ends_with("count") { value.abs().round() } else { value };
        }
        let all = score_table(rows.clone(), &settings(function, 900)).unwrap();
        let cut = cut.min(rows.len());
        let part = score_table(rows[..cut].to_vec(), &settings(function, 900)).unwrap();
        // The last bucket may be cut in two.
        let whole = part.iter().filter(|s| s.time < rows[cut - 1].time).count();
        prop_assert_eq!(&part[..whole], &all[..whole]);
        prop_assert!(all.iter().all(|s| s.score.is_finite() && (0.0..=1.0).contains(&s.probability)));
    }
}
