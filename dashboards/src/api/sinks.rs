//! `/sinks`: where results go, and how that goes.

use axum::Json;
use axum::extract::State;

use super::App;
use crate::params::{NoParams, Params};
use crate::problem::ProblemDocument;
use crate::wire::sinks::SinkList;

/// The sinks that results are delivered to, with what waits for each.
#[utoipa::path(get, path = "/api/v1/sinks", tag = "delivery", responses(
    (status = 200, body = SinkList),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn sinks(State(app): App, Params(NoParams {}): Params<NoParams>) -> Json<SinkList> {
    Json(SinkList { items: app.delivery.sinks() })
}
