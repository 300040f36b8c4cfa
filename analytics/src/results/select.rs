//! Selecting and ordering results.

use std::net::IpAddr;
use std::sync::Arc;

use jobs::{AnomalyRecord, Level};
use tracker::Perspective;

use crate::query::filter::Filter;
use crate::results::Buckets;
use crate::results::rows::{BucketOutcome, StoredRecord};

/// Order of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Highest score first, then newest.
    #[default]
    Score,
    /// Newest first, then highest score.
    Time,
}

/// Which records are wanted: all conditions that are set hold.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyFilter {
    /// Bucket start at or after this, ms.
    pub from: i64,
    /// Bucket start before this, ms.
    pub to: i64,
    /// Perspective.
    pub perspective: Option<Perspective>,
    /// Score at least this.
    pub min_score: f64,
    /// Series of this server.
    pub server: Option<IpAddr>,
    /// Series of this port.
    pub port: Option<u16>,
    /// Series of this client, or records that name it as an influencer.
    pub client: Option<IpAddr>,
    /// What else must hold.
    pub filter: Option<Filter>,
    /// Level. Without one, of several levels that say the same only the telling one is given.
    pub level: Option<Level>,
    /// Give every level, also those that only repeat another one.
    pub all_levels: bool,
    /// Order.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
}

impl AnomalyFilter {
    /// Every telling record in `from..to` (ms), by falling score.
    pub fn between(from: i64, to: i64) -> Self {
        Self {
            from,
            to,
            perspective: None,
            min_score: 0.0,
            server: None,
            port: None,
            client: None,
            filter: None,
            level: None,
            all_levels: false,
            order: Order::Score,
            limit: usize::MAX,
        }
    }

    fn passes(&self, stored: &StoredRecord) -> bool {
        let record = &stored.record;
        let series = &record.series;
        let client = |ip: IpAddr| {
            series.client == Some(ip)
                || record.influencers.iter().any(|i| i.field == "client_ip" && i.value.parse() == Ok(ip))
        };
        record.record_score.value() >= self.min_score
            && self.server.is_none_or(|ip| series.server == Some(ip))
            && self.port.is_none_or(|port| series.port == Some(port))
            && self.client.is_none_or(client)
            && self.filter.as_ref().is_none_or(|filter| filter.matches(record))
            && match self.level {
                Some(level) => series.level == level,
                None => self.all_levels || stored.primary,
            }
    }
}

/// Buckets in a time range, by time.
pub fn between(
    buckets: &Buckets,
    from: i64,
    to: i64,
    perspective: Option<Perspective>,
) -> impl Iterator<Item = &Arc<BucketOutcome>> {
    let first = (from, 0, Perspective::Edge);
    let last = (to.max(from), 0, Perspective::Edge);
    buckets
        .range(first..last)
        .map(|(_, outcome)| outcome)
        .filter(move |o| perspective.is_none_or(|p| o.bucket.perspective == p))
}

/// Records that pass, by time.
pub fn passing<'a>(buckets: &'a Buckets, filter: &'a AnomalyFilter) -> impl Iterator<Item = &'a AnomalyRecord> {
    between(buckets, filter.from, filter.to, filter.perspective)
        .flat_map(|outcome| &outcome.records)
        .filter(|stored| filter.passes(stored))
        .map(|stored| &stored.record)
}

/// Records that pass, in the filter's order, at most as many as it allows.
pub fn anomalies(buckets: &Buckets, filter: &AnomalyFilter) -> Vec<AnomalyRecord> {
    let mut found: Vec<&AnomalyRecord> = passing(buckets, filter).collect();
    found.sort_by(|a, b| {
        let score = b.record_score.value().total_cmp(&a.record_score.value());
        let time = b.timestamp.cmp(&a.timestamp);
        let (first, second) = if filter.order == Order::Score { (score, time) } else { (time, score) };
        first.then(second).then_with(|| a.series.cmp(&b.series))
    });
    found.into_iter().take(filter.limit).cloned().collect()
}
