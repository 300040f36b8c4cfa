//! `/jobs` and the job files.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use jobs::{JobDefinition, Schema, everything, failed_sessions};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::imported::work;
use crate::format::download;
use crate::params::{NoParams, Params, flag};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::catalogue::{self, CatalogueList};
use crate::wire::imported::ImportedJob;
use crate::wire::job::{JobList, list, perspective};

/// The jobs, with how they are doing.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", responses(
    (status = 200, body = JobList),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn jobs(State(app): App, Params(NoParams {}): Params<NoParams>) -> Result<Json<JobList>, Problem> {
    let imported = match &app.shelf {
        None => Vec::new(),
        Some(_) => {
            work(&app, |shelf| Ok(shelf.list()?.iter().map(|job| ImportedJob::new(job, false)).collect())).await?
        }
    };
    Ok(Json(list(&app.settings, &app.status.jobs(), imported)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobFileQuery {
    /// 1: to be shown, not saved.
    #[serde(default, deserialize_with = "flag")]
    preview: bool,
}

/// A job file: a JSON array of `{job, datafeed}` as Kibana imports it.
#[utoipa::path(get, path = "/api/v1/jobs/{schema}/{perspective}", tag = "jobs",
    params(
        ("schema" = String, Path, description = "ecs or codex"),
        ("perspective" = String, Path, description = "edge, inbound (in), outbound (out) or private (priv)"),
        JobFileQuery,
    ),
    responses(
        (status = 200, body = serde_json::Value, content_type = "application/json"),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn job_file(
    State(app): App,
    Path((schema, view)): Path<(String, String)>,
    Params(query): Params<JobFileQuery>,
) -> Result<Response, Problem> {
    let schema: Schema =
        schema.parse().map_err(|error: jobs::schema::UnknownSchema| Problem::not_found(error.to_string()))?;
    let view = perspective(&view).ok_or_else(|| {
        Problem::not_found(format!("unknown perspective {view:?}, expected edge, inbound, outbound or private"))
    })?;
    Ok(file(&failed_sessions(&app.settings.prefix, schema, view), query.preview))
}

fn file(job: &JobDefinition, preview: bool) -> Response {
    let mut response = download(job.file(), "application/json", &job.file_name());
    if preview {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    }
    response
}

/// Every job that comes with the program, by what it is about, with what to do when it finds something.
#[utoipa::path(get, path = "/api/v1/jobs/catalogue", tag = "jobs", responses(
    (status = 200, body = CatalogueList),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn job_catalogue(
    State(app): App,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<CatalogueList>, Problem> {
    Ok(Json(catalogue::list(&app.settings.prefix)))
}

/// The file of a job that comes with the program: a JSON array of `{job, datafeed}` as Kibana imports it.
#[utoipa::path(get, path = "/api/v1/jobs/catalogue/{id}", tag = "jobs",
    params(("id" = String, Path, description = "job id"), JobFileQuery),
    responses(
        (status = 200, body = serde_json::Value, content_type = "application/json"),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn catalogue_file(
    State(app): App,
    Path(id): Path<String>,
    Params(query): Params<JobFileQuery>,
) -> Result<Response, Problem> {
    let found = everything(&app.settings.prefix).into_iter().find(|job| job.id.as_str() == id);
    let job = found.ok_or_else(|| Problem::not_found(format!("no job {id:?} comes with the program")))?;
    Ok(file(&job, query.preview))
}
