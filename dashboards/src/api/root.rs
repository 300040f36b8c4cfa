//! `/metrics` and `/health`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use crate::problem::{Problem, ProblemDocument};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

impl Health {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok".to_owned() })
    }
}

/// Counters in the `OpenMetrics` text format.
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, body = String, content_type = "application/openmetrics-text"),
))]
pub async fn metrics(State(app): App) -> Result<Response, Problem> {
    let mut text = String::new();
    encode(&mut text, &app.metrics).map_err(|_| Problem::internal("the counters could not be written"))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// The program runs.
#[utoipa::path(get, path = "/health/livez", tag = "service", responses((status = 200, body = Health)))]
pub async fn livez() -> Json<Health> {
    Health::ok()
}

/// The program can answer.
#[utoipa::path(get, path = "/health/readyz", tag = "service", responses(
    (status = 200, body = Health),
    (status = 503, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn readyz(State(app): App) -> Result<Json<Health>, Problem> {
    if app.status.ready() {
        Ok(Health::ok())
    } else {
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the program is still starting"))
    }
}
