//! `/summary`.

use analytics::{AnomalyFilter, SessionFilter};
use axum::Json;
use axum::extract::State;
use jobs::Severity;
use serde::Deserialize;
use tracker::Perspective;
use utoipa::IntoParams;

use super::App;
use crate::params::{Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::{TimeRange, When};
use crate::wire::summary::{Facts, Summary};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SummaryQuery {
    /// Start of the range; 24 hours before its end when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    pub from: Option<When>,
    /// End of the range; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    pub to: Option<When>,
    /// Only this perspective: edge, inbound, outbound or private.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    pub perspective: Option<Perspective>,
}

/// The state of things in one sentence and a few numbers.
#[utoipa::path(get, path = "/api/v1/summary", tag = "results", params(SummaryQuery), responses(
    (status = 200, body = Summary),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn summary(State(app): App, Params(query): Params<SummaryQuery>) -> Result<Json<Summary>, Problem> {
    let now = app.now();
    let range = TimeRange::new(query.from, query.to, now)?;
    let perspective = query.perspective;
    let (records, buckets) = ask(&app.source, move |source| {
        let filter = AnomalyFilter {
            perspective,
            min_score: Severity::Warning.threshold(),
            ..AnomalyFilter::between(range.from, range.to)
        };
        Ok((source.anomalies(&filter)?, source.buckets(range.from, range.to, perspective)?))
    })
    .await?;
    let any_session = if buckets.is_empty() {
        let (from, to) = range.micros();
        let filter = SessionFilter { perspective, ..SessionFilter::between(from, to) };
        !app.source.sessions(&filter, None, 1).await?.items.is_empty()
    } else {
        true
    };
    let mut statuses = app.status.jobs();
    statuses.retain(|status| perspective.is_none_or(|wanted| status.perspective == wanted));
    let facts = Facts {
        anomalies: &records,
        buckets: &buckets,
        statuses: &statuses,
        any_session,
        range,
        now: now.div_euclid(1000),
    };
    Ok(Json(Summary::of(&facts, &app.settings)))
}
