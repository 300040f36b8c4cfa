//! Query parameters: typed, strict, and refused by name.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use jobs::Level;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use utoipa::IntoParams;

use crate::problem::Problem;

/// The query parameters of a request; unknown ones and values that do not fit are a 400 that names them.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read: Result<Query<T>, QueryRejection> = Query::try_from_uri(&parts.uri);
        match read {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text =
                    std::error::Error::source(&rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
                let text = text.replace("unknown field", "unknown parameter");
                Err(Problem::bad_request(format!("query parameter {text}")))
            }
        }
    }
}

/// No parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Reads a value by [`FromStr`]; an empty one counts as absent.
pub fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
}

/// A flag: `1`, `true` or no value at all is true.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(D::Error::custom(format!("{other:?}: expected 1 or 0"))),
    }
}

/// A level, by its name in requests.
#[derive(Debug, Clone, Copy)]
pub struct LevelParam(pub Level);

impl FromStr for LevelParam {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let level = analytics::level_from(name);
        level.map(Self).ok_or_else(|| "expected server_port, server, port, client or perspective".to_owned())
    }
}

/// How many items, capped.
pub fn limit(given: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    match given {
        None => Ok(usual.min(most)),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            Err(Problem::bad_request(format!("query parameter \"limit\": {limit} is not within 1 to {most}")))
        }
    }
}
