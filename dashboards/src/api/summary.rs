//! `/summary`.

use analytics::{AnomalyFilter, Filter, SessionFilter};
use axum::Json;
use axum::extract::State;
use jobs::Severity;
use serde::Deserialize;
use tracker::OutcomeClass;
use utoipa::IntoParams;

use super::App;
use crate::params::{Asked, Both, RangeParams, ZoneParams, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::wire::summary::{Facts, Passed, Summary};

const TCP: u8 = 6;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SummaryQuery {
    /// Only what passes, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

/// The state of things in one sentence and a few numbers; always JSON.
#[utoipa::path(get, path = "/api/v1/summary", tag = "results", params(RangeParams, ZoneParams, SummaryQuery), responses(
    (status = 200, body = Summary),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn summary(
    State(app): App,
    Asked { range, perspective, params: Both(zone, query), .. }: Asked<Both<ZoneParams, SummaryQuery>>,
) -> Result<Json<Summary>, Problem> {
    let (from, to) = range.micros();
    let sessions = SessionFilter { perspective, ..SessionFilter::between(from, to) };
    let anomalies = AnomalyFilter {
        perspective,
        min_score: Severity::Warning.threshold(),
        filter: query.filter.clone(),
        ..AnomalyFilter::between(range.from, range.to)
    };
    let (records, buckets) = ask(&app.source, move |source| {
        Ok((source.anomalies(&anomalies)?, source.buckets(range.from, range.to, perspective)?))
    })
    .await?;
    let any_session =
        if buckets.is_empty() { !app.source.sessions(&sessions, None, 1).await?.items.is_empty() } else { true };
    let passed = match query.filter {
        None => None,
        filter => {
            let sessions = SessionFilter { filter, proto: Some(TCP), ..sessions };
            let outcomes = app.source.overview(&sessions, to - from).await?.outcomes();
            let of =
                |class| outcomes.iter().filter(|(own, _)| own.class() == class).map(|(_, count)| count).sum::<u64>();
            let failed = of(OutcomeClass::Failed);
            Some(Passed { sessions: of(OutcomeClass::Established) + failed, failed })
        }
    };
    let mut statuses = app.status.jobs();
    statuses.retain(|status| perspective.is_none_or(|wanted| status.perspective == wanted));
    let facts = Facts {
        anomalies: &records,
        buckets: &buckets,
        statuses: &statuses,
        any_session,
        passed,
        range,
        now: app.now().div_euclid(1000),
    };
    Ok(Json(Summary::of(&facts, &zone.over(&app.settings))))
}
