//! `halfopen jobs run`: any job over the sessions of a store, printed bucket by bucket.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use ::jobs::JobDefinition;
use ::jobs::definition::from_json;
use analytics::jobs::{JobRunner, JobShelf, Plan, ScoredBucket, ScoredValue, Surroundings, run_job};
use analytics::{Progress, SessionStore};
use anyhow::anyhow;
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array};
use arrow::datatypes::SchemaRef;
use indicatif::ProgressBar;

use super::args::{Place, TableFormat};
use super::exit::{Exit, Failed, OrExit};
use super::query::{Printer, report_skipped, table};
use super::{config, jobs, output, progress, runtime, time};
use crate::clock;
use crate::config::Config;
use crate::service::lock::StoreLock;

/// Rows of a table for people, at most; more of them nobody reads.
const MOST_TABLE_ROWS: usize = 100_000;

/// Runs a job and prints its values.
pub fn run(
    place: &Place,
    job: &str,
    (from, to): (Option<&str>, Option<&str>),
    min_score: f64,
    format: TableFormat,
) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(place)?;
    let millis = |text: Option<&str>, default: i64| -> Result<i64, Failed> {
        Ok(text.map(time::parse).transpose().or_exit(Exit::Usage)?.map_or(default, |time| time.div_euclid(1_000)))
    };
    let range = millis(from, i64::MIN)?..millis(to, clock::now().div_euclid(1_000))?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let shelf = JobShelf::open(&store);
    let definitions = definitions(place, job)?;
    let runtime = runtime()?;
    if !Path::new(job).is_file() {
        bring_up_to_date(&runtime, &shelf, &definitions, &config, &dir)?;
    }
    let mut rows = Rows { min_score, format, printer: None, tables: Vec::new(), count: 0 };
    let mut exit = Exit::Ok;
    for definition in &definitions {
        let plan = match shelf.plan(definition) {
            Ok(plan) => plan,
            Err(refused) => {
                for refusal in &refused.0 {
                    complain(&format!("{}: {refusal}", definition.id));
                }
                exit = exit.worse(Exit::Data);
                continue;
            }
        };
        plan.notes.iter().for_each(|note| complain(&format!("{}: note: {note}", plan.definition.id)));
        let around = Surroundings {
            time_zone: config.detection.time_zone,
            lists: shelf.lists()?,
            events: shelf.events(definition)?,
        };
        let bar = Bar(progress::bar(0, "running", false));
        let ran = runtime.block_on(run_job(&store, &plan, &around, range.clone(), &bar, &mut |bucket| {
            Ok(if rows.add(&plan, &bucket).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        }));
        bar.0.finish_and_clear();
        ran?;
    }
    report_skipped(&store);
    rows.finish(exit)
}

fn definitions(place: &Place, job: &str) -> Result<Vec<JobDefinition>, Failed> {
    let path = Path::new(job);
    if path.is_file() {
        let read = from_json(&jobs::document(path)?);
        return read.map_err(|refusal| anyhow!("{}: {refusal}", path.display())).or_exit(Exit::Data);
    }
    Ok(vec![jobs::find(place, job)?])
}

/// Keeps the results of imported jobs, where no server does.
fn bring_up_to_date(
    runtime: &tokio::runtime::Runtime,
    shelf: &JobShelf,
    definitions: &[JobDefinition],
    config: &Config,
    dir: &Path,
) -> Result<(), Failed> {
    let Ok(_lock) = StoreLock::take(dir) else { return Ok(()) };
    for definition in definitions {
        if let Ok(Some(mut runner)) = JobRunner::open(shelf, &definition.id, config.detection.time_zone) {
            let bar = Bar(progress::bar(0, "keeping results", false));
            runtime.block_on(runner.run(clock::now(), &bar))?;
            bar.0.finish_and_clear();
        }
    }
    Ok(())
}

fn complain(text: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("halfopen: {text}\n").as_bytes()).ok();
}

/// A bar that follows a run.
struct Bar(ProgressBar);

impl Progress for Bar {
    fn scored(&self, done: usize, of: usize) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
    }
}

/// Prints values as they come; a table is printed at the end.
struct Rows {
    min_score: f64,
    format: TableFormat,
    printer: Option<Printer>,
    tables: Vec<RecordBatch>,
    count: usize,
}

impl Rows {
    fn add(&mut self, plan: &Plan, bucket: &ScoredBucket) -> anyhow::Result<()> {
        let told = |value: &&ScoredValue| {
            let empty = value.actual == 0.0 && value.score < 3.0 && value.key != analytics::jobs::Key::default();
            value.score >= self.min_score && !empty
        };
        let values: Vec<&ScoredValue> = bucket.values.iter().filter(told).collect();
        if values.is_empty() {
            return Ok(());
        }
        let batch = batch(plan, &values)?;
        self.count += batch.num_rows();
        if self.format != TableFormat::Table {
            let printer = self.printer.get_or_insert_with(|| Printer::new(self.format, batch.schema()));
            return Ok(printer.write(&batch)?);
        }
        if self.count <= MOST_TABLE_ROWS {
            self.tables.push(batch);
        }
        Ok(())
    }

    fn finish(self, exit: Exit) -> Result<Exit, Failed> {
        let schema = self.tables.first().map_or_else(schema, RecordBatch::schema);
        if self.format != TableFormat::Table {
            let printer = self.printer.unwrap_or_else(|| Printer::new(self.format, schema));
            return output::finish(printer.finish(), exit);
        }
        output::print(&table(&schema, &self.tables)?)?;
        if self.count > MOST_TABLE_ROWS {
            complain(&format!("{} values; the table has the first of them, --format csv has all", self.count));
        }
        Ok(exit)
    }
}

fn schema() -> SchemaRef {
    arrow::datatypes::Schema::empty().into()
}

fn batch(plan: &Plan, values: &[&ScoredValue]) -> anyhow::Result<RecordBatch> {
    let text = |value: &dyn Fn(&ScoredValue) -> Option<String>| -> ArrayRef {
        Arc::new(values.iter().map(|one| value(one)).collect::<StringArray>())
    };
    let number = |value: &dyn Fn(&ScoredValue) -> f64| -> ArrayRef {
        Arc::new(values.iter().map(|one| Some(value(one))).collect::<Float64Array>())
    };
    let time: TimestampMillisecondArray = values.iter().map(|one| Some(one.timestamp)).collect();
    let index: UInt32Array = values.iter().map(|one| Some(one.detector_index as u32)).collect();
    let field = |one: &ScoredValue| plan.definition.analysis.detectors.get(one.detector_index)?.field.clone();
    let owned = |value: &Option<Arc<str>>| value.as_deref().map(str::to_owned);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", Arc::new(time.with_timezone("UTC"))),
        ("job_id", text(&|_| Some(plan.definition.id.to_string()))),
        ("detector_index", Arc::new(index)),
        ("function", text(&|one| Some(one.function.as_str().to_owned()))),
        ("field_name", text(&field)),
        ("by_field_value", text(&|one| owned(&one.key.by))),
        ("over_field_value", text(&|one| owned(&one.key.over))),
        ("partition_field_value", text(&|one| owned(&one.key.partition))),
        ("analysis", text(&|one| Some(analysis(plan, one).to_owned()))),
        ("actual", number(&|one| one.actual)),
        ("typical", number(&|one| one.typical)),
        ("lower", number(&|one| one.lower)),
        ("upper", number(&|one| one.upper)),
        ("probability", number(&|one| one.probability)),
        ("record_score", number(&|one| (one.score * 100.0).round() / 100.0)),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))?)
}

/// What a value is compared with.
fn analysis(plan: &Plan, one: &ScoredValue) -> &'static str {
    let over = plan.definition.analysis.detectors.get(one.detector_index).is_some_and(|d| d.over.is_some());
    match (one.function, over && !one.whole) {
        (::jobs::Function::Rare, _) => "rare",
        (_, true) => "population",
        (_, false) => "temporal",
    }
}
