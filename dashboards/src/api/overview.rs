//! `/sessions/summary`: how many sessions a list of them would have, over time and by outcome.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::sessions::Criteria;
use crate::format::respond;
use crate::params::{Asked, Both, RangeParams, text};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::overview::{SessionSummary, step};

const USUAL_CELLS: usize = 96;
const MOST_CELLS: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CellQuery {
    /// About so many cells, 500 at most; 96 when absent.
    #[serde(default, deserialize_with = "text")]
    cells: Option<usize>,
}

/// Stored sessions counted by time and outcome. Takes what `/sessions` takes; interim records of long sessions are not counted.
#[utoipa::path(get, path = "/api/v1/sessions/summary", tag = "sessions",
    params(RangeParams, Criteria, CellQuery),
    responses(
        (status = 200, content(
            (SessionSummary = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
        )),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn overview(
    State(app): App,
    Asked { range, perspective, format, params: Both(criteria, query) }: Asked<Both<Criteria, CellQuery>>,
) -> Result<Response, Problem> {
    let cells = query.cells.unwrap_or(USUAL_CELLS);
    if !(1..=MOST_CELLS).contains(&cells) {
        let detail = format!("query parameter \"cells\": {cells} is not within 1 to {MOST_CELLS}");
        return Err(Problem::bad_request(detail));
    }
    let step = step(range, cells);
    let overview = app.source.overview(&criteria.within(range, perspective), step * 1000).await?;
    let summary = SessionSummary::of(&overview, range, step);
    respond(format, "session-summary", &summary, &summary.cells)
}
