//! What detection knows at one moment: every series' model, the observers' usual rates, and where it stands in time.
//!
//! Fed one bucket of counts after the other; the same counts always give the same state and scores.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jobs::{Level, SeriesKey};
use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};
use tracker::Perspective;
use tracker::locality::{address_key, address_of};

use crate::buckets::counts::{BucketCounts, PerspectiveCounts, TCP_FAILURES, Tally};
use crate::key::{level_from, level_name};
use crate::model::persist::{Persist, persist};
use crate::model::{Baseline, Crowd, Moment, Observation, Scored};

/// Observers expected to deliver fewer records than this per bucket are not missed when they are silent.
const SPARSE_OBSERVER: f64 = 10.0;
/// Under this share of the usual observers a bucket is missing.
const LEAST_COVERAGE: f64 = 0.5;
/// Weight of a new bucket in the usual rates.
const RATE_STEP: f64 = 0.02;

/// Models of one series: its failures and, for servers and clients, how many distinct ports or targets failed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesModel {
    pub count: Baseline,
    pub breadth: Option<Baseline>,
    typical: f64,
}

persist!(SeriesModel { count, breadth, typical });

/// One perspective.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    pub series: BTreeMap<SeriesKey, SeriesModel>,
    pub crowd: Crowd,
    pub observers: BTreeMap<String, f64>,
    pub outcomes: [f64; TCP_FAILURES.len()],
    pub buckets: f64,
    pub last: Option<i64>,
    pub pooled: u64,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct World {
    /// Start (s) of the first bucket not yet taken in.
    pub next: Option<i64>,
    /// Fold of the marks of all buckets taken in.
    pub lineage: u64,
    pub views: BTreeMap<Perspective, View>,
}

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

/// One perspective of a bucket, scored.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredView {
    pub perspective: Perspective,
    pub series: Vec<ScoredSeries>,
    /// Joint surprise of all series.
    pub crowd: f64,
    pub total: Tally,
    pub coverage: f64,
    pub ready: bool,
}

/// How a bucket is scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    pub max_series: usize,
    pub prune_days: f64,
}

impl World {
    /// Time went by without any record.
    pub fn skip(&mut self, days: f64) {
        for view in self.views.values_mut() {
            for model in view.series.values_mut() {
                model.count.skip(days);
            }
        }
    }

    /// Scores a bucket, then learns from it. A perspective whose observers were silent is missing and absent.
    pub fn observe(&mut self, moment: &Moment, counts: &BucketCounts, rules: Rules) -> Vec<ScoredView> {
        for perspective in counts.perspectives.keys() {
            self.views.entry(*perspective).or_default();
        }
        let alive: Vec<&str> = counts.alive().collect();
        let empty = PerspectiveCounts::default();
        let mut scored = Vec::new();
        for (&perspective, view) in &mut self.views {
            let own = counts.perspectives.get(&perspective).unwrap_or(&empty);
            let coverage = view.coverage(own, &alive);
            if coverage < LEAST_COVERAGE {
                view.series.values_mut().for_each(|model| model.count.skip(moment.days));
                continue;
            }
            scored.push(view.observe(perspective, moment, own, coverage, rules));
        }
        scored
    }
}

impl View {
    /// Share of the usual records whose observers delivered anything, and learns the usual.
    fn coverage(&mut self, counts: &PerspectiveCounts, alive: &[&str]) -> f64 {
        let usual: f64 = self.observers.values().sum();
        let missed: f64 = self
            .observers
            .iter()
            .filter(|(name, rate)| **rate >= SPARSE_OBSERVER && !alive.contains(&name.as_str()))
            .map(|(_, rate)| rate)
            .sum();
        let known = self.observers.is_empty() || self.observers.keys().any(|name| alive.contains(&name.as_str()));
        for (name, records) in &counts.observers {
            self.observers.entry(name.clone()).or_insert(*records as f64);
        }
        for (name, rate) in &mut self.observers {
            if alive.contains(&name.as_str()) {
                let records = counts.observers.get(name).copied().unwrap_or(0) as f64;
                *rate += RATE_STEP * (records - *rate);
            } else {
                // A retired observer is not missed for ever.
                *rate *= 1.0 - RATE_STEP / 4.0;
            }
        }
        if !known && counts.observers.is_empty() {
            return 0.0;
        }
        if usual > 0.0 { 1.0 - missed / usual } else { 1.0 }
    }

    fn observe(
        &mut self,
        perspective: Perspective,
        moment: &Moment,
        counts: &PerspectiveCounts,
        coverage: f64,
        rules: Rules,
    ) -> ScoredView {
        for (key, tally) in counts.series.iter().filter(|(_, tally)| tally.failed > 0) {
            let (buckets, days) = (self.buckets, moment.days);
            self.series.entry(key.clone()).or_insert_with(|| SeriesModel::new(key.level, *tally, buckets, days));
        }
        // Every model is its own: the order in which threads take them changes nothing.
        let mut models: Vec<(&SeriesKey, &mut SeriesModel)> = self.series.iter_mut().collect();
        let series: Vec<ScoredSeries> =
            models.par_iter_mut().filter_map(|(key, model)| model.observe(key, moment, counts, coverage)).collect();
        let mut groups: BTreeMap<Option<IpAddr>, Vec<(f64, f64)>> = BTreeMap::new();
        for one in series.iter().filter(|one| one.key.level == Level::ServerPort && one.scored.ready) {
            groups.entry(one.key.server).or_default().push((one.scored.single, one.scored.short));
        }
        let ready = series.iter().any(|one| one.scored.ready);
        let groups: Vec<Vec<(f64, f64)>> = groups.into_values().collect();
        let crowd = if groups.is_empty() { 0.0 } else { self.crowd.observe(&groups) };
        let total = counts.total(perspective);
        for (usual, count) in self.outcomes.iter_mut().zip(total.outcomes) {
            *usual += RATE_STEP * (count as f64 - *usual);
        }
        self.buckets += 1.0;
        self.last = Some(moment.start);
        self.pooled = counts.pools.values().map(|pool| pool.members).sum();
        self.prune(rules);
        ScoredView { perspective, series, crowd, total, coverage, ready }
    }

    /// Forgets what was silent for long and, per level, what has the least evidence beyond the limit.
    fn prune(&mut self, rules: Rules) {
        self.series.retain(|_, model| model.count.quiet_days() < rules.prune_days);
        let mut levels: BTreeMap<Level, Vec<(f64, SeriesKey)>> = BTreeMap::new();
        if self.series.len() > rules.max_series {
            for (key, model) in &self.series {
                levels.entry(key.level).or_default().push((model.count.events(), key.clone()));
            }
        }
        for mut members in levels.into_values().filter(|members| members.len() > rules.max_series) {
            members.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
            for (_, key) in members.drain(rules.max_series..) {
                self.series.remove(&key);
            }
        }
    }

    /// Usual failures per bucket of a series, 0 where it has no model.
    pub fn usual(&self, key: &SeriesKey) -> f64 {
        self.series.get(key).map_or(0.0, |model| model.typical)
    }

    /// Bytes of the models.
    pub fn bytes(&self) -> usize {
        let one = |model: &SeriesModel| model.count.bytes() + model.breadth.as_ref().map_or(0, Baseline::bytes);
        self.series.values().map(one).sum::<usize>() + self.series.len() * size_of::<SeriesKey>()
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
    fn new(level: Level, tally: Tally, buckets: f64, days: f64) -> Self {
        let newcomer = || if buckets < 1.0 { Baseline::new() } else { Baseline::newcomer(buckets, days) };
        Self { count: newcomer(), breadth: breadth(level, &tally).map(|_| newcomer()), typical: 0.0 }
    }

    /// Scores the series; `None` where its count is unknown because it may be in the pool.
    fn observe(
        &mut self,
        key: &SeriesKey,
        moment: &Moment,
        counts: &PerspectiveCounts,
        coverage: f64,
    ) -> Option<ScoredSeries> {
        let known = counts.series.get(key).copied();
        let pool = counts.pools.get(&key.level);
        if known.is_none() && pool.is_some_and(|pool| pool.highest > 0) {
            self.count.skip(moment.days);
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

impl Persist for View {
    fn put(&self, out: &mut Vec<u8>) {
        (self.series.len() as u64).put(out);
        for (key, model) in &self.series {
            key.put(out);
            model.put(out);
        }
        self.crowd.put(out);
        (self.observers.len() as u64).put(out);
        for (name, rate) in &self.observers {
            name.put(out);
            rate.put(out);
        }
        self.outcomes.put(out);
        self.buckets.put(out);
        self.last.put(out);
        self.pooled.put(out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let series = (0..u64::take(input)?)
            .map(|_| Some((SeriesKey::take(input)?, SeriesModel::take(input)?)))
            .collect::<Option<_>>()?;
        let crowd = Crowd::take(input)?;
        let observers =
            (0..u64::take(input)?).map(|_| Some((String::take(input)?, f64::take(input)?))).collect::<Option<_>>()?;
        let outcomes = Persist::take(input)?;
        Some(Self {
            series,
            crowd,
            observers,
            outcomes,
            buckets: f64::take(input)?,
            last: Persist::take(input)?,
            pooled: u64::take(input)?,
        })
    }
}

impl Persist for World {
    fn put(&self, out: &mut Vec<u8>) {
        self.next.put(out);
        self.lineage.put(out);
        (self.views.len() as u64).put(out);
        for (perspective, view) in &self.views {
            perspective.as_str().to_owned().put(out);
            view.put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let (next, lineage) = (Persist::take(input)?, u64::take(input)?);
        let views = (0..u64::take(input)?)
            .map(|_| Some((String::take(input)?.parse().ok()?, View::take(input)?)))
            .collect::<Option<_>>()?;
        Some(Self { next, lineage, views })
    }
}
