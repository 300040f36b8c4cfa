//! `halfopen results`: what detection found, as documents.

use std::io::Write as _;
use std::ops::ControlFlow;

use ::jobs::document::write;
use ::jobs::{Document, Documents, JobId, Schema};
use analytics::jobs::JobShelf;
use analytics::{AnomalyFilter, Filter, Order, Parts, ResultStore, Selection, SessionStore};
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
    let mut out = output::stdout();
    if wanted.filter.is_some() {
        let filter = AnomalyFilter {
            order: Order::Time,
            all_levels: true,
            filter: wanted.filter,
            ..AnomalyFilter::between(from, to)
        };
        let documents = Documents::new(schema.into(), prefix);
        let records = results.anomalies(&filter)?;
        let mut lines = lines(format, records.iter().map(|record| documents.record(record)));
        let written = lines.try_for_each(|line| out.write_all(line.as_bytes())).and_then(|()| out.flush());
        return output::finish(written, Exit::Ok);
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
    let mut written = Ok(());
    // Only what has a line of its own can be written as it comes.
    let mut whole = Vec::new();
    results.documents(&selection, &mut |document| {
        if format == DocumentFormat::Csv {
            whole.push(document);
            return ControlFlow::Continue(());
        }
        written = lines(format, [document]).try_for_each(|line| out.write_all(line.as_bytes()));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let mut rest = lines(format, whole);
    let written = written.and_then(|()| rest.try_for_each(|line| out.write_all(line.as_bytes())));
    output::finish(written.and_then(|()| out.flush()), Exit::Ok)
}

fn lines<'a>(
    format: DocumentFormat,
    documents: impl IntoIterator<Item = Document> + 'a,
) -> Box<dyn Iterator<Item = String> + 'a> {
    let documents = documents.into_iter();
    match format {
        DocumentFormat::Ndjson => Box::new(write::ndjson(documents)),
        DocumentFormat::Csv => Box::new(write::csv(documents)),
    }
}
