//! `halfopen sinks`: what is configured, preparing the other ends, and trying whether they take something.

use ::jobs::Severity;
use serde_json::json;

use super::args::{Place, Sinks};
use super::exit::{Exit, Failed, OrExit};
use super::{config, output, runtime};
use crate::clock;
use crate::config::{Config, Sink};
use crate::delivery::item::{Item, Kind};
use crate::delivery::{self, Verdict};

/// Runs `halfopen sinks ...`.
pub fn run(command: &Sinks) -> Result<Exit, Failed> {
    match command {
        Sinks::List { place } => list(place),
        Sinks::Setup { names, config } => {
            let config = config::read(config.as_deref())?;
            each(&config, names, |sink| Box::pin(setup(sink)))
        }
        Sinks::Test { names, config } => {
            let config = config::read(config.as_deref())?;
            each(&config, names, |sink| Box::pin(test(sink)))
        }
    }
}

fn list(place: &Place) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(place)?;
    if config.sinks.is_empty() {
        return output::print("no sink is configured: `halfopen config example` shows how, under [[sinks]]\n");
    }
    let rows: Vec<[String; 5]> = config
        .sinks
        .iter()
        .map(|sink| {
            let documents = delivery::names_of(sink.wanted());
            let documents = if documents.is_empty() { "alerts".to_owned() } else { documents.join(",") };
            let spool = delivery::sink_dir(&dir, &sink.name).join("spool");
            let state =
                if sink.enabled { format!("{} kB spooled", spooled(&spool) / 1_000) } else { "disabled".to_owned() };
            [sink.name.clone(), sink.kind.as_str().to_owned(), delivery::place_of(sink), documents, state]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 5]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}  {}\n", cells.join("  "), row[4])
    };
    output::print(&rows.iter().map(line).collect::<String>())
}

/// Bytes of the files in a folder; nothing where there is none.
fn spooled(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let spools = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "spool"));
    spools.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

type Work<'a> = futures::future::BoxFuture<'a, anyhow::Result<Vec<String>>>;

/// Does something with each of the named sinks, or with all; goes on where one fails.
fn each(config: &Config, names: &[String], work: impl Fn(&Sink) -> Work<'_>) -> Result<Exit, Failed> {
    if let Some(unknown) = names.iter().find(|name| !config.sinks.iter().any(|sink| sink.name == **name)) {
        return Err(anyhow::anyhow!("there is no sink {unknown:?}: `halfopen sinks list` lists them"))
            .or_exit(Exit::Usage);
    }
    let wanted = config.sinks.iter().filter(|sink| names.is_empty() || names.contains(&sink.name));
    let (mut exit, mut text) = (Exit::Ok, String::new());
    runtime()?.block_on(async {
        for sink in wanted {
            match work(sink).await {
                Ok(lines) => lines.iter().for_each(|line| text.push_str(&format!("{}: {line}\n", sink.name))),
                Err(error) => {
                    exit = Exit::Unavailable;
                    tracing::error!(sink = sink.name, "{error:#}");
                }
            }
        }
    });
    output::print(&text)?;
    Ok(exit)
}

async fn setup(sink: &Sink) -> anyhow::Result<Vec<String>> {
    delivery::target(sink, clock::now)?.setup().await
}

/// Sends one message that says that it is a test.
async fn test(sink: &Sink) -> anyhow::Result<Vec<String>> {
    let now = clock::now().div_euclid(1_000);
    let time = delivery::alert::document::time(now);
    let body = json!({
        "result_type": "alert",
        "rule": "test",
        "status": "test",
        "severity": Severity::Warning.as_str(),
        "score": 3.0,
        "job_id": "",
        "perspective": "private",
        "series": "halfopen",
        "fingerprint": "halfopen-test",
        "timestamp": now,
        "time": time,
        "since": time,
        "valid_until": time,
        "summary": format!("this is a test of the sink {}: nothing has happened", sink.name),
    });
    let item = Item {
        kind: Kind::Alerts,
        id: format!("alert_test_{now}"),
        job: String::new(),
        time: now,
        queued: now,
        body: Some(body.to_string()),
    };
    let answer = delivery::target(sink, clock::now)?.send(std::slice::from_ref(&item)).await;
    let place = match sink.kind {
        crate::config::delivery::SinkKind::Kafka => item.fill(&sink.topic, sink.schema),
        crate::config::delivery::SinkKind::Elasticsearch | crate::config::delivery::SinkKind::Opensearch => {
            item.fill(&sink.index, sink.schema)
        }
        _ => delivery::place_of(sink),
    };
    match answer.verdicts.into_iter().next() {
        Some(Verdict::Taken) => Ok(vec![format!("took the test message {} ({place})", item.id)]),
        Some(Verdict::Later { reason, .. } | Verdict::Never(reason)) => Err(anyhow::anyhow!("{reason}")),
        None => Err(anyhow::anyhow!("no answer")),
    }
}
