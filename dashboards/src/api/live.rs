//! `/sessions/live`.

use std::str::FromStr;
use std::sync::Arc;

use analytics::Filter;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tracker::table::{Position, STATES, SortBy, TableFilter, TableQuery};
use tracker::{Class, Outcome, OutcomeClass, Perspective};
use utoipa::IntoParams;

use super::App;
use super::sessions::Network;
use crate::format::{Format, link_next, respond};
use crate::params::{Choice, Chosen, Params, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::live::{LiveSession, LiveSessionPage};

const USUAL: usize = 100;
const MOST: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LiveQuery {
    /// Only this interface.
    #[serde(default, deserialize_with = "text")]
    interface: Option<String>,
    /// Client address, or a prefix such as 10.0.0.0/8.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    client: Option<Network>,
    /// Server address, or a prefix.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    server: Option<Network>,
    /// Address of either side, or a prefix.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    host: Option<Network>,
    /// Server port.
    #[serde(default, deserialize_with = "text")]
    port: Option<u16>,
    /// IANA protocol number, or tcp, udp, icmp, icmp6, sctp.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    proto: Option<Protocol>,
    /// Where the session stands, such as `syn_sent`, established, closed, initial, ongoing or blocked.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    state: Option<StateName>,
    /// Which time-out counts, such as `tcp_established`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    timeout: Option<TimeoutName>,
    /// Outcome as it stands, such as refused.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    outcome: Option<Outcome>,
    /// Class of that outcome: established, failed, probe or indeterminate.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    class: Option<OutcomeClass>,
    /// Only this perspective: edge, inbound, outbound or private.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    perspective: Option<Perspective>,
    /// Outer VLAN id.
    #[serde(default, deserialize_with = "text")]
    vlan: Option<u16>,
    /// What else must hold, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
    /// last (when absent), start, `time_left`, packets, bytes, client, server, port or state.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    sort: Option<SortBy>,
    /// desc (the largest or newest first, when absent) or asc.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    order: Option<Chosen<Direction>>,
    /// Items on a page, 1000 at most; 100 when absent.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
    /// `next_cursor` of the page before, asked for with the same order.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    cursor: Option<Position>,
    /// json, csv or ndjson; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy)]
struct Protocol(u8);

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        let rule: tracker::Match = name.parse().map_err(|_| "expected a protocol number or name")?;
        rule.proto.map(Self).ok_or("expected a protocol number or name")
    }
}

#[derive(Debug, Clone)]
struct StateName(String);

impl FromStr for StateName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = STATES.contains(&name);
        known.then(|| Self(name.to_owned())).ok_or_else(|| format!("expected one of {}", STATES.join(", ")))
    }
}

#[derive(Debug, Clone, Copy)]
struct TimeoutName(Class);

impl FromStr for TimeoutName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Class::ALL.iter().find(|class| class.setting() == name);
        let names = || Class::ALL.iter().map(|class| class.setting()).collect::<Vec<_>>().join(", ");
        found.map(|class| Self(*class)).ok_or_else(|| format!("expected one of {}", names()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

impl Choice for Direction {
    const NAMES: &'static [(&'static str, Self)] = &[("asc", Self::Ascending), ("desc", Self::Descending)];
}

/// Sessions that are being followed on captured interfaces right now, each as a forward and a reverse entry with its
/// state and the time left until its time-out.
#[utoipa::path(get, path = "/api/v1/sessions/live", tag = "sessions", params(LiveQuery), responses(
    (status = 200, content(
        (LiveSessionPage = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn live(State(app): App, headers: HeaderMap, Params(query): Params<LiveQuery>) -> Result<Response, Problem> {
    let format = Format::of(query.format, &headers);
    let question = TableQuery {
        filter: TableFilter {
            client: query.client.map(|network| network.0),
            server: query.server.map(|network| network.0),
            host: query.host.map(|network| network.0),
            port: query.port,
            proto: query.proto.map(|proto| proto.0),
            state: query.state.map(|state| state.0),
            timeout: query.timeout.map(|timeout| timeout.0),
            outcome: query.outcome,
            class: query.class,
            perspective: query.perspective,
            vlan: query.vlan,
            condition: query.filter.map(|filter| Arc::new(filter) as _),
        },
        sort: query.sort.unwrap_or(SortBy::Last),
        descending: query.order.map(|order| order.0) != Some(Direction::Ascending),
        after: query.cursor,
        limit: limit(query.limit, USUAL, MOST)?,
    };
    let live = Arc::clone(&app.live);
    let interface = query.interface;
    let asked = tokio::task::spawn_blocking(move || live.sessions(&question, interface.as_deref())).await;
    let answer = asked.map_err(|_| Problem::internal("the request could not be completed"))?;
    let page = LiveSessionPage {
        items: answer.items.iter().map(LiveSession::from).collect(),
        next_cursor: answer.next.map(|position| position.to_string()),
        matched: answer.matched,
        total: answer.total,
        complete: answer.complete,
        tables: answer.tables,
    };
    Ok(link_next(respond(format, "live-sessions", &page, &page.items)?, page.next_cursor.as_deref()))
}
