//! `/jobs/imported`: jobs that people bring, what becomes of them, and what they find.

use std::str::FromStr;

use analytics::StoreError;
use analytics::jobs::{ImportError, JobResults, JobShelf, Order, import, snapshots};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jobs::document::write::{bulk, csv, ndjson};
use jobs::{Document, JobDocuments, JobId, Schema};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{App, Shared};
use crate::format::download;
use crate::guard::same_origin;
use crate::params::{NoParams, Params, flag, text};
use crate::problem::{Problem, ProblemDocument};
use crate::time::{TimeRange, When};
use crate::wire::imported::{ImportReport, ImportedJob, Revert, SnapshotList, report};

/// Longest document that is imported, bytes.
pub const LARGEST: usize = 8 << 20;

fn shelf(app: &Shared) -> Result<JobShelf, Problem> {
    app.shelf.clone().ok_or_else(|| Problem::not_found("this service keeps no jobs"))
}

fn known(shelf: &JobShelf, id: &str) -> Result<JobId, Problem> {
    let unknown = || Problem::not_found(format!("there is no imported job {id:?}"));
    let job = JobId::new(id).map_err(|_| unknown())?;
    match shelf.get(&job) {
        Ok(Some(_)) => Ok(job),
        Ok(None) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

/// Does something with the shelf, away from the threads that serve requests.
pub(super) async fn work<T: Send + 'static>(
    app: &Shared,
    what: impl FnOnce(&JobShelf) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let shelf = shelf(app)?;
    let done = tokio::task::spawn_blocking(move || what(&shelf)).await;
    done.unwrap_or_else(|_| Err(Problem::internal("the request could not be completed")))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// 1: only say what would become of it.
    #[serde(default, deserialize_with = "flag")]
    dry_run: bool,
}

/// Imports job definitions: what Kibana exports, bodies of `PUT _ml/anomaly_detectors`, lists and calendars. They run
/// over the history at once. Jobs that cannot be run are refused with their reasons, the others imported.
#[utoipa::path(post, path = "/api/v1/jobs/import", tag = "jobs", params(ImportQuery),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, body = ImportReport),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn import_jobs(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<ImportQuery>,
    body: Bytes,
) -> Result<Json<ImportReport>, Problem> {
    same_origin(&headers, true)?;
    let document: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad_request(format!("the body is no valid json: {error}")))?;
    let now = app.now();
    let imported = work(&app, move |shelf| {
        import(shelf, &document, now, !query.dry_run).map_err(|error| match error {
            ImportError::Content(refusal) => Problem::bad_request(refusal.to_string()),
            ImportError::Store(StoreError::Setting { reason, .. }) => Problem::bad_request(reason),
            ImportError::Store(error) => error.into(),
        })
    })
    .await?;
    Ok(Json(report(imported)))
}

/// One imported job with its definition and run history.
#[utoipa::path(get, path = "/api/v1/jobs/imported/{id}", tag = "jobs", params(("id" = String, Path, description = "job id")),
    responses(
        (status = 200, body = ImportedJob),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn job(
    State(app): App,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<ImportedJob>, Problem> {
    let found = work(&app, move |shelf| {
        let id = known(shelf, &id)?;
        Ok(shelf.get(&id)?.map(|job| ImportedJob::new(&job, true)))
    });
    found.await?.map(Json).ok_or_else(|| Problem::not_found("there is no such job"))
}

/// The file of an imported job: a JSON array of `{job, datafeed}` as Kibana imports it.
#[utoipa::path(get, path = "/api/v1/jobs/imported/{id}/definition", tag = "jobs",
    params(("id" = String, Path, description = "job id")),
    responses(
        (status = 200, body = serde_json::Value, content_type = "application/json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn definition(
    State(app): App,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let found = work(&app, move |shelf| {
        let id = known(shelf, &id)?;
        Ok(shelf.get(&id)?.map(|job| job.definition))
    });
    let job = found.await?.ok_or_else(|| Problem::not_found("there is no such job"))?;
    Ok(download(job.file(), "application/json", &job.file_name()))
}

/// Removes an imported job with its results. Requests of pages of another origin are refused.
#[utoipa::path(delete, path = "/api/v1/jobs/imported/{id}", tag = "jobs", params(("id" = String, Path, description = "job id")),
    responses(
        (status = 204),
        (status = 403, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn remove(
    State(app): App,
    headers: HeaderMap,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    same_origin(&headers, false)?;
    work(&app, move |shelf| Ok(shelf.remove(&known(shelf, &id)?)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What can be done to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Enable,
    Disable,
    Run,
    Reset,
    Forget,
    Revert,
}

impl FromStr for Action {
    type Err = Problem;

    fn from_str(name: &str) -> Result<Self, Problem> {
        match name {
            "enable" => Ok(Self::Enable),
            "disable" => Ok(Self::Disable),
            "run" => Ok(Self::Run),
            "reset" => Ok(Self::Reset),
            "forget" => Ok(Self::Forget),
            "revert" => Ok(Self::Revert),
            _ => Err(Problem::not_found("expected enable, disable, run, reset, forget or revert")),
        }
    }
}

/// Does something to an imported job: `enable`, `disable`, `run` (enables it, and it catches up at once), `reset` (drops
/// models and results and runs over the whole history), `forget` (learns from now on) or `revert` (to a snapshot, which
/// the body names). The body is JSON; `{}` for all but `revert`.
#[utoipa::path(post, path = "/api/v1/jobs/imported/{id}/{action}", tag = "jobs",
    params(("id" = String, Path, description = "job id"),
        ("action" = String, Path, description = "enable, disable, run, reset, forget or revert")),
    request_body(content = Revert, content_type = "application/json"),
    responses(
        (status = 202, body = ImportedJob),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn act(
    State(app): App,
    headers: HeaderMap,
    Path((id, action)): Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
    body: Bytes,
) -> Result<Response, Problem> {
    same_origin(&headers, true)?;
    let action: Action = action.parse()?;
    let wanted: Option<Revert> = if action == Action::Revert {
        let read = serde_json::from_slice(&body);
        Some(read.map_err(|error| Problem::bad_request(format!("the body is no order to revert: {error}")))?)
    } else {
        None
    };
    let job = work(&app, move |shelf| {
        let id = known(shelf, &id)?;
        match action {
            Action::Enable | Action::Run => shelf.enable(&id, true)?,
            Action::Disable => shelf.enable(&id, false)?,
            Action::Reset => shelf.order(&id, &Order::Reset)?,
            Action::Forget => shelf.order(&id, &Order::Forget)?,
            Action::Revert => {
                let Revert { snapshot, delete_results } = wanted.unwrap_or_default();
                let snapshot = snapshot.div_euclid(1000);
                if !snapshots(shelf, &id).contains(&snapshot) {
                    return Err(Problem::bad_request("the job has no such snapshot"));
                }
                shelf.order(&id, &Order::Revert { snapshot, delete_results })?
            }
        };
        Ok(shelf.get(&id)?.map(|job| ImportedJob::new(&job, false)))
    });
    let job = job.await?.ok_or_else(|| Problem::not_found("there is no such job"))?;
    Ok((StatusCode::ACCEPTED, Json(job)).into_response())
}

/// The model snapshots of an imported job.
#[utoipa::path(get, path = "/api/v1/jobs/imported/{id}/snapshots", tag = "jobs",
    params(("id" = String, Path, description = "job id")),
    responses(
        (status = 200, body = SnapshotList),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn job_snapshots(
    State(app): App,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<SnapshotList>, Problem> {
    let found = work(&app, move |shelf| Ok(snapshots(shelf, &known(shelf, &id)?))).await?;
    Ok(Json(SnapshotList { items: found.into_iter().map(|end| end * 1000).collect() }))
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

/// What an imported job found: records, buckets and influencers as documents with the field names of Elastic's anomaly
/// results.
#[utoipa::path(get, path = "/api/v1/jobs/imported/{id}/results", tag = "jobs",
    params(("id" = String, Path, description = "job id"), JobResultQuery),
    responses(
        (status = 200, content((serde_json::Value = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"))),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn results(
    State(app): App,
    Path(id): Path<String>,
    Params(query): Params<JobResultQuery>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let (schema, least) = (query.schema, query.min_score);
    let (job, documents) = work(&app, move |shelf| {
        let job = known(shelf, &id)?;
        let outcomes = JobResults::open(shelf.store(), &job).between(range.from, range.to)?;
        let writer = JobDocuments { job: job.clone(), schema };
        let documents: Vec<Document> = outcomes.iter().flat_map(|outcome| writer.outcome(outcome)).collect();
        let score = |document: &Document| {
            let of = |key: &str| document.body.get(key).and_then(Value::as_f64);
            of("record_score").or_else(|| of("anomaly_score")).or_else(|| of("influencer_score")).unwrap_or(0.0)
        };
        Ok((job, documents.into_iter().filter(|document| score(document) >= least).collect::<Vec<_>>()))
    })
    .await?;
    let vocabulary = schema.map_or_else(String::new, |schema| format!("_{schema}"));
    let name = format!("{job}{vocabulary}_results");
    Ok(match query.format.unwrap_or(Form::Json) {
        Form::Json => {
            let items: Vec<Value> = documents.into_iter().map(|document| Value::Object(document.body)).collect();
            Json(serde_json::json!({"items": items})).into_response()
        }
        Form::Ndjson => {
            download(ndjson(documents).collect::<String>(), "application/x-ndjson", &format!("{name}.ndjson"))
        }
        Form::Csv => download(csv(documents).collect::<String>(), "text/csv; charset=utf-8", &format!("{name}.csv")),
        Form::Bulk => {
            let index = format!("halfopen-anomalies-{job}");
            let lines: String = bulk(documents, &index).collect();
            download(lines, "application/x-ndjson", &format!("{name}_bulk.ndjson"))
        }
    })
}
