//! `halfopen detect`: score a store and print what is unusual, or score a file.

mod file;
mod table;

use std::sync::Arc;

use ::jobs::AnomalyRecord;
use analytics::{AnomalyFilter, DetectSummary, Detector, Order, Progress, ResultStore, Retention, SessionStore};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use indicatif::ProgressBar;

use super::args::{Detect, TableFormat};
use super::exit::{Exit, Failed, OrExit};
use super::query::{Printer, report_skipped, table};
use super::{config, output, progress, runtime, time};
use crate::clock;
use crate::service::lock::StoreLock;
use crate::service::settings;

/// Scores what the arguments name.
pub fn run(args: &Detect) -> Result<Exit, Failed> {
    match &args.file.input {
        Some(input) => file::run(input, &args.file, args.format.unwrap_or(TableFormat::Csv)),
        None => store(args, args.format.unwrap_or(TableFormat::Table)),
    }
}

/// Detection as it stood at `to` (default: now), then the anomalies from `from` on.
fn store(args: &Detect, format: TableFormat) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(&args.place)?;
    let (from, to) = (args.from.as_deref(), args.to.as_deref());
    let from = from.map(time::parse).transpose().or_exit(Exit::Usage)?;
    let to = to.map(time::parse).transpose().or_exit(Exit::Usage)?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let _lock = StoreLock::take(&dir).or_exit(Exit::CannotCreate)?;
    let mut detector = Detector::open(&store, settings::detection(&config)).or_exit(Exit::Config)?;
    let bars = Bars { counted: progress::bar(0, "counting", false), scored: progress::bar(0, "scoring", false) };
    let summary = runtime()?.block_on(detector.run(to.unwrap_or_else(clock::now), &bars))?;
    bars.counted.finish_and_clear();
    bars.scored.finish_and_clear();
    store.upkeep(clock::now(), Retention::default(), true)?;
    report_skipped(&store);

    let millis = |time: i64| time.div_euclid(1_000);
    let between = AnomalyFilter::between(from.map_or(i64::MIN, millis), to.map_or(i64::MAX, millis));
    let filter = AnomalyFilter { order: Order::Score, limit: usize::MAX, ..between };
    let batch = rows(&ResultStore::open(&store).anomalies(&filter)?, config.detection.time_zone)?;
    say(&summary);
    if format == TableFormat::Table {
        return output::print(&table(&batch.schema(), &[batch])?);
    }
    let mut printer = Printer::new(format, batch.schema());
    let written = printer.write(&batch).and_then(|()| printer.finish());
    output::finish(written, Exit::Ok)
}

fn say(summary: &DetectSummary) {
    let line = format!("{} buckets scored, {} of them anew\n", summary.buckets, summary.rescored);
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).ok();
}

/// The anomalies as rows for people and scripts.
fn rows(records: &[AnomalyRecord], zone: chrono_tz::Tz) -> anyhow::Result<RecordBatch> {
    let text = |value: &dyn Fn(&AnomalyRecord) -> Option<String>| -> ArrayRef {
        Arc::new(records.iter().map(value).collect::<StringArray>())
    };
    let number = |value: &dyn Fn(&AnomalyRecord) -> f64| -> ArrayRef {
        Arc::new(records.iter().map(|record| Some(value(record))).collect::<Float64Array>())
    };
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    let time = records.iter().map(|record| Some(record.timestamp)).collect::<TimestampMillisecondArray>();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(time.with_timezone("UTC"))),
        ("score", number(&|record| rounded(record.record_score.value()))),
        ("severity", text(&|record| Some(record.record_score.severity().as_str().to_owned()))),
        ("perspective", text(&|record| Some(record.series.perspective.to_string()))),
        ("server", text(&|record| record.series.server.map(|address| address.to_string()))),
        ("port", text(&|record| record.series.port.map(|port| port.to_string()))),
        ("client", text(&|record| record.series.client.map(|address| address.to_string()))),
        ("actual", number(&|record| record.actual)),
        ("typical", number(&|record| rounded(record.expected.typical))),
        ("probability", number(&|record| record.probability)),
        ("explanation", text(&|record| Some(::jobs::sentence(record, zone)))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))?)
}

struct Bars {
    counted: ProgressBar,
    scored: ProgressBar,
}

impl Progress for Bars {
    fn counted(&self, done: usize, of: usize) {
        self.counted.set_length(of as u64);
        self.counted.set_position(done as u64);
    }

    fn scored(&self, done: usize, of: usize) {
        self.counted.finish_and_clear();
        self.scored.set_length(of as u64);
        self.scored.set_position(done as u64);
    }
}
