//! `/anomalies`.

use std::net::IpAddr;
use std::str::FromStr;

use analytics::{AnomalyFilter, Filter, Order};
use axum::extract::State;
use axum::response::Response;
use jobs::{AnomalyRecord, Level};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use crate::format::{Format, link_next, respond};
use crate::params::{Asked, Both, Choice, Chosen, RangeParams, ZoneParams, limit, text};
use crate::problem::{Problem, ProblemDocument};
use crate::source::ask;
use crate::state::JobSettings;
use crate::wire::anomaly::{Anomaly, AnomalyPage, AnomalyRow, record_id};

const USUAL: usize = 100;
const MOST: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnomalyQuery {
    /// Score at least this, 0-100.
    #[serde(default, deserialize_with = "text")]
    min_score: Option<f64>,
    /// Series of this server address.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    server: Option<IpAddr>,
    /// Series of this server port.
    #[serde(default, deserialize_with = "text")]
    port: Option<u16>,
    /// Series of this client address, or anomalies that are due to it.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    client: Option<IpAddr>,
    /// Only this level: `server_port`, server, port, client or perspective.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    level: Option<Chosen<Level>>,
    /// What else must hold, in the filter language: `server 10.2.0.0/16 and not port 443`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    filter: Option<Filter>,
    /// `score` (the default) or `time`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    sort: Option<Chosen<Order>>,
    /// Items on a page, 1000 at most; 100 when absent.
    #[serde(default, deserialize_with = "text")]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<String>,
}

impl Choice for Order {
    const NAMES: &'static [(&'static str, Self)] = &[("score", Self::Score), ("time", Self::Time)];
}

/// Anomalies by falling score or time.
#[utoipa::path(get, path = "/api/v1/anomalies", tag = "results", params(RangeParams, ZoneParams, AnomalyQuery), responses(
    (status = 200, content(
        (AnomalyPage = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"),
    )),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn anomalies(
    State(app): App,
    Asked { range, perspective, format, params: Both(zone, query) }: Asked<Both<ZoneParams, AnomalyQuery>>,
) -> Result<Response, Problem> {
    let most = limit(query.limit, USUAL, MOST)?;
    let order = query.sort.map_or(Order::Score, |sort| sort.0);
    let cursor = query.cursor.filter(|cursor| !cursor.is_empty()).map(|cursor| cursor.parse::<Cursor>()).transpose();
    let cursor = cursor.map_err(|()| Problem::bad_request("query parameter \"cursor\": not one of this list"))?;
    let filter = AnomalyFilter {
        perspective,
        min_score: query.min_score.unwrap_or(0.0),
        server: query.server,
        port: query.port,
        client: query.client,
        filter: query.filter,
        level: query.level.map(|level| level.0),
        order,
        ..AnomalyFilter::between(range.from, range.to)
    };
    let mut records = ask(&app.source, move |source| source.anomalies(&filter)).await?;
    let total = records.len();
    if let Some(cursor) = cursor {
        let seen = cursor.position(&records, order, &app.settings);
        records.drain(..seen);
    }
    let next_cursor = (records.len() > most).then(|| Cursor::after(&records[most - 1], &app.settings).to_string());
    records.truncate(most);
    let told = zone.over(&app.settings);
    let items: Vec<Anomaly> = records.iter().map(|record| Anomaly::of(record, &told)).collect();
    let page = AnomalyPage { items, next_cursor, total };
    if format == Format::Csv {
        let rows: Vec<AnomalyRow> = page.items.iter().cloned().map(AnomalyRow::from).collect();
        return Ok(link_next(respond(format, "anomalies", &page, &rows)?, page.next_cursor.as_deref()));
    }
    Ok(link_next(respond(format, "anomalies", &page, &page.items)?, page.next_cursor.as_deref()))
}

/// The last anomaly of a page, as far as its place in the order needs it.
#[derive(Debug, Clone, PartialEq)]
struct Cursor {
    score: f64,
    timestamp: i64,
    id: String,
}

impl Cursor {
    fn after(record: &AnomalyRecord, settings: &JobSettings) -> Self {
        let id = record_id(record, settings);
        Self { score: record.record_score.value(), timestamp: record.timestamp, id }
    }

    /// How many of the records were given before: up to the last anomaly, or where it would stand now.
    fn position(&self, records: &[AnomalyRecord], order: Order, settings: &JobSettings) -> usize {
        let same =
            |record: &AnomalyRecord| record.timestamp == self.timestamp && record_id(record, settings) == self.id;
        if let Some(index) = records.iter().position(same) {
            return index + 1;
        }
        let before = |record: &AnomalyRecord| {
            let score = record.record_score.value().total_cmp(&self.score);
            let time = record.timestamp.cmp(&self.timestamp);
            let order = if order == Order::Score { score.then(time) } else { time.then(score) };
            order.is_ge()
        };
        records.partition_point(before)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}.{}.{}", self.score.to_bits(), self.timestamp, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        let score = f64::from_bits(u64::from_str_radix(part()?, 16).map_err(drop)?);
        let timestamp = part()?.parse().map_err(drop)?;
        Ok(Self { score, timestamp, id: part()?.to_owned() })
    }
}
