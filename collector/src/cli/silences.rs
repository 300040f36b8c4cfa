//! `halfopen silences`: for whom, and until when, nobody is told.

use dashboards::{Matching, NewSilence, Silence};

use super::args::{Silences, Target};
use super::exit::{Exit, Failed, OrExit};
use super::{config, output, time};
use crate::clock;
use crate::delivery::alert::document;
use crate::delivery::silence::{self, SilenceError};

/// Runs `halfopen silences ...`.
pub fn run(command: &Silences) -> Result<Exit, Failed> {
    let place = match command {
        Silences::List { place } | Silences::Remove { place, .. } | Silences::Add { place, .. } => place,
    };
    let (_, dir) = config::of_place(place)?;
    if !dir.is_dir() {
        return Err(anyhow::anyhow!("there is no store at {}", dir.display())).or_exit(Exit::NoInput);
    }
    let silences = silence::Silences::of_store(&dir);
    let now = clock::now().div_euclid(1_000);
    match command {
        Silences::List { .. } => print(&silences.list(now).or_exit(Exit::NoInput)?),
        Silences::Remove { id, .. } => {
            if silences.remove(id, now).or_exit(Exit::CannotCreate)? {
                return Ok(Exit::Ok);
            }
            Err(anyhow::anyhow!("there is no silence {id:?}: `halfopen silences list` lists them")).or_exit(Exit::Usage)
        }
        Silences::Add { target, span, until, comment, .. } => {
            let until = match (span, until) {
                (Some(span), _) => now + i64::try_from(span.as_millis()).or_exit(Exit::Usage)?,
                (None, Some(until)) => time::parse(until).or_exit(Exit::Usage)?.div_euclid(1_000),
                (None, None) => return Err(anyhow::anyhow!("say --for or --until")).or_exit(Exit::Usage),
            };
            let author = std::env::var("USER").unwrap_or_default();
            let new = NewSilence { until, matching: matching(target), comment: comment.clone(), author };
            match silences.add(new, now) {
                Ok(silence) => output::print(&format!("{}\n", silence.id)),
                Err(error @ SilenceError::Wrong { .. }) => Err(error).or_exit(Exit::Usage),
                Err(error) => Err(error).or_exit(Exit::CannotCreate),
            }
        }
    }
}

fn matching(target: &Target) -> Matching {
    Matching {
        rule: target.rule.clone(),
        job_id: target.job.clone(),
        perspective: target.perspective.map(|name| tracker::Perspective::from(name).to_string()),
        server: target.server.clone(),
        port: target.port,
        client: target.client.clone(),
    }
}

fn print(silences: &[Silence]) -> Result<Exit, Failed> {
    let line = |silence: &Silence| {
        let what = &silence.matching;
        let port = what.port.map(|port| port.to_string());
        let parts = [
            ("rule", &what.rule),
            ("job", &what.job_id),
            ("perspective", &what.perspective),
            ("server", &what.server),
            ("port", &port),
            ("client", &what.client),
        ];
        let mut named: Vec<String> =
            parts.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
        if named.is_empty() {
            named.push("everything".to_owned());
        }
        let state = if silence.active { "until" } else { "ended" };
        let comment: String = silence.comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{}  {state} {}  {}  {comment}\n", silence.id, document::time(silence.until), named.join(", "))
    };
    output::print(&silences.iter().map(line).collect::<String>())
}
