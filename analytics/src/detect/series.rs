//! The models of one series within detection, and one bucket of it scored.
//!
//! Must not know which series there are, nor how long they are kept.

use jobs::{Level, SeriesKey};
use tracker::locality::{address_key, address_of};

use crate::buckets::counts::{PerspectiveCounts, Tally};
use crate::key::{fingerprint, level_from, level_name};
use crate::model::persist::{Persist, persist};
use crate::model::{Baseline, Moment, Observation, Scored};

/// Models of one series: its failures and, for servers and clients, how many distinct ports or targets failed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesModel {
    pub count: Baseline,
    pub breadth: Option<Box<Baseline>>,
    pub typical: f64,
    /// Days that had gone by when it first showed.
    pub since: f64,
}

persist!(SeriesModel { count, breadth, typical, since });

/// Days after which what a series does is its usual: longer than most incidents.
const USUAL_AFTER: f64 = 2.0;

/// One series of a bucket, scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredSeries {
    pub key: SeriesKey,
    pub tally: Tally,
    pub scored: Scored,
    /// Surprise `-ln p` of counts and breadth together, and its score.
    pub surprise: f64,
    pub score: f64,
    /// The breadth (distinct ports or targets) is what is unusual.
    pub by_breadth: bool,
}

impl ScoredSeries {
    /// Failures beyond the expectation; negative where there are fewer.
    pub fn excess(&self) -> f64 {
        self.tally.failed as f64 - self.scored.expected.typical
    }
}

/// The distinct count that tells a scan: ports of a server, targets of a client.
fn breadth(level: Level, tally: &Tally) -> Option<u64> {
    match level {
        Level::Server => Some(tally.ports),
        Level::Client => Some(tally.servers.max(tally.ports)),
        _ => None,
    }
}

impl SeriesModel {
    /// The models of a series that first shows after `buckets` buckets of `days` days each.
    pub fn new(key: &SeriesKey, tally: Tally, buckets: f64, days: f64) -> Self {
        let phase = fingerprint(key) as f64 / u64::MAX as f64;
        let newcomer = |delay: f64| {
            let mut model = if buckets < 1.0 { Baseline::new() } else { Baseline::newcomer(buckets, days) };
            model.delay_fit(delay);
            model
        };
        let breadth = breadth(key.level, &tally).map(|_| Box::new(newcomer((phase + 0.5) % 1.0)));
        Self { count: newcomer(phase), breadth, typical: 0.0, since: buckets * days }
    }

    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        self.count.bytes() + self.breadth.as_ref().map_or(0, |model| model.bytes()) + size_of::<Self>()
            - size_of::<Baseline>()
    }

    /// Failures that are usual of it in the last bucket. What began to fail with an incident is soon expected, and
    /// becomes usual in days only.
    pub fn usual(&self) -> f64 {
        let days = self.count.days();
        // What was there from the beginning is as usual as anything.
        let known = if self.since > 0.0 { (days - self.since) / days.clamp(1e-9, USUAL_AFTER) } else { 1.0 };
        // An incident of half that time has made nothing usual yet.
        self.typical * 2.0_f64.mul_add(known, -1.0).clamp(0.0, 1.0)
    }

    /// The bucket is missing.
    pub fn skip(&mut self, days: f64) {
        self.count.skip(days);
    }

    /// Scores the series; `None` where its count is unknown because it may be in the pool.
    pub fn observe(
        &mut self,
        key: &SeriesKey,
        moment: &Moment,
        counts: &PerspectiveCounts,
        coverage: f64,
    ) -> Option<ScoredSeries> {
        let known = counts.series.get(key).copied();
        let pool = counts.pools.get(&key.level);
        if known.is_none() && pool.is_some_and(|pool| pool.highest > 0) {
            self.skip(moment.days);
            return None;
        }
        let tally = known.unwrap_or_default();
        // Attempts of a series beyond the quiet limit are in the pool: unknown.
        let established = (known.is_some() || pool.is_none()).then(|| (tally.attempts - tally.failed) as f64);
        let seen = Observation { failed: tally.failed as f64, established, coverage };
        let scored = self.count.observe(moment, &seen);
        self.typical = scored.expected.typical;
        let (mut surprise, mut score, mut by_breadth) = (scored.surprise, scored.score, false);
        if let (Some(model), Some(distinct)) = (&mut self.breadth, breadth(key.level, &tally)) {
            let broad = model.observe(moment, &Observation { failed: distinct as f64, established: None, coverage });
            let cost = std::f64::consts::LN_2;
            if broad.surprise - cost > surprise && broad.score > score {
                (surprise, score, by_breadth) = (broad.surprise - cost, broad.score, true);
            }
        }
        Some(ScoredSeries { key: key.clone(), tally, scored, surprise, score, by_breadth })
    }
}

impl Persist for SeriesKey {
    fn put(&self, out: &mut Vec<u8>) {
        self.perspective.as_str().to_owned().put(out);
        level_name(self.level).to_owned().put(out);
        for address in [self.server, self.client] {
            address.map(|ip| address_key(ip).to_be_bytes()).put(out);
        }
        self.port.put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let perspective = String::take(input)?.parse().ok()?;
        let level = level_from(&String::take(input)?)?;
        let mut address = || {
            <Option<[u8; 16]> as Persist>::take(input).map(|bytes| bytes.map(|b| address_of(u128::from_be_bytes(b))))
        };
        let (server, client) = (address()?, address()?);
        Some(Self { perspective, level, server, port: Persist::take(input)?, client })
    }
}
