//! `/exporters`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, respond};
use crate::params::{Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::exporter::ExporterList;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExporterQuery {
    /// json, csv or ndjson; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

/// Who sends flow records, and where they are received.
#[utoipa::path(get, path = "/api/v1/exporters", tag = "sessions", params(ExporterQuery), responses(
    (status = 200, content(
        (ExporterList = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn exporters(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<ExporterQuery>,
) -> Result<Response, Problem> {
    let list = ExporterList { items: app.exporters.exporters(), listen: app.info.listen.clone() };
    respond(Format::of(query.format, &headers), "exporters", &list, &list.items)
}
