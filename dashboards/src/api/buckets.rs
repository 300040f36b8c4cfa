//! `/buckets`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tracker::Perspective;
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, respond};
use crate::params::{Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::{TimeRange, When};
use crate::wire::bucket::{Bucket, BucketList};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BucketQuery {
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
    /// json, csv or ndjson; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

/// Buckets of each perspective, by time.
#[utoipa::path(get, path = "/api/v1/buckets", tag = "results", params(BucketQuery), responses(
    (status = 200, content(
        (BucketList = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn buckets(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<BucketQuery>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let buckets = ask(&app.source, move |source| source.buckets(range.from, range.to, query.perspective)).await?;
    let list = BucketList { items: buckets.iter().map(Bucket::from).collect() };
    respond(Format::of(query.format, &headers), "buckets", &list, &list.items)
}
