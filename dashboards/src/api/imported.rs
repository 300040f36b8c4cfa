//! `/jobs/imported`: jobs that people bring, and what becomes of them.

use std::str::FromStr;

use analytics::StoreError;
use analytics::jobs::{ImportError, JobShelf, Order, import, snapshots};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jobs::JobId;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{App, Shared};
use crate::format::download;
use crate::guard::{Change, Ours, Removal};
use crate::params::{NoParams, Params, flag};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::imported::{ImportReport, ImportedJob, Revert, SnapshotList, report};

/// Longest document that is imported, bytes.
pub const LARGEST: usize = 8 << 20;

fn shelf(app: &Shared) -> Result<JobShelf, Problem> {
    app.shelf.clone().ok_or_else(|| Problem::not_found("this service keeps no jobs"))
}

pub(super) fn known(shelf: &JobShelf, id: &str) -> Result<JobId, Problem> {
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
    Params(query): Params<ImportQuery>,
    Change(document): Change<Value>,
) -> Result<Json<ImportReport>, Problem> {
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
    responses(Removal),
)]
pub async fn remove(
    State(app): App,
    _: Ours,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
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
    Path((id, action)): Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
    Change(Revert { snapshot, delete_results }): Change<Revert>,
) -> Result<Response, Problem> {
    let action: Action = action.parse()?;
    let job = work(&app, move |shelf| {
        let id = known(shelf, &id)?;
        match action {
            Action::Enable | Action::Run => shelf.enable(&id, true)?,
            Action::Disable => shelf.enable(&id, false)?,
            Action::Reset => shelf.order(&id, &Order::Reset)?,
            Action::Forget => shelf.order(&id, &Order::Forget)?,
            Action::Revert => {
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
