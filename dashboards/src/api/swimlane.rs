//! `/swimlane`.

use analytics::{AnomalyFilter, Filter};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use crate::format::respond;
use crate::params::{Asked, Chosen, RangeParams, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::wire::swimlane::{By, Lanes, Swimlane};

const USUAL_CELLS: usize = 96;
const MOST_CELLS: usize = 1000;
const USUAL_LANES: usize = 10;
const MOST_LANES: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SwimlaneQuery {
    /// What lanes are by: overall (the default), perspective, server, client, port, outcome or exporter.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    by: Option<Chosen<By>>,
    /// What else must hold, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
    /// About so many cells, 1000 at most; 96 when absent.
    #[serde(default, deserialize_with = "text")]
    cells: Option<usize>,
    /// Lanes, 100 at most; 10 when absent.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
}

/// The highest score per cell of time.
#[utoipa::path(get, path = "/api/v1/swimlane", tag = "results", params(RangeParams, SwimlaneQuery), responses(
    (status = 200, content(
        (Swimlane = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn swimlane(
    State(app): App,
    Asked { range, perspective, format, params: query }: Asked<SwimlaneQuery>,
) -> Result<Response, Problem> {
    let by = query.by.map_or(By::Overall, |by| by.0);
    let cells = query.cells.unwrap_or(USUAL_CELLS);
    if !(1..=MOST_CELLS).contains(&cells) {
        let detail = format!("query parameter \"cells\": {cells} is not within 1 to {MOST_CELLS}");
        return Err(Problem::bad_request(detail));
    }
    let most = limit(query.limit, USUAL_LANES, MOST_LANES)?;
    let lanes = ask(&app.source, move |source| {
        let mut lanes = Lanes::new(by, range, cells);
        if query.filter.is_some() {
            let filter =
                AnomalyFilter { perspective, filter: query.filter, ..AnomalyFilter::between(range.from, range.to) };
            lanes.matching(&source.anomalies(&filter)?);
        } else if matches!(by, By::Overall | By::Perspective) {
            lanes.buckets(&source.buckets(range.from, range.to, perspective)?);
        } else {
            let filter =
                AnomalyFilter { perspective, all_levels: true, ..AnomalyFilter::between(range.from, range.to) };
            lanes.records(&source.anomalies(&filter)?);
            lanes.influencers(&source.influencers(range.from, range.to, perspective)?);
        }
        Ok(lanes)
    })
    .await?;
    let lanes = lanes.finish(most);
    respond(format, "swimlane", &lanes, &lanes.rows())
}
