//! Swim lanes: the highest score per cell of time, overall or by what anomalies are about and due to.

use std::collections::HashMap;

use jobs::{AnomalyRecord, BucketResult, InfluencerResult};
use serde::Serialize;
use utoipa::ToSchema;

use crate::params::Choice;
use crate::time::TimeRange;

/// Lanes over a time range.
#[derive(Debug, Serialize, ToSchema)]
pub struct Swimlane {
    /// What the lanes are by.
    pub by: String,
    /// Start of the first cell, ms since the epoch.
    pub from: i64,
    /// End of the range, ms since the epoch.
    pub to: i64,
    /// Length of a cell, ms.
    pub step: i64,
    /// Lanes, by falling score.
    pub lanes: Vec<Lane>,
}

/// One lane.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lane {
    /// What it is about, as a parameter for other requests takes it.
    pub key: String,
    /// What it is about, for people.
    pub label: String,
    /// Highest score of all cells.
    pub max_score: f64,
    /// Cells with a score above 0, by time.
    pub cells: Vec<Cell>,
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Cell {
    /// Start, ms since the epoch.
    pub t: i64,
    /// Highest score.
    pub score: f64,
    /// How many results lie in it.
    pub count: u64,
}

/// One cell as a row of a table.
#[derive(Debug, Serialize)]
pub struct CellRow {
    lane: String,
    timestamp: i64,
    score: f64,
    count: u64,
}

impl Swimlane {
    /// Every cell with a score.
    pub fn rows(&self) -> Vec<CellRow> {
        let row = |lane: &Lane, cell: &Cell| CellRow {
            lane: lane.key.clone(),
            timestamp: cell.t,
            score: cell.score,
            count: cell.count,
        };
        self.lanes.iter().flat_map(|lane| lane.cells.iter().map(|cell| row(lane, cell))).collect()
    }
}

/// What lanes are by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// One lane.
    Overall,
    /// One per perspective.
    Perspective,
    /// One per server.
    Server,
    /// One per client.
    Client,
    /// One per server port.
    Port,
    /// One per outcome.
    Outcome,
    /// One per exporter or interface.
    Exporter,
}

impl By {
    /// The name in requests.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, by)| *by == self).map_or("", |(name, _)| name)
    }

    /// The field of influencers that belongs into these lanes.
    const fn influencer_field(self) -> Option<&'static str> {
        match self {
            Self::Server => Some("server_ip"),
            Self::Client => Some("client_ip"),
            Self::Port => Some("server_port"),
            Self::Outcome => Some("outcome"),
            Self::Exporter => Some("observer"),
            Self::Overall | Self::Perspective => None,
        }
    }
}

impl Choice for By {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("overall", Self::Overall),
        ("perspective", Self::Perspective),
        ("server", Self::Server),
        ("client", Self::Client),
        ("port", Self::Port),
        ("outcome", Self::Outcome),
        ("exporter", Self::Exporter),
    ];
}

/// Lanes under construction.
pub struct Lanes {
    by: By,
    range: TimeRange,
    from: i64,
    step: i64,
    lanes: HashMap<String, HashMap<i64, Cell>>,
}

impl Lanes {
    /// Lanes over a range in about so many cells, which begin at whole multiples of their length.
    pub fn new(by: By, range: TimeRange, cells: usize) -> Self {
        const MINUTE: i64 = 60_000;
        let length = (range.to - range.from).max(1);
        let mut step = (length + cells as i64 - 1) / (cells as i64).max(1);
        if step > MINUTE {
            step = (step + MINUTE - 1) / MINUTE * MINUTE;
        }
        Self { by, range, from: range.from.div_euclid(step) * step, step, lanes: HashMap::new() }
    }

    fn add(&mut self, key: &str, timestamp: i64, score: f64) {
        if score <= 0.0 || timestamp < self.range.from || timestamp >= self.range.to {
            return;
        }
        let t = self.from + (timestamp - self.from).div_euclid(self.step) * self.step;
        if !self.lanes.contains_key(key) {
            self.lanes.insert(key.to_owned(), HashMap::new());
        }
        if let Some(lane) = self.lanes.get_mut(key) {
            let cell = lane.entry(t).or_insert(Cell { t, score: 0.0, count: 0 });
            cell.score = cell.score.max(score);
            cell.count += 1;
        }
    }

    /// Adds buckets, for lanes overall and by perspective.
    pub fn buckets(&mut self, buckets: &[BucketResult]) {
        for bucket in buckets {
            let key = if self.by == By::Overall { "overall" } else { bucket.perspective.as_str() };
            self.add(key, bucket.timestamp, bucket.anomaly_score.value());
        }
    }

    /// Adds records, for lanes by server, client or port.
    pub fn records(&mut self, records: &[AnomalyRecord]) {
        for record in records {
            let series = &record.series;
            let key = match self.by {
                By::Server => series.server.map(|ip| ip.to_string()),
                By::Client => series.client.map(|ip| ip.to_string()),
                By::Port => series.port.map(|port| port.to_string()),
                By::Overall | By::Perspective | By::Outcome | By::Exporter => None,
            };
            if let Some(key) = key {
                self.add(&key, record.timestamp, record.record_score.value());
            }
        }
    }

    /// Adds records that a filter chose, for lanes of any kind: the lanes of their series and of whom they are due to. Whoever
    /// is behind an anomaly is no worse than it.
    pub fn matching(&mut self, records: &[AnomalyRecord]) {
        self.records(records);
        for record in records {
            match self.by {
                By::Overall => self.add("overall", record.timestamp, record.record_score.value()),
                By::Perspective => {
                    self.add(record.series.perspective.as_str(), record.timestamp, record.record_score.value());
                }
                By::Server | By::Client | By::Port | By::Outcome | By::Exporter => {
                    let field = self.by.influencer_field();
                    for part in record.influencers.iter().filter(|part| Some(part.field.as_str()) == field) {
                        let score = part.score.value().min(record.record_score.value());
                        self.add(&part.value, record.timestamp, score);
                    }
                }
            }
        }
    }

    /// Adds influencers, for lanes by what they name.
    pub fn influencers(&mut self, results: &[InfluencerResult]) {
        let Some(field) = self.by.influencer_field() else { return };
        for result in results.iter().filter(|result| result.field == field) {
            self.add(&result.value, result.timestamp, result.influencer_score.value());
        }
    }

    /// The strongest lanes.
    pub fn finish(self, limit: usize) -> Swimlane {
        let by = self.by;
        let lane = |(key, cells): (String, HashMap<i64, Cell>)| {
            let mut cells: Vec<Cell> = cells.into_values().collect();
            cells.sort_by_key(|cell| cell.t);
            let max_score = cells.iter().map(|cell| cell.score).fold(0.0, f64::max);
            Lane { label: label(by, &key), key, max_score, cells }
        };
        let mut lanes: Vec<Lane> = self.lanes.into_iter().map(lane).collect();
        lanes.sort_by(|a, b| b.max_score.total_cmp(&a.max_score).then_with(|| a.key.cmp(&b.key)));
        lanes.truncate(limit);
        Swimlane { by: by.as_str().to_owned(), from: self.from, to: self.range.to, step: self.step, lanes }
    }
}

fn label(by: By, key: &str) -> String {
    const TCP: u8 = 6;
    match by {
        By::Overall => "Overall".to_owned(),
        By::Port => {
            let name = key.parse().ok().and_then(|port| tracker::service::service_name(TCP, port));
            name.map_or_else(|| key.to_owned(), |name| format!("{key} ({name})"))
        }
        By::Outcome => key.replace('_', " "),
        By::Perspective | By::Server | By::Client | By::Exporter => key.to_owned(),
    }
}
