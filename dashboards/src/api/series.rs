//! `/series`.

use std::net::IpAddr;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jobs::{Level, SeriesKey};
use serde::Deserialize;
use tracker::Perspective;
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, respond};
use crate::params::{LevelParam, Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::time::{TimeRange, When};
use crate::wire::series::Series;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    /// Perspective: edge, inbound, outbound or private. Required.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = String, required)]
    perspective: Option<Perspective>,
    /// What the series counts: `server_port`, server, port, client or perspective; follows from the other parameters
    /// when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    level: Option<LevelParam>,
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
    /// Start of the range; 24 hours before its end when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    from: Option<When>,
    /// End of the range; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    to: Option<When>,
    /// json, csv or ndjson; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

/// One series over time: what was seen, what was expected, and scores.
#[utoipa::path(get, path = "/api/v1/series", tag = "results", params(SeriesQuery), responses(
    (status = 200, content(
        (Series = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn series(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<SeriesQuery>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let key = key(&query)?;
    let view = app.source.series(&key, range.from, range.to).await?;
    let series = Series::from(&view);
    respond(Format::of(query.format, &headers), "series", &series, &series.points)
}

/// The series that is asked for; what its level counts by has to be there, and nothing else.
fn key(query: &SeriesQuery) -> Result<SeriesKey, Problem> {
    let missing = |name: &str| Problem::bad_request(format!("query parameter {name:?} is missing"));
    let perspective = query.perspective.ok_or_else(|| missing("perspective"))?;
    let level = match (query.level, query.server, query.port, query.client) {
        (Some(LevelParam(level)), ..) => level,
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
        ("server", by_server, query.server.is_some()),
        ("port", by_port, query.port.is_some()),
        ("client", level == Level::Client, query.client.is_some()),
    ];
    for (name, needed, given) in wanted {
        if needed && !given {
            return Err(missing(name));
        }
        if given && !needed {
            let level = analytics::level_name(level);
            return Err(Problem::bad_request(format!("query parameter {name:?} does not go with level {level:?}")));
        }
    }
    Ok(SeriesKey { perspective, level, server: query.server, port: query.port, client: query.client })
}
