//! `/alerts`: what people were told of and is not over.

use axum::Json;
use axum::extract::State;

use super::App;
use crate::params::{NoParams, Params};
use crate::problem::ProblemDocument;
use crate::wire::alerts::AlertList;

/// Alerts that are going on, the worst first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "delivery", responses(
    (status = 200, body = AlertList),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn alerts(State(app): App, Params(NoParams {}): Params<NoParams>) -> Json<AlertList> {
    Json(AlertList { items: app.delivery.alerts() })
}
