//! `halfopen results`: what detection found, as documents.

use std::io::Write as _;

use ::jobs::document::write;
use ::jobs::{Document, Documents, JobDocuments};
use analytics::jobs::{JobResults, JobShelf};
use analytics::{AnomalyFilter, Filter, Order, ResultStore, SessionStore};
use tracker::Micros;

use super::args::{DocumentFormat, Place, SchemaName};
use super::exit::{Exit, Failed, OrExit};
use super::{config, jobs, output, time};

/// Prints records, buckets and influencers as documents, by time; with a filter, the records that pass.
pub fn export(
    schema: SchemaName,
    format: DocumentFormat,
    (from, to): (Option<&str>, Option<&str>),
    (filter, job): (Option<Filter>, Option<&str>),
    place: &Place,
) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(place)?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let millis = |text: Option<&str>, default: Micros| -> Result<i64, Failed> {
        Ok(text.map(time::parse).transpose().or_exit(Exit::Usage)?.map_or(default, |time| time.div_euclid(1_000)))
    };
    let (from, to) = (millis(from, i64::MIN)?, millis(to, i64::MAX)?);
    let documents = Documents::new(schema.into(), jobs::prefix(&config)?);
    let all = match job {
        Some(id) => documents_of_job(&store, id, schema, from, to)?,
        None => documents_between(&ResultStore::open(&store), &documents, (from, to), filter)?,
    };
    let mut out = output::stdout();
    let mut lines: Box<dyn Iterator<Item = String>> = match format {
        DocumentFormat::Ndjson => Box::new(write::ndjson(all)),
        DocumentFormat::Csv => Box::new(write::csv(all)),
    };
    let written = lines.try_for_each(|line| out.write_all(line.as_bytes())).and_then(|()| out.flush());
    output::finish(written, Exit::Ok)
}

/// Every result of one imported job with `from <= timestamp < to` (ms).
fn documents_of_job(
    store: &SessionStore,
    id: &str,
    schema: SchemaName,
    from: i64,
    to: i64,
) -> Result<Vec<Document>, Failed> {
    let job = jobs::imported(&JobShelf::open(store), id)?.definition.id;
    let outcomes = JobResults::open(store, &job).between(from, to)?;
    let documents = JobDocuments { job, schema: Some(schema.into()) };
    Ok(outcomes.iter().flat_map(|outcome| documents.outcome(outcome).collect::<Vec<_>>()).collect())
}

/// Every result with `from <= timestamp < to` (ms).
fn documents_between(
    results: &ResultStore,
    documents: &Documents,
    (from, to): (i64, i64),
    filter: Option<Filter>,
) -> Result<Vec<Document>, Failed> {
    let only_records = filter.is_some();
    let between = AnomalyFilter::between(from, to);
    let filter = AnomalyFilter { order: Order::Time, limit: usize::MAX, all_levels: true, filter, ..between };
    let records = results.anomalies(&filter)?;
    if only_records {
        return Ok(records.iter().map(|record| documents.record(record)).collect());
    }
    let buckets = results.buckets(from, to, None)?;
    let influencers = results.influencers(from, to, None)?;
    let records = records.iter().map(|record| documents.record(record));
    let buckets = buckets.iter().map(|bucket| documents.bucket(bucket));
    Ok(records.chain(buckets).chain(influencers.iter().map(|result| documents.influencer_result(result))).collect())
}
