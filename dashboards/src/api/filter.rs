//! `/filter`: whether a text is a filter, for people who type one.

use analytics::Filter;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::params::Params;
use crate::problem::{Problem, ProblemDocument};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FilterQuery {
    /// The text.
    #[serde(default)]
    text: String,
}

/// What a text is as a filter.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilterCheck {
    /// The filter in its plain form, in which it may be given to other requests. Empty for an empty text.
    #[schema(required)]
    pub filter: Option<String>,
    /// Why the text is none.
    #[schema(required)]
    pub error: Option<FilterMistake>,
}

/// Why a text is no filter, and where.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilterMistake {
    /// Column of the first character that is meant, from 1.
    pub column: usize,
    /// How many characters are meant; 0 at the end of the text.
    pub length: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Reads a filter: its plain form, or what is wrong with it and where.
#[utoipa::path(get, path = "/api/v1/filter", tag = "sessions", params(FilterQuery), responses(
    (status = 200, body = FilterCheck),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn filter(Params(query): Params<FilterQuery>) -> Result<Json<FilterCheck>, Problem> {
    if query.text.trim().is_empty() {
        return Ok(Json(FilterCheck { filter: Some(String::new()), error: None }));
    }
    Ok(Json(match query.text.parse::<Filter>() {
        Ok(filter) => FilterCheck { filter: Some(filter.to_string()), error: None },
        Err(error) => FilterCheck {
            filter: None,
            error: Some(FilterMistake { column: error.column, length: error.length, message: error.message }),
        },
    }))
}
