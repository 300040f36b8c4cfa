//! `halfopen alerts`: the rules, and trying them on the results that are there.

use std::collections::HashSet;

use analytics::{ResultStore, SessionStore};

use super::args::{Alerts, Place};
use super::exit::{Exit, Failed, OrExit};
use super::{config, jobs, output};
use crate::config::Alert;
use crate::delivery::alert::{Rules, State};
use crate::delivery::silence::Silences;

/// Runs `halfopen alerts ...`.
pub fn run(command: &Alerts) -> Result<Exit, Failed> {
    match command {
        Alerts::List { config } => list(&config::read(config.as_deref())?.alerts),
        Alerts::Try { place } => try_out(place),
    }
}

fn list(alerts: &[Alert]) -> Result<Exit, Failed> {
    if alerts.is_empty() {
        return output::print("no rule is configured: `halfopen config example` shows how, under [[alerts]]\n");
    }
    let width = alerts.iter().map(|alert| alert.name.len()).max().unwrap_or(0);
    let line = |alert: &Alert| {
        let views: Vec<&str> = alert.perspectives.iter().map(|view| view.0.as_str()).collect();
        let views = if views.is_empty() { "every perspective".to_owned() } else { views.join(",") };
        let (name, severity) = (&alert.name, alert.severity.as_str());
        format!(
            "{name:width$}  from {severity}, {views}, {} bucket(s), quiet for {}, tells {}\n",
            alert.min_buckets,
            alert.quiet,
            alert.sinks.join(",")
        )
    };
    output::print(&alerts.iter().map(line).collect::<String>())
}

/// Prints the messages that the rules would have given for the results of a store, one JSON object a line.
fn try_out(place: &Place) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(place)?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let rules = Rules::new(&config, &jobs::prefix(&config)?);
    let silences = Silences::of_store(&dir).list(i64::MIN / 2).or_exit(Exit::NoInput)?;
    let mut state = State::default();
    let mut lines = String::new();
    let results = ResultStore::open(&store);
    let mut known = HashSet::new();
    loop {
        let changes = results.changes(&known)?;
        if changes.segments == known {
            break;
        }
        for found in &changes.found {
            // As it was then: the bucket had just ended, and these silences held.
            let now = found.timestamp() + i64::from(found.bucket_span()) * 1_000;
            let held: Vec<_> = silences.iter().filter(|s| (s.created..s.until).contains(&now)).cloned().collect();
            for notice in rules.judge(&mut state, found, &held, now) {
                lines.push_str(&serde_json::Value::Object(notice.body).to_string());
                lines.push('\n');
            }
        }
        known = changes.segments;
    }
    output::print(&lines)
}
