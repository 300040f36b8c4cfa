//! `/series`.

use std::net::IpAddr;

use analytics::{AnomalyFilter, Filter, level_name};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jobs::{Level, SeriesKey, Severity};
use serde::Deserialize;
use tracker::Perspective;
use utoipa::IntoParams;

use super::App;
use crate::format::respond;
use crate::params::{Asked, Chosen, RangeParams, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::wire::series::Series;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    /// What the series counts: `server_port`, server, port, client or perspective; follows from the other parameters
    /// when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    level: Option<Chosen<Level>>,
    /// Server address, for levels `server_port` and server.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    server: Option<IpAddr>,
    /// Server port, for levels `server_port` and port.
    #[serde(default, deserialize_with = "text")]
    port: Option<u16>,
    /// Client address, for level client.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    client: Option<IpAddr>,
}

/// One series over time: what was seen, what was expected, and scores. The perspective is needed.
#[utoipa::path(get, path = "/api/v1/series", tag = "results", params(RangeParams, SeriesQuery), responses(
    (status = 200, content(
        (Series = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn series(
    State(app): App,
    Asked { range, perspective, format, params: query }: Asked<SeriesQuery>,
) -> Result<Response, Problem> {
    let key = query.key(perspective)?;
    let view = app.source.series(&key, range.from, range.to).await?;
    let series = Series::from(&view);
    respond(format, "series", &series, &series.points)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorstQuery {
    /// Only anomalies that pass, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

/// The series of the anomaly with the highest score, which `/summary` names, without having to ask for its name first.
#[utoipa::path(get, path = "/api/v1/series/worst", tag = "results", params(RangeParams, WorstQuery), responses(
    (status = 200, content(
        (Series = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 204, description = "Nothing is unusual."),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn worst(
    State(app): App,
    Asked { range, perspective, format, params: query }: Asked<WorstQuery>,
) -> Result<Response, Problem> {
    let filter = AnomalyFilter {
        perspective,
        min_score: Severity::Warning.threshold(),
        filter: query.filter,
        limit: 1,
        ..AnomalyFilter::between(range.from, range.to)
    };
    let found = ask(&app.source, move |source| source.anomalies(&filter)).await?;
    let Some(worst) = found.first() else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let view = app.source.series(&worst.series, range.from, range.to).await?;
    let series = Series::from(&view);
    respond(format, "series", &series, &series.points)
}

impl SeriesQuery {
    /// The series that is asked for; what its level counts by has to be there, and nothing else.
    pub(super) fn key(&self, perspective: Option<Perspective>) -> Result<SeriesKey, Problem> {
        let missing = |name: &str| Problem::bad_request(format!("query parameter {name:?} is missing"));
        let perspective = perspective.ok_or_else(|| missing("perspective"))?;
        let level = match (self.level, self.server, self.port, self.client) {
            (Some(Chosen(level)), ..) => level,
            (None, Some(_), Some(_), None) => Level::ServerPort,
            (None, Some(_), None, None) => Level::Server,
            (None, None, Some(_), None) => Level::Port,
            (None, None, None, Some(_)) => Level::Client,
            (None, None, None, None) => Level::Perspective,
            (None, ..) => return Err(missing("level")),
        };
        let by_server = matches!(level, Level::ServerPort | Level::Server);
        let by_port = matches!(level, Level::ServerPort | Level::Port);
        let wanted = [
            ("server", by_server, self.server.is_some()),
            ("port", by_port, self.port.is_some()),
            ("client", level == Level::Client, self.client.is_some()),
        ];
        for (name, needed, given) in wanted {
            if needed && !given {
                return Err(missing(name));
            }
            if given && !needed {
                let level = level_name(level);
                return Err(Problem::bad_request(format!("query parameter {name:?} does not go with level {level:?}")));
            }
        }
        Ok(SeriesKey { perspective, level, server: self.server, port: self.port, client: self.client })
    }
}
