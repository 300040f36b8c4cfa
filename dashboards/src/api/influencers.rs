//! `/influencers`.

use analytics::{AnomalyFilter, Filter};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tracker::Perspective;
use utoipa::IntoParams;

use super::App;
use crate::params::{Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::{TimeRange, When};
use crate::wire::influencers::{Influencers, influencers as sum_up, of_records};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InfluencerQuery {
    /// Start of the range; 24 hours before its end when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    from: Option<When>,
    /// End of the range; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    to: Option<When>,
    /// Only this perspective: edge, inbound, outbound or private.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    perspective: Option<Perspective>,
    /// Only those of anomalies that pass, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

/// Who or what anomalies are due to, summed up by field and value.
#[utoipa::path(get, path = "/api/v1/influencers", tag = "results", params(InfluencerQuery), responses(
    (status = 200, body = Influencers),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn influencers(
    State(app): App,
    Params(query): Params<InfluencerQuery>,
) -> Result<Json<Influencers>, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let perspective = query.perspective;
    let Some(filter) = query.filter else {
        let results = ask(&app.source, move |source| source.influencers(range.from, range.to, perspective)).await?;
        return Ok(Json(sum_up(&results)));
    };
    let filter = AnomalyFilter { perspective, filter: Some(filter), ..AnomalyFilter::between(range.from, range.to) };
    let records = ask(&app.source, move |source| source.anomalies(&filter)).await?;
    Ok(Json(of_records(&records)))
}
