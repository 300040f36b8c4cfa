//! `/influencers`.

use axum::Json;
use axum::extract::State;

use super::App;
use super::summary::SummaryQuery;
use crate::params::Params;
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::TimeRange;
use crate::wire::influencers::{Influencers, influencers as sum_up};

/// Who or what anomalies are due to, summed up by field and value.
#[utoipa::path(get, path = "/api/v1/influencers", tag = "results", params(SummaryQuery), responses(
    (status = 200, body = Influencers),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn influencers(State(app): App, Params(query): Params<SummaryQuery>) -> Result<Json<Influencers>, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let results = ask(&app.source, move |source| source.influencers(range.from, range.to, query.perspective)).await?;
    Ok(Json(sum_up(&results)))
}
