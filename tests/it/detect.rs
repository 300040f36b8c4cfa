//! `halfopen detect --input`: scores any series of a file, and says clearly what it cannot read.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tests::corpus::corpus;
use tests::program::{run, stdout};

const START: i64 = 1_762_128_000;

/// Two weeks of five-minute values with a daily wave, a spike and a dip; every third day lacks an hour.
fn wave(step: i64) -> f64 {
    let mixed = (step + 1).cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let noise = ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / f64::from(1 << 24) - 0.5;
    let extra = match step {
        3_000 => 40.0,
        3_500 => -40.0,
        _ => 0.0,
    };
    50.0 + 20.0 * (step as f64 / 288.0 * std::f64::consts::TAU).sin() + 3.0 * noise + extra
}

fn time(step: i64) -> String {
    chrono::DateTime::from_timestamp(START + step * 300, 0).unwrap().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn table(rows: impl Iterator<Item = i64>) -> String {
    let mut text = "timestamp,host,cpu,note\n".to_owned();
    for step in rows.filter(|step| step % 864 >= 12) {
        writeln!(text, "{},web,{:.3},ignored", time(step), wave(step)).unwrap();
    }
    text
}

fn detect(input: &Path, more: &[&str]) -> Vec<Value> {
    let mut args = vec!["detect", "--input", input.to_str().unwrap(), "--format", "ndjson"];
    args.extend(more);
    stdout(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn any_series_is_scored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cpu.csv");
    std::fs::write(&file, table(0..4_032)).unwrap();
    let usual = ["--time", "timestamp", "--value", "cpu", "--by", "host"];
    let rows = detect(&file, &usual);
    assert_eq!(rows.len(), (0..4_032).filter(|step| step % 864 >= 12).count());
    let columns: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let contract = ["time", "host", "score", "initial_score", "probability", "actual", "typical", "lower", "upper"];
    assert_eq!(columns, contract);
    let high: Vec<&str> = rows
        .iter()
        .filter(|row| row["score"].as_f64() >= Some(75.0))
        .map(|row| row["time"].as_str().unwrap())
        .collect();
    let at = |step: i64| time(step).replace(' ', "T") + "Z";
    assert!(high.contains(&at(3_000).as_str()) && high.contains(&at(3_500).as_str()), "{high:?}");
    assert!(high.len() <= 4, "{high:?}");
    for row in &rows {
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!(number("lower") <= number("typical") && number("typical") <= number("upper"));
        assert!((0.0..=1.0).contains(&number("probability")) && row["score"] == row["initial_score"]);
    }

    // Sorted otherwise, in other forms of time, with one side only: the same.
    let shuffled: String = {
        let mut lines: Vec<String> = (0..4_032)
            .filter(|step| step % 864 >= 12)
            .map(|step| format!("{};{:.3};web\n", (START + step * 300) * 1000, wave(step)))
            .collect();
        lines.reverse();
        format!("ts;v;host\n{}", lines.concat())
    };
    let other = folder.path().join("other.csv");
    std::fs::write(&other, shuffled).unwrap();
    assert_eq!(detect(&other, &["--time", "ts", "--value", "v", "--by", "host"]), rows);
    let high = detect(&other, &["--time", "ts", "--value", "v", "--function", "high_mean", "--bucket-span", "5m"]);
    let score =
        |step: i64| high.iter().find(|row| row["time"] == at(step).as_str()).unwrap()["score"].as_f64().unwrap();
    assert!(score(3_000) >= 75.0 && score(3_500) < 3.0);
    // What comes later changes nothing.
    std::fs::write(&file, table(0..3_200)).unwrap();
    let part = detect(&file, &usual);
    assert_eq!(part[..], rows[..part.len()]);
}

#[test]
fn events_are_counted_and_parquet_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.csv");
    let mut text = "when,client\n".to_owned();
    for bucket in 0..400_i64 {
        let events = if bucket == 350 { 60 } else { 2 + (bucket * 31) % 4 };
        for event in 0..events {
            writeln!(text, "{},c{}", START + bucket * 900 + event, event % 5).unwrap();
        }
    }
    std::fs::write(&file, text).unwrap();
    let rows = detect(&file, &["--time", "when", "--bucket-span", "15m", "--function", "high_count"]);
    assert_eq!(rows.len(), 400);
    assert!(rows[350]["score"].as_f64() >= Some(75.0) && rows[350]["actual"] == 60.0);
    assert!(rows.iter().enumerate().all(|(at, row)| at == 350 || row["score"].as_f64() < Some(50.0)));
    let clients =
        detect(&file, &["--time", "when", "--value", "client", "--bucket-span", "15m", "--function", "distinct_count"]);
    assert_eq!(clients[350]["actual"], 5.0);

    let parquet = folder.path().join("sessions.parquet");
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let made = run([
        "sessions".as_ref(),
        capture.as_os_str(),
        "--format".as_ref(),
        "parquet".as_ref(),
        "--output".as_ref(),
        parquet.as_os_str(),
    ]);
    assert!(made.status.success(), "{made:?}");
    let rows = detect(&parquet, &["--time", "end", "--by", "outcome", "--bucket-span", "1s", "--function", "count"]);
    assert!(!rows.is_empty() && rows[0]["outcome"].is_string());
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.csv");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "time,value\n2026-01-01T00:00:00Z,1\nyesterday,2\n2026-01-01T00:05:00Z,much\n2026-01-01T00:10:00Z,NaN\n2026-01-01T00:10:00Z,3\n").unwrap();
    let said = |args: &[&str], code: i32| -> String {
        let output = run(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    };
    let text = said(&["detect", "--input", path, "--time", "time", "--value", "value", "--bucket-span", "5m"], 65);
    assert!(text.contains("2 rows") && text.contains("yesterday") && text.contains("row 3"), "{text}");
    let text = said(&["detect", "--input", path, "--time", "when", "--value", "load"], 65);
    assert!(text.contains("when, load") && text.contains("time, value"), "{text}");
    let text = said(&["detect", "--input", path, "--time", "time", "--value", "value", "--function", "rare"], 2);
    assert!(text.contains("rare"), "{text}");
    let text = said(&["detect", "--input", path, "--time", "time", "--value", "value", "--function", "hi_count"], 2);
    assert!(text.contains("hi_count") && text.contains("high_count"), "{text}");
    said(&["detect", "--input", path, "--time", "time", "--function", "mean"], 2);
    said(&["detect", "--input", "/no/such.csv", "--time", "time"], 66);
    said(&["detect", "--input", path], 2);
    std::fs::write(&file, "time,value\n").unwrap();
    said(&["detect", "--input", path, "--time", "time", "--value", "value"], 65);
}
