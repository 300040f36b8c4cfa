//! `/events`: server-sent events.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};

use super::App;
use crate::params::{Params, ZoneParams};
use crate::problem::{Problem, ProblemDocument};

/// How long a line may be silent.
const SILENCE: Duration = Duration::from_secs(15);

/// Live events: `bucket` and `anomaly` with their data, and `exporters` when that list changed.
///
/// A `Last-Event-ID` header gives what was missed since, as far as it is kept.
#[utoipa::path(get, path = "/api/v1/events", tag = "results",
    params(ZoneParams, ("Last-Event-ID" = Option<u64>, Header, description = "Id of the last event seen")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn events(
    State(app): App,
    headers: HeaderMap,
    Params(zone): Params<ZoneParams>,
) -> Result<Response, Problem> {
    let last = match headers.get("last-event-id").map(|value| value.to_str().map(str::parse::<u64>)) {
        None => None,
        Some(Ok(Ok(id))) => Some(id),
        Some(_) => return Err(Problem::bad_request("header \"last-event-id\" is no event id")),
    };
    let stream = app.hub.listen(last, zone.over(&app.settings)).ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no more listeners can be served now; try again later")
    })?;
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(SILENCE)).into_response())
}
