//! `halfopen results`: what detection found, as documents.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use ::jobs::document::csv::CsvTable;
use ::jobs::document::write::ndjson;
use ::jobs::{Document, Documents, JobId, Schema};
use analytics::jobs::JobShelf;
use analytics::{AnomalyFilter, Filter, Order, Parts, ResultStore, Selection, SessionStore};
use anyhow::Context as _;
use tracker::{Micros, Perspective};

use super::args::{DocumentFormat, Place, SchemaName};
use super::exit::{Exit, Failed, OrExit};
use super::{config, jobs, output, time};

/// What is printed of the results of a store.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub filter: Option<Filter>,
    pub job: Option<&'a str>,
    pub parts: Parts,
}

/// Prints documents of every job or of one; with a filter, the records of detection that pass.
pub fn export(schema: SchemaName, format: DocumentFormat, wanted: Wanted<'_>, place: &Place) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(place)?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let millis = |text: Option<&str>, default: Micros| -> Result<i64, Failed> {
        Ok(text.map(time::parse).transpose().or_exit(Exit::Usage)?.map_or(default, |time| time.div_euclid(1_000)))
    };
    let (from, to) = (millis(wanted.from, i64::MIN)?, millis(wanted.to, i64::MAX)?);
    let prefix = jobs::prefix(&config)?;
    let results = ResultStore::open(&store);
    if wanted.filter.is_some() {
        let filter = AnomalyFilter {
            order: Order::Time,
            all_levels: true,
            filter: wanted.filter,
            ..AnomalyFilter::between(from, to)
        };
        let documents = Documents::new(schema.into(), prefix);
        let records = results.anomalies(&filter)?;
        return print(format, |take| {
            let _ = records.iter().try_for_each(|record| take(documents.record(record)));
            Ok(())
        });
    }
    let job = wanted.job.map(JobId::new).transpose().or_exit(Exit::Usage)?;
    if let Some(job) = &job {
        let is = |schema: &Schema| Perspective::ALL.iter().any(|view| JobId::of(&prefix, *schema, *view) == *job);
        if !Schema::ALL.iter().any(is) {
            jobs::imported(&JobShelf::open(&store), job.as_str())?;
        }
    }
    let selection =
        Selection { from, to, job, parts: wanted.parts, min_score: 0.0, schema: Some(schema.into()), prefix };
    print(format, |take| Ok(results.documents(&selection, take)?))
}

/// Prints what `read` gives, as it comes; a table when all of it has come, because its header names every column.
fn print(
    format: DocumentFormat,
    read: impl FnOnce(&mut dyn FnMut(Document) -> ControlFlow<()>) -> Result<(), Failed>,
) -> Result<Exit, Failed> {
    let mut out = output::stdout();
    let mut written = Ok(());
    let each = |write: &mut dyn FnMut(Document) -> io::Result<()>| {
        read(&mut |document| {
            written = write(document);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    };
    match format {
        DocumentFormat::Ndjson => {
            each(&mut |document| ndjson([document]).try_for_each(|line| out.write_all(line.as_bytes())))?;
        }
        DocumentFormat::Csv => {
            let mut table = CsvTable::new(tempfile::tempfile().context("failed to make a temporary file")?);
            each(&mut |document| table.push_document(document))?;
            let mut lines = written.and_then(|()| table.lines()).context("failed to keep rows in a temporary file")?;
            written = lines.try_for_each(|line| out.write_all(line?.as_bytes()));
        }
    }
    output::finish(written.and_then(|()| out.flush()), Exit::Ok)
}
