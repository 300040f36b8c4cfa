//! `/forecast`.

use std::str::FromStr;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::series::SeriesQuery;
use crate::format::respond;
use crate::params::{Asked, Both, RangeParams, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::wire::forecast::Forecast;

const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;
/// Nobody plans further ahead by quarter hours.
const FURTHEST: i64 = 56 * DAY;

/// How far ahead, in ms.
#[derive(Debug, Clone, Copy)]
struct Horizon(i64);

impl FromStr for Horizon {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const UNITS: [(char, i64); 3] = [('m', 60 * SECOND), ('h', 3_600 * SECOND), ('d', DAY)];
        let found = UNITS.iter().find_map(|(unit, length)| Some((text.strip_suffix(*unit)?, length)));
        match found.and_then(|(number, length)| Some(i64::from(number.parse::<u32>().ok()?) * length)) {
            Some(horizon) if (1..=FURTHEST).contains(&horizon) => Ok(Self(horizon)),
            _ => Err("expected minutes, hours or days as in 12h or 7d, 56d at most"),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ForecastQuery {
    /// How far ahead, as in `12h` or `7d`; `56d` at most, a day when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    horizon: Option<Horizon>,
}

/// What one series is expected to have in the buckets to come. Takes what `/series` takes; the range says nothing here.
#[utoipa::path(get, path = "/api/v1/forecast", tag = "results", params(RangeParams, SeriesQuery, ForecastQuery), responses(
    (status = 200, content(
        (Forecast = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn forecast(
    State(app): App,
    Asked { perspective, format, params: Both(series, query), .. }: Asked<Both<SeriesQuery, ForecastQuery>>,
) -> Result<Response, Problem> {
    let key = series.key(perspective)?;
    let horizon = query.horizon.map_or(DAY, |horizon| horizon.0);
    let wanted = key.clone();
    let points = ask(&app.source, move |source| Ok(source.forecast(&wanted, horizon))).await?;
    let points = points.filter(|points| !points.is_empty()).ok_or_else(|| {
        Problem::not_found("there is no model of this series: it has not failed lately, or detection has not run")
    })?;
    let forecast = Forecast::of(&key, &points);
    respond(format, "forecast", &forecast, &forecast.points)
}
