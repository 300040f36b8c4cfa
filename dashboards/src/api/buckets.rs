//! `/buckets`.

use axum::extract::State;
use axum::response::Response;

use super::App;
use crate::format::respond;
use crate::params::{Asked, NoParams, RangeParams};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::wire::bucket::{Bucket, BucketList};

/// Buckets of each perspective, by time.
#[utoipa::path(get, path = "/api/v1/buckets", tag = "results", params(RangeParams), responses(
    (status = 200, content(
        (BucketList = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn buckets(
    State(app): App,
    Asked { range, perspective, format, .. }: Asked<NoParams>,
) -> Result<Response, Problem> {
    let buckets = ask(&app.source, move |source| source.buckets(range.from, range.to, perspective)).await?;
    let list = BucketList { items: buckets.iter().map(Bucket::from).collect() };
    respond(format, "buckets", &list, &list.items)
}
