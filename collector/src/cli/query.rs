//! `halfopen query`: SQL over the store.

use std::io::Write;

use analytics::{Filter, QueryEngine, SessionStore};
use anyhow::Context as _;
use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::LineDelimited;
use arrow::util::pretty::pretty_format_batches_with_schema;
use futures::{StreamExt as _, TryStreamExt as _};

use super::args::{Place, TableFormat};
use super::exit::{Exit, Failed, OrExit};
use super::{config, jobs, output, runtime};

/// What is asked where only a filter is given.
const NEWEST: &str = r#"SELECT * FROM sessions ORDER BY "end" DESC, session_id LIMIT 100"#;

/// Runs the query over the sessions that pass, and prints its rows.
pub fn run(sql: Option<&str>, filter: Option<Filter>, place: &Place, format: TableFormat) -> Result<Exit, Failed> {
    let sql = sql.unwrap_or(NEWEST);
    let (config, dir) = config::of_place(place)?;
    let prefix = jobs::prefix(&config)?;
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    let exit = runtime()?.block_on(async {
        let (schema, mut rows) =
            QueryEngine::new(&store).named(prefix).only(filter).sql(sql).await.context("failed to run the query")?;
        if format == TableFormat::Table {
            let batches: Vec<RecordBatch> = rows.try_collect().await.context("failed to run the query")?;
            return output::print(&table(&schema, &batches)?);
        }
        let mut printer = Printer::new(format, schema);
        while let Some(batch) = rows.next().await {
            let written = printer.write(&batch.context("failed to run the query")?);
            if written.is_err() {
                return output::finish(written, Exit::Ok);
            }
        }
        output::finish(printer.finish(), Exit::Ok)
    });
    report_skipped(&store);
    exit
}

/// Says which files of the store could not be read.
pub fn report_skipped(store: &SessionStore) {
    for file in store.report().skipped {
        tracing::warn!(path = %file.path.display(), reason = %file.reason, "skipped an unreadable file");
    }
}

/// Rows as a table for people.
pub fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> anyhow::Result<String> {
    Ok(format!("{}\n", pretty_format_batches_with_schema(schema.clone(), batches)?))
}

/// Prints batches one by one; the header comes even where there is no row.
pub struct Printer {
    format: TableFormat,
    schema: SchemaRef,
    header: bool,
    out: Box<dyn Write>,
}

impl Printer {
    /// A printer of CSV or NDJSON to standard output.
    pub fn new(format: TableFormat, schema: SchemaRef) -> Self {
        Self::to(Box::new(output::stdout()), format, schema)
    }

    /// A printer of CSV or NDJSON.
    pub fn to(out: Box<dyn Write>, format: TableFormat, schema: SchemaRef) -> Self {
        Self { format, schema, header: true, out }
    }

    /// Prints a batch.
    pub fn write(&mut self, batch: &RecordBatch) -> std::io::Result<()> {
        if self.format == TableFormat::Csv {
            let header = std::mem::take(&mut self.header);
            WriterBuilder::new().with_header(header).build(&mut self.out).write(batch).map_err(into_io)
        } else {
            let mut writer = JsonBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut self.out);
            writer.write(batch).map_err(into_io)
        }
    }

    /// Prints what is left.
    pub fn finish(mut self) -> std::io::Result<()> {
        if self.header && self.format == TableFormat::Csv {
            self.write(&RecordBatch::new_empty(self.schema.clone()))?;
        }
        self.out.flush()
    }
}

fn into_io(error: arrow::error::ArrowError) -> std::io::Error {
    match error {
        arrow::error::ArrowError::IoError(_, error) => error,
        other => std::io::Error::other(other),
    }
}
