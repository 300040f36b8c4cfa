//! `/results` and what an imported job found: result documents for other programs.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::Arc;

use analytics::{AnomalyFilter, Filter, Parts, Selection};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use jobs::document::write::{bulk, csv, ndjson};
use jobs::{Document, Documents, Schema};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::imported::{known, work};
use super::{App, Shared};
use crate::format::{Format, download};
use crate::params::{Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::{TimeRange, When};

/// Documents that wait for whoever takes them.
const WAITING: usize = 256;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultQuery {
    /// Vocabulary of the documents: ecs (the default) or codex.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    schema: Option<Schema>,
    /// ndjson (the default), csv, or bulk, which Elasticsearch's `_bulk` takes; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Form>,
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
    /// Only records of detection that pass, in the filter language; nothing else is then given.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobResultQuery {
    /// Vocabulary of the documents: ecs or codex; that of the definition when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    schema: Option<Schema>,
    /// json (the default: an object with `items`), ndjson, csv, or bulk, which Elasticsearch's `_bulk` takes.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Form>,
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

impl FromStr for Form {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        match name {
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "bulk" => Ok(Self::Bulk),
            _ => Err("expected json, ndjson, csv or bulk"),
        }
    }
}

/// Records, buckets and influencers of every job, imported ones too, as documents with the field names of Elastic's
/// anomaly results; on request what the models expected, and overall buckets.
#[utoipa::path(get, path = "/api/v1/results", tag = "jobs", params(ResultQuery), responses(
    (status = 200, content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn results(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<ResultQuery>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let schema = query.schema.unwrap_or(Schema::Ecs);
    let form = query.format.unwrap_or(match Format::of(None, &headers) {
        Format::Csv => Form::Csv,
        _ => Form::Ndjson,
    });
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
    let parts = query.documents.unwrap_or_default();
    let wanted = Selection { from, to, job: None, parts, min_score: 0.0, schema: Some(schema), prefix };
    written(selected(&app, wanted), form, &name, index).await
}

/// What an imported job found: records, buckets and influencers as documents with the field names of Elastic's anomaly
/// results; on request what its models expected, where the definition has them kept (`model_plot_config`).
#[utoipa::path(get, path = "/api/v1/jobs/imported/{id}/results", tag = "jobs",
    params(("id" = String, Path, description = "job id"), JobResultQuery),
    responses(
        (status = 200, content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn job_results(
    State(app): App,
    Path(id): Path<String>,
    Params(query): Params<JobResultQuery>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let job = work(&app, move |shelf| known(shelf, &id)).await?;
    let vocabulary = query.schema.map_or_else(String::new, |schema| format!("_{schema}"));
    let (name, index) = (format!("{job}{vocabulary}_results"), format!("halfopen-anomalies-{job}"));
    let wanted = Selection {
        from: range.from,
        to: range.to,
        job: Some(job),
        parts: query.documents.unwrap_or_default(),
        min_score: query.min_score,
        schema: query.schema,
        prefix: app.settings.prefix.clone(),
    };
    written(selected(&app, wanted), query.format.unwrap_or(Form::Json), &name, index).await
}

type Documented = futures::stream::BoxStream<'static, Document>;

/// The documents as they are read; reading goes on as fast as they are taken.
fn selected(app: &Arc<Shared>, wanted: Selection) -> Documented {
    let source = Arc::clone(&app.source);
    let (sender, mut receiver) = tokio::sync::mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let read = source.documents(&wanted, &mut |document| match sender.blocking_send(document) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
        if let Err(error) = read {
            tracing::error!(%error, "results cannot be read");
        }
    });
    futures::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
}

async fn written(
    documents: impl futures::Stream<Item = Document> + Send + 'static,
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
        Form::Csv => {
            // The header names the columns of all of them.
            let all: Vec<Document> = documents.collect().await;
            let rows = futures::stream::iter(csv(all).map(Ok::<_, Infallible>));
            download(Body::from_stream(rows), "text/csv; charset=utf-8", &format!("{name}.csv"))
        }
        Form::Json => {
            let items: Vec<Value> = documents.map(|document| Value::Object(document.body)).collect().await;
            Json(serde_json::json!({"items": items})).into_response()
        }
    })
}

/// Documents as lines, as they come.
fn lines(
    documents: impl futures::Stream<Item = Document> + Send + 'static,
    index: String,
    line: fn(Document, &str) -> String,
) -> Body {
    Body::from_stream(documents.map(move |document| Ok::<_, Infallible>(line(document, &index))))
}
