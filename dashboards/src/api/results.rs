//! `/results`: result documents for other programs.

use std::convert::Infallible;
use std::str::FromStr;

use analytics::{AnomalyFilter, Filter};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use futures::stream;
use jobs::document::write::{bulk, csv, ndjson};
use jobs::{Document, Documents, Schema};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, download};
use crate::params::{Params, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::time::{TimeRange, When};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultQuery {
    /// Vocabulary of the documents: ecs (the default) or codex.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    schema: Option<Schema>,
    /// ndjson (the default), csv, or bulk, which Elasticsearch's `_bulk` takes; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Form>,
    /// Start of the range; 24 hours before its end when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    from: Option<When>,
    /// End of the range; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    to: Option<When>,
    /// Only records that pass, in the filter language; buckets and influencers are then left out.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Ndjson,
    Csv,
    Bulk,
}

impl FromStr for Form {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        match name {
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "bulk" => Ok(Self::Bulk),
            _ => Err("expected ndjson, csv or bulk"),
        }
    }
}

/// Records, buckets and influencers as documents with the field names of Elastic's anomaly results.
#[utoipa::path(get, path = "/api/v1/results", tag = "jobs", params(ResultQuery), responses(
    (status = 200, content((String = "application/x-ndjson"), (String = "text/csv"))),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn results(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<ResultQuery>,
) -> Result<Response, Problem> {
    let range = TimeRange::new(query.from, query.to, app.now())?;
    let schema = query.schema.unwrap_or(Schema::Ecs);
    let form = query.format.unwrap_or(match Format::of(None, &headers) {
        Format::Csv => Form::Csv,
        _ => Form::Ndjson,
    });
    let (records, buckets, influencers) = ask(&app.source, move |source| {
        let all = AnomalyFilter { order: analytics::Order::Time, ..AnomalyFilter::between(range.from, range.to) };
        if query.filter.is_some() {
            let records = source.anomalies(&AnomalyFilter { filter: query.filter, ..all })?;
            return Ok((records, Vec::new(), Vec::new()));
        }
        let records = source.anomalies(&all)?;
        Ok((records, source.buckets(range.from, range.to, None)?, source.influencers(range.from, range.to, None)?))
    })
    .await?;
    let documents = Documents::new(schema, app.settings.prefix.clone());
    let (by_record, by_bucket, by_influencer) = (documents.clone(), documents.clone(), documents);
    let all = records
        .into_iter()
        .map(move |record| by_record.record(&record))
        .chain(buckets.into_iter().map(move |bucket| by_bucket.bucket(&bucket)))
        .chain(influencers.into_iter().map(move |result| by_influencer.influencer_result(&result)));
    let name = format!("halfopen_{schema}_results");
    Ok(match form {
        Form::Csv => download(text_stream(csv(all)), "text/csv; charset=utf-8", &format!("{name}.csv")),
        Form::Ndjson => download(text_stream(ndjson(all)), "application/x-ndjson", &format!("{name}.ndjson")),
        Form::Bulk => {
            let lines = bulk_lines(all, format!("halfopen-anomalies-{schema}"));
            download(text_stream(lines), "application/x-ndjson", &format!("{name}_bulk.ndjson"))
        }
    })
}

fn bulk_lines(documents: impl Iterator<Item = Document> + Send, index: String) -> impl Iterator<Item = String> + Send {
    documents.flat_map(move |document| bulk([document], &index).collect::<Vec<_>>())
}

fn text_stream(lines: impl Iterator<Item = String> + Send + 'static) -> Body {
    Body::from_stream(stream::iter(lines.map(Ok::<_, Infallible>)))
}
