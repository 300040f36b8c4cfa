//! `/influencers`.

use analytics::{AnomalyFilter, Filter};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use crate::format::respond;
use crate::params::{Asked, RangeParams, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::wire::influencers::{Influencers, influencers as sum_up, of_records};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InfluencerQuery {
    /// Only those of anomalies that pass, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

/// Who or what anomalies are due to, summed up by field and value.
#[utoipa::path(get, path = "/api/v1/influencers", tag = "results", params(RangeParams, InfluencerQuery), responses(
    (status = 200, content(
        (Influencers = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn influencers(
    State(app): App,
    Asked { range, perspective, format, params: query }: Asked<InfluencerQuery>,
) -> Result<Response, Problem> {
    let found = if let Some(filter) = query.filter {
        let filter =
            AnomalyFilter { perspective, filter: Some(filter), ..AnomalyFilter::between(range.from, range.to) };
        of_records(&ask(&app.source, move |source| source.anomalies(&filter)).await?)
    } else {
        sum_up(&ask(&app.source, move |source| source.influencers(range.from, range.to, perspective)).await?)
    };
    respond(format, "influencers", &found, &found.rows())
}
