//! `/flows`.

use analytics::{ClientGroup, Filter, SessionFilter};
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tracker::OutcomeClass;
use utoipa::IntoParams;

use super::App;
use crate::format::respond;
use crate::params::{Asked, Choice, Chosen, RangeParams, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::flows::{FlowGraph, FlowRow};

const USUAL: usize = 10;
const MOST: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FlowQuery {
    /// Only this class of outcomes: established, failed, probe or indeterminate.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    class: Option<OutcomeClass>,
    /// What else must hold, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
    /// What counts as one client: prefix (the default; /24 of IPv4, /48 of IPv6) or address.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    clients: Option<Chosen<ClientGroup>>,
    /// How many clients, servers and ports are named, 50 at most; 10 when absent. The rest is summed.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
}

impl Choice for ClientGroup {
    const NAMES: &'static [(&'static str, Self)] = &[("prefix", Self::Prefix), ("address", Self::Address)];
}

/// Sessions that ended in the range, by client group, server, port and outcome.
#[utoipa::path(get, path = "/api/v1/flows", tag = "sessions", params(RangeParams, FlowQuery), responses(
    (status = 200, content(
        (FlowGraph = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn flows(
    State(app): App,
    Asked { range, perspective, format, params: query }: Asked<FlowQuery>,
) -> Result<Response, Problem> {
    let (from, to) = range.micros();
    let top = limit(query.limit, USUAL, MOST)?;
    let group = query.clients.map_or(ClientGroup::Prefix, |group| group.0);
    let filter =
        SessionFilter { perspective, class: query.class, filter: query.filter, ..SessionFilter::between(from, to) };
    let flows = app.source.flows(&filter, group, top).await?;
    let rows: Vec<FlowRow> = flows.paths.iter().map(FlowRow::from).collect();
    respond(format, "flows", &FlowGraph::of(&flows), &rows)
}
