//! The model on the corpus of labelled incidents; writes detections in the form that the corpus' `eval.py` reads.
//!
//! Takes a minute, so it runs only when asked: `cargo test --workspace -- --ignored corpus`. `HALFOPEN_CORPUS` names the
//! corpus, `HALFOPEN_DETECTIONS` the file to write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// Share of the incidents that must be found at score 75.
const RECALL: f64 = 0.75;

fn unpacked(path: &Path) -> String {
    let output = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn seconds(time: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp()
}

/// Counts by bucket start, then by `server,port`.
fn read_counts(folder: &Path) -> BTreeMap<i64, BTreeMap<String, f64>> {
    let mut buckets: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
    for line in unpacked(&folder.join("series.csv.gz")).lines().skip(1) {
        let (time, rest) = line.split_once(',').unwrap();
        let (series, count) = rest.rsplit_once(',').unwrap();
        buckets.entry(seconds(time)).or_default().insert(series.to_owned(), count.parse().unwrap());
    }
    buckets
}

/// Scores of at least 1 by bucket start and series; `*,0` is all series together.
fn detect(folder: &Path) -> BTreeMap<(i64, String), f64> {
    let meta: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json")).unwrap()).unwrap();
    let calendar = Calendar::new(meta["tz"].as_str().unwrap().parse().unwrap(), 900);
    let buckets = read_counts(folder);
    let (mut models, mut crowd) = (BTreeMap::<String, Baseline>::new(), Crowd::default());
    let mut scores = BTreeMap::new();
    let (first, last) = (*buckets.keys().next().unwrap(), *buckets.keys().next_back().unwrap());
    let none = BTreeMap::new();
    for start in (first..=last).step_by(900) {
        let (moment, counts) = (calendar.moment(start), buckets.get(&start).unwrap_or(&none));
        for series in counts.keys() {
            models.entry(series.clone()).or_default();
        }
        let mut groups: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, model) in &mut models {
            let Some(&failed) = counts.get(series) else {
                model.skip(moment.days);
                continue;
            };
            let scored = model.observe(&moment, &Observation { failed, established: None, coverage: 1.0 });
            if scored.ready {
                groups.entry(series.split(',').next().unwrap()).or_default().push((scored.single, scored.short));
            }
            scores.insert((start, series.clone()), scored.score);
        }
        if !groups.is_empty() {
            let together = crowd.observe(&groups.into_values().collect::<Vec<_>>());
            scores.insert((start, "*,0".to_owned()), score_of(together.surprise, 100.0));
        }
    }
    scores.retain(|_, score| *score >= 1.0);
    scores
}

#[test]
#[ignore = "takes a minute"]
fn corpus_incidents_are_found() {
    let corpus =
        std::env::var_os("HALFOPEN_CORPUS").map_or_else(|| PathBuf::from("../../shared/corpus"), PathBuf::from);
    let folder = corpus.join("anomaly");
    if !folder.is_dir() {
        println!("skipped: no corpus at {}", corpus.display());
        return;
    }
    let scores = detect(&folder);
    if let Some(path) = std::env::var_os("HALFOPEN_DETECTIONS") {
        let mut text = "ts,server,port,score\n".to_owned();
        for ((start, series), score) in &scores {
            let time = chrono::DateTime::from_timestamp(*start, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ");
            writeln!(text, "{time},{series},{score:.3}").unwrap();
        }
        std::fs::write(path, text).unwrap();
    }
    let (mut all, mut found) = (BTreeSet::new(), BTreeSet::new());
    for line in std::fs::read_to_string(folder.join("truth.csv")).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (start, series, incident) =
            (seconds(fields[0]), format!("{},{}", fields[1], fields[2]), fields[4].to_owned());
        all.insert(incident.clone());
        let high = |series: String| scores.get(&(start, series)).is_some_and(|score| *score >= 75.0);
        if high(series) || high("*,0".to_owned()) {
            found.insert(incident);
        }
    }
    let recall = found.len() as f64 / all.len() as f64;
    assert!(recall >= RECALL, "{recall}");
}
