//! `/reference`: the settings and the metrics of this very program.

use axum::Json;
use axum::extract::State;

use super::App;
use crate::params::{NoParams, Params};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::reference::Reference;

/// Every setting with its default, and every metric, as this program declares them.
#[utoipa::path(get, path = "/api/v1/reference", tag = "service", responses(
    (status = 200, body = Reference),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn reference(State(app): App, Params(NoParams {}): Params<NoParams>) -> Result<Json<Reference>, Problem> {
    Ok(Json(app.reference.clone()))
}
