//! `/sessions`.

use std::str::FromStr;

use analytics::{Filter, SessionFilter};
use arrow::ipc::writer::StreamWriter;
use axum::extract::State;
use axum::response::Response;
use ipnet::IpNet;
use serde::Deserialize;
use tracker::{Outcome, OutcomeClass, Perspective, SessionBatchBuilder, SessionRecord};
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, download, link_next, respond};
use crate::params::{Asked, Both, RangeParams, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::time::TimeRange;
use crate::wire::session::{Session, SessionPage};

const USUAL: usize = 100;
const MOST: usize = 1000;
const MOST_ROWS: usize = 10_000;

/// Which of the sessions that ended in the range are meant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Criteria {
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
}

impl Criteria {
    /// Those of the sessions that ended in this range.
    pub(super) fn within(self, range: TimeRange, perspective: Option<Perspective>) -> SessionFilter {
        let (from, to) = range.micros();
        SessionFilter {
            from,
            to,
            perspective,
            outcome: self.outcome,
            class: self.class,
            client: self.client.map(|network| network.0),
            server: self.server.map(|network| network.0),
            server_port: self.port,
            observer: self.exporter,
            proto: self.proto,
            filter: self.filter,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items on a page, 1000 at most (10000 in other forms than JSON); 100 when absent.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "text")]
    cursor: Option<String>,
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

/// Stored sessions, newest first. They also come as an Arrow stream (`arrow`).
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(RangeParams, Criteria, PageQuery), responses(
    (status = 200, content(
        (SessionPage = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn sessions(
    State(app): App,
    Asked { range, perspective, format, params: Both(criteria, query) }: Asked<Both<Criteria, PageQuery>>,
) -> Result<Response, Problem> {
    let most = limit(query.limit, USUAL, if format == Format::Json { MOST } else { MOST_ROWS })?;
    let filter = criteria.within(range, perspective);
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
