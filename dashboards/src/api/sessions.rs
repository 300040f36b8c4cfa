//! `/sessions`.

use std::str::FromStr;

use analytics::{Filter, SessionFilter};
use arrow::ipc::writer::StreamWriter;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ipnet::IpNet;
use serde::Deserialize;
use tracker::{Outcome, OutcomeClass, Perspective, SessionBatchBuilder, SessionRecord};
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, download, link_next, respond};
use crate::params::{Params, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::time::{TimeRange, When};
use crate::wire::session::{Session, SessionPage};

const USUAL: usize = 100;
const MOST: usize = 1000;
const MOST_ROWS: usize = 10_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// Sessions that end at or after this; 24 hours before `to` when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    from: Option<When>,
    /// Sessions that end before this; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    to: Option<When>,
    /// Only this perspective: edge, inbound, outbound or private.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    perspective: Option<Perspective>,
    /// Only this outcome, such as refused.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    outcome: Option<Outcome>,
    /// Only this class of outcomes: established, failed, probe or indeterminate.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    class: Option<OutcomeClass>,
    /// Client address, or a prefix such as 10.0.0.0/8.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    client: Option<Network>,
    /// Server address, or a prefix.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    server: Option<Network>,
    /// Server port.
    #[serde(default, deserialize_with = "text")]
    port: Option<u16>,
    /// Exporter address or interface name.
    #[serde(default, deserialize_with = "text")]
    exporter: Option<String>,
    /// IANA protocol number.
    #[serde(default, deserialize_with = "text")]
    proto: Option<u8>,
    /// What else must hold, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
    /// Items on a page, 1000 at most (10000 in other forms than JSON); 100 when absent.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "text")]
    cursor: Option<String>,
    /// json, csv, ndjson or arrow; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

/// A prefix; an address is one of full length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network(pub IpNet);

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let net = text.parse().or_else(|_| text.parse().map(|ip: std::net::IpAddr| IpNet::from(ip.to_canonical())));
        net.map(Self).map_err(|_| "expected an address or a prefix")
    }
}

/// Stored sessions, newest first.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(SessionQuery), responses(
    (status = 200, content(
        (SessionPage = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn sessions(
    State(app): App,
    headers: HeaderMap,
    Params(query): Params<SessionQuery>,
) -> Result<Response, Problem> {
    let (from, to) = TimeRange::new(query.from, query.to, app.now())?.micros();
    let format = Format::of(query.format, &headers);
    let most = limit(query.limit, USUAL, if format == Format::Json { MOST } else { MOST_ROWS })?;
    let filter = SessionFilter {
        from,
        to,
        perspective: query.perspective,
        outcome: query.outcome,
        class: query.class,
        client: query.client.map(|network| network.0),
        server: query.server.map(|network| network.0),
        server_port: query.port,
        observer: query.exporter,
        proto: query.proto,
        filter: query.filter,
    };
    let page = app.source.sessions(&filter, query.cursor.as_deref(), most).await?;
    if format == Format::Arrow {
        let body = arrow_stream(&page.items)?;
        let response = download(body, "application/vnd.apache.arrow.stream", "sessions.arrows");
        return Ok(link_next(response, page.next.as_deref()));
    }
    let page = SessionPage { items: page.items.iter().map(Session::from).collect(), next_cursor: page.next };
    Ok(link_next(respond(format, "sessions", &page, &page.items)?, page.next_cursor.as_deref()))
}

/// The sessions as an Arrow IPC stream in the layout of the store.
fn arrow_stream(records: &[SessionRecord]) -> Result<Vec<u8>, Problem> {
    let mut builder = SessionBatchBuilder::default();
    for record in records {
        builder.push(record);
    }
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "writing sessions as arrow failed");
        Problem::internal("the sessions could not be written")
    };
    let batch = builder.finish().map_err(|error| failed(&error))?;
    let write = || {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    write().map_err(|error| failed(&error))
}
