//! `/version` and `/openapi.json`.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use crate::params::{NoParams, Params};
use crate::problem::ProblemDocument;

/// What answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    /// Name of the program.
    pub name: String,
    /// Its version.
    pub version: String,
    /// It shows invented sessions.
    pub demo: bool,
    /// When it started, ms since the epoch.
    pub started: i64,
    /// Its time, ms since the epoch.
    pub now: i64,
}

/// What answers.
#[utoipa::path(get, path = "/api/v1/version", tag = "service", responses(
    (status = 200, body = Version),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn version(State(app): App, Params(NoParams {}): Params<NoParams>) -> Json<Version> {
    Json(Version {
        name: "halfopen".to_owned(),
        version: app.info.version.clone(),
        demo: app.info.demo,
        started: app.info.started.div_euclid(1000),
        now: app.now().div_euclid(1000),
    })
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "service", responses(
    (status = 200, body = serde_json::Value, content_type = "application/json"),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn openapi_json(Params(NoParams {}): Params<NoParams>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], super::openapi())
}
