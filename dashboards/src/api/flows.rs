//! `/flows`.

use std::str::FromStr;

use analytics::{ClientGroup, Filter, SessionFilter};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tracker::{OutcomeClass, Perspective};
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, respond};
use crate::params::{Params, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::time::{TimeRange, When};
use crate::wire::flows::{FlowGraph, FlowRow};

const USUAL: usize = 10;
const MOST: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FlowQuery {
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
    clients: Option<Group>,
    /// How many clients, servers and ports are named, 50 at most; 10 when absent. The rest is summed.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
    /// json, csv or ndjson; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy)]
struct Group(ClientGroup);

impl FromStr for Group {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        match name {
            "prefix" => Ok(Self(ClientGroup::Prefix)),
            "address" => Ok(Self(ClientGroup::Address)),
            _ => Err("expected prefix or address"),
        }
    }
}

/// Sessions by client group, server, port and outcome.
#[utoipa::path(get, path = "/api/v1/flows", tag = "sessions", params(FlowQuery), responses(
    (status = 200, content(
        (FlowGraph = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn flows(State(app): App, headers: HeaderMap, Params(query): Params<FlowQuery>) -> Result<Response, Problem> {
    let (from, to) = TimeRange::new(query.from, query.to, app.now())?.micros();
    let top = limit(query.limit, USUAL, MOST)?;
    let group = query.clients.map_or(ClientGroup::Prefix, |group| group.0);
    let filter = SessionFilter {
        perspective: query.perspective,
        class: query.class,
        filter: query.filter,
        ..SessionFilter::between(from, to)
    };
    let flows = app.source.flows(&filter, group, top).await?;
    let rows: Vec<FlowRow> = flows.paths.iter().map(FlowRow::from).collect();
    respond(Format::of(query.format, &headers), "flows", &FlowGraph::of(&flows), &rows)
}
