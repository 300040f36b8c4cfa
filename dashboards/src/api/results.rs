//! `/results` and what an imported job found: result documents for other programs.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use analytics::{AnomalyFilter, Filter, Parts, Selection};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _};
use jobs::document::csv::CsvTable;
use jobs::document::write::{bulk, ndjson};
use jobs::{Document, Documents, Schema};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use utoipa::IntoParams;

use super::imported::{known, work};
use super::{App, Shared};
use crate::format::{Format, download};
use crate::params::{Both, Choice, Chosen, Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::{TimeRange, When};

/// Documents that wait for whoever takes them.
const WAITING: usize = 256;

/// What every question about result documents has.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DocumentParams {
    /// Start of the range; 24 hours before its end when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    from: Option<When>,
    /// End of the range; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    to: Option<When>,
    /// Of `records`, `buckets`, `influencers`, `model_plot` and `overall_buckets`, by commas; the first three when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    documents: Option<Parts>,
    /// Vocabulary of the documents: ecs or codex. When absent, that of the job's definition; of detection, ecs.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    schema: Option<Schema>,
    /// json (an object with `items`, the default of one job's results), ndjson (that of all results, where `Accept` names
    /// no other), csv, or bulk, which Elasticsearch's `_bulk` takes.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Chosen<Form>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ResultQuery {
    /// Only records of detection that pass, in the filter language; nothing else is then given.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobResultQuery {
    /// Only documents of this score or more (0-100).
    #[serde(default)]
    min_score: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Ndjson,
    Csv,
    Bulk,
}

impl Choice for Form {
    const NAMES: &'static [(&'static str, Self)] =
        &[("json", Self::Json), ("ndjson", Self::Ndjson), ("csv", Self::Csv), ("bulk", Self::Bulk)];
}

/// Records, buckets and influencers of every job, imported ones too, as documents with the field names of Elastic's
/// anomaly results; on request what the models expected, and overall buckets.
#[utoipa::path(get, path = "/api/v1/results", tag = "jobs", params(DocumentParams, ResultQuery), responses(
    (status = 200, content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn results(
    State(app): App,
    headers: HeaderMap,
    Params(Both(asked, query)): Params<Both<DocumentParams, ResultQuery>>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(asked.from, asked.to, app.now())?;
    let schema = asked.schema.unwrap_or(Schema::Ecs);
    let accepted = if Format::of(None, &headers) == Format::Csv { Form::Csv } else { Form::Ndjson };
    let form = asked.format.map_or(accepted, |Chosen(form)| form);
    let name = format!("halfopen_{schema}_results");
    let index = format!("halfopen-anomalies-{schema}");
    let prefix = app.settings.prefix.clone();
    if query.filter.is_some() {
        let between = AnomalyFilter::between(range.from, range.to);
        let filter = AnomalyFilter { order: analytics::Order::Time, filter: query.filter, ..between };
        let records = ask(&app.source, move |source| source.anomalies(&filter)).await?;
        let documents = Documents::new(schema, prefix);
        let all = futures::stream::iter(records.into_iter().map(move |record| documents.record(&record)));
        return written(all, form, &name, index).await;
    }
    let (from, to) = (range.from, range.to);
    let parts = asked.documents.unwrap_or_default();
    let wanted = Selection { from, to, job: None, parts, min_score: 0.0, schema: Some(schema), prefix };
    written(selected(&app, wanted), form, &name, index).await
}

/// What an imported job found: records, buckets and influencers as documents with the field names of Elastic's anomaly
/// results; on request what its models expected, where the definition has them kept (`model_plot_config`).
#[utoipa::path(get, path = "/api/v1/jobs/imported/{id}/results", tag = "jobs",
    params(("id" = String, Path, description = "job id"), DocumentParams, JobResultQuery),
    responses(
        (status = 200, content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn job_results(
    State(app): App,
    Path(id): Path<String>,
    Params(Both(asked, query)): Params<Both<DocumentParams, JobResultQuery>>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(asked.from, asked.to, app.now())?;
    let job = work(&app, move |shelf| known(shelf, &id)).await?;
    let vocabulary = asked.schema.map_or_else(String::new, |schema| format!("_{schema}"));
    let (name, index) = (format!("{job}{vocabulary}_results"), format!("halfopen-anomalies-{job}"));
    let wanted = Selection {
        from: range.from,
        to: range.to,
        job: Some(job),
        parts: asked.documents.unwrap_or_default(),
        min_score: query.min_score,
        schema: asked.schema,
        prefix: app.settings.prefix.clone(),
    };
    let form = asked.format.map_or(Form::Json, |Chosen(form)| form);
    written(selected(&app, wanted), form, &name, index).await
}

type Documented = futures::stream::BoxStream<'static, Document>;

/// The documents as they are read; reading goes on as fast as they are taken.
fn selected(app: &Arc<Shared>, wanted: Selection) -> Documented {
    let source = Arc::clone(&app.source);
    from_thread(move |sender| {
        let read = source.documents(&wanted, &mut |document| match sender.blocking_send(document) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
        if let Err(error) = read {
            tracing::error!(%error, "results cannot be read");
        }
    })
    .boxed()
}

/// What a thread that may block sends, as fast as it is taken.
fn from_thread<T: Send + 'static>(work: impl FnOnce(Sender<T>) + Send + 'static) -> impl Stream<Item = T> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || work(sender));
    futures::stream::poll_fn(move |context| receiver.poll_recv(context))
}

async fn written(
    documents: impl Stream<Item = Document> + Send + 'static,
    form: Form,
    name: &str,
    index: String,
) -> Result<Response, Problem> {
    Ok(match form {
        Form::Ndjson => {
            let body = lines(documents, index, |document, _| ndjson([document]).collect());
            download(body, "application/x-ndjson", &format!("{name}.ndjson"))
        }
        Form::Bulk => {
            let body = lines(documents, index, |document, index| bulk([document], index).collect());
            download(body, "application/x-ndjson", &format!("{name}_bulk.ndjson"))
        }
        Form::Csv => download(Body::from_stream(table(documents)), "text/csv; charset=utf-8", &format!("{name}.csv")),
        Form::Json => {
            let items: Vec<Value> = documents.map(|document| Value::Object(document.body)).collect().await;
            Json(serde_json::json!({"items": items})).into_response()
        }
    })
}

/// Documents as a CSV table. Its header names the columns of all of them: the rows wait in a file until the last one is
/// read. A failure ends the stream before its end, so that nobody takes a part for the whole.
fn table(documents: impl Stream<Item = Document> + Send + 'static) -> impl Stream<Item = io::Result<String>> {
    let runtime = tokio::runtime::Handle::current();
    from_thread(move |sender| {
        let gathered = || -> io::Result<CsvTable<File>> {
            let mut table = CsvTable::new(tempfile::tempfile()?);
            let mut documents = std::pin::pin!(documents);
            while let Some(document) = runtime.block_on(documents.next()) {
                table.push_document(document)?;
            }
            Ok(table)
        };
        match gathered().and_then(CsvTable::lines) {
            // Whoever asked may have gone.
            Ok(mut lines) => drop(lines.try_for_each(|line| sender.blocking_send(line))),
            Err(error) => {
                tracing::error!(%error, "results cannot be written as a table");
                drop(sender.blocking_send(Err(error)));
            }
        }
    })
}

/// Documents as lines, as they come.
fn lines(
    documents: impl Stream<Item = Document> + Send + 'static,
    index: String,
    line: fn(Document, &str) -> String,
) -> Body {
    Body::from_stream(documents.map(move |document| Ok::<_, Infallible>(line(document, &index))))
}
