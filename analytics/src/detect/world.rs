//! What detection knows at one moment: every series' model, the observers' usual rates, and where it stands in time.
//!
//! Fed one bucket of counts after the other; the same counts always give the same state and scores.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jobs::{Level, SeriesKey};
use rayon::iter::{IntoParallelRefIterator, IntoParallelRefMutIterator, ParallelIterator};
use tracker::Perspective;

use crate::buckets::counts::{BucketCounts, PerspectiveCounts, TCP_FAILURES, Tally};
use crate::detect::newcomers::Newcomers;
use crate::detect::room;
use crate::jobs::Skips;
use crate::model::baseline::LEARNING_BUCKETS;
use crate::model::{Crowd, Moment};

pub use crate::detect::series::{ScoredSeries, SeriesModel};

/// Observers expected to deliver fewer records than this per bucket are not missed when they are silent.
const SPARSE_OBSERVER: f64 = 10.0;
/// Under this share of the usual observers a bucket is missing.
const LEAST_COVERAGE: f64 = 0.5;
/// Weight of a new bucket in the usual rates.
const RATE_STEP: f64 = 0.02;
/// A silent observer whose rate has faded to this is forgotten.
const FADED: f64 = 0.01;

/// One perspective.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    pub series: BTreeMap<SeriesKey, Box<SeriesModel>>,
    pub newcomers: Newcomers,
    pub crowd: Crowd,
    pub observers: BTreeMap<String, f64>,
    pub outcomes: [f64; TCP_FAILURES.len()],
    pub buckets: f64,
    pub last: Option<i64>,
    /// Series that the last bucket pooled.
    pub pooled: u64,
    /// Series forgotten so far for lack of room.
    pub evicted: u64,
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
    /// Series modelled per perspective and level.
    pub max_series: usize,
    /// Days of silence after which a series is forgotten.
    pub prune_days: f64,
    /// Bytes that all models together may take.
    pub memory: usize,
}

impl Rules {
    /// Series that may become known in one bucket, per perspective and level: a sweep over everything makes no models.
    fn newcomers(self, learning: bool) -> usize {
        (self.max_series / if learning { 5 } else { 50 }).max(20)
    }
}

impl World {
    /// Time went by without any record.
    pub fn skip(&mut self, days: f64) {
        for view in self.views.values_mut() {
            view.skip(days);
        }
    }

    /// Scores a bucket, then learns from it. A perspective whose observers were silent is missing and absent; of others what
    /// is `planned` is left out.
    pub fn observe(
        &mut self,
        moment: &Moment,
        counts: &BucketCounts,
        rules: Rules,
        planned: &dyn Fn(Perspective) -> Skips,
    ) -> Vec<ScoredView> {
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
                view.skip(moment.days);
                continue;
            }
            let Skips { result, update } = planned(perspective);
            let seen = if update {
                let seen = (!result).then(|| view.peek(perspective, moment, own));
                view.skip(moment.days);
                view.last = Some(moment.start);
                seen
            } else {
                Some(view.observe(perspective, moment, own, coverage, rules)).filter(|_| !result)
            };
            scored.extend(seen);
        }
        room::make(self, rules.memory);
        scored
    }

    /// Scores a bucket that is not over yet, as far as it has come, and learns nothing.
    pub fn peek(&self, moment: &Moment, counts: &BucketCounts) -> Vec<ScoredView> {
        let seen = |(perspective, counts): (&Perspective, &PerspectiveCounts)| {
            self.views.get(perspective).map(|view| view.peek(*perspective, moment, counts))
        };
        counts.perspectives.iter().filter_map(seen).collect()
    }
}

/// Surprises of each server's ports: of the bucket alone, and of the last few buckets.
fn by_server(series: &[ScoredSeries]) -> Vec<Vec<(f64, f64)>> {
    let mut groups: BTreeMap<Option<IpAddr>, Vec<(f64, f64)>> = BTreeMap::new();
    for one in series.iter().filter(|one| one.key.level == Level::ServerPort && one.scored.ready) {
        groups.entry(one.key.server).or_default().push((one.scored.single, one.scored.short));
    }
    groups.into_values().collect()
}

impl View {
    /// A bucket, or more time than that, went by unseen.
    fn skip(&mut self, days: f64) {
        self.series.values_mut().for_each(|model| model.skip(days));
    }

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
        self.observers.retain(|name, rate| *rate >= FADED || alive.contains(&name.as_str()));
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
        let mut passing = self.greet(moment, counts, rules);
        // Every model is its own: the order in which threads take them changes nothing.
        let passing = passing.iter_mut().map(|(key, model)| (&*key, &mut **model));
        let mut models: Vec<(&SeriesKey, &mut SeriesModel)> =
            self.series.iter_mut().map(|(key, model)| (key, &mut **model)).chain(passing).collect();
        let series: Vec<ScoredSeries> =
            models.par_iter_mut().filter_map(|(key, model)| model.observe(key, moment, counts, coverage)).collect();
        let ready = series.iter().any(|one| one.scored.ready);
        let groups = by_server(&series);
        let crowd = if groups.is_empty() { 0.0 } else { self.crowd.observe(&groups).surprise };
        let total = counts.total(perspective);
        for (usual, count) in self.outcomes.iter_mut().zip(total.outcomes) {
            *usual += RATE_STEP * (count as f64 - *usual);
        }
        self.buckets += 1.0;
        self.last = Some(moment.start);
        self.pooled = counts.pools.values().map(|pool| pool.members).sum();
        room::prune(self, moment.start, rules);
        ScoredView { perspective, series, crowd, total, coverage, ready }
    }

    /// Scores a bucket as [`observe`](Self::observe) would, and learns nothing.
    fn peek(&self, perspective: Perspective, moment: &Moment, counts: &PerspectiveCounts) -> ScoredView {
        let new = counts.series.iter().filter(|(key, tally)| tally.failed > 0 && !self.series.contains_key(*key));
        let new: Vec<(&SeriesKey, Box<SeriesModel>)> =
            new.map(|(key, tally)| (key, Box::new(SeriesModel::new(key, *tally, self.buckets, moment.days)))).collect();
        let models: Vec<(&SeriesKey, &SeriesModel)> =
            self.series.iter().chain(new.iter().map(|(key, model)| (*key, model))).map(|(k, m)| (k, &**m)).collect();
        let one = |(key, model): &(&SeriesKey, &SeriesModel)| (*model).clone().observe(key, moment, counts, 1.0);
        let series: Vec<ScoredSeries> = models.par_iter().filter_map(one).collect();
        let groups = by_server(&series);
        let crowd = if groups.is_empty() { 0.0 } else { self.crowd.clone().observe(&groups).surprise };
        let ready = series.iter().any(|one| one.scored.ready);
        ScoredView { perspective, series, crowd, total: counts.total(perspective), coverage: 1.0, ready }
    }

    /// Gives models to series that have none and are worth one. Returns the others with a model for this bucket alone:
    /// what shows once is scored like everything else.
    fn greet(
        &mut self,
        moment: &Moment,
        counts: &PerspectiveCounts,
        rules: Rules,
    ) -> Vec<(SeriesKey, Box<SeriesModel>)> {
        let learning = self.buckets < LEARNING_BUCKETS;
        let mut new: Vec<(&SeriesKey, &Tally)> =
            counts.series.iter().filter(|(key, tally)| tally.failed > 0 && !self.series.contains_key(*key)).collect();
        new.sort_by(|a, b| b.1.failed.cmp(&a.1.failed).then_with(|| a.0.cmp(b.0)));
        let mut room: BTreeMap<Level, usize> = BTreeMap::new();
        let mut passing = Vec::new();
        for (key, tally) in new {
            let room = room.entry(key.level).or_insert_with(|| rules.newcomers(learning));
            let stays = *room > 0 && (learning || self.newcomers.stays(key, tally, moment.start));
            *room = room.saturating_sub(1);
            let model = Box::new(SeriesModel::new(key, *tally, self.buckets, moment.days));
            if stays {
                self.series.insert(key.clone(), model);
            } else {
                passing.push((key.clone(), model));
            }
        }
        passing
    }

    /// Usual failures per bucket of a series, 0 where it has no model.
    pub fn usual(&self, key: &SeriesKey) -> f64 {
        self.series.get(key).map_or(0.0, |model| model.usual())
    }

    /// The clients of a network that have models, with their usual failures per bucket.
    pub fn clients(&self, perspective: Perspective, network: &IpNet) -> impl Iterator<Item = (IpAddr, f64)> {
        let key =
            |client| SeriesKey { perspective, level: Level::Client, server: None, port: None, client: Some(client) };
        let known = self.series.range(key(network.network())..=key(network.broadcast()));
        known.filter_map(|(key, model)| Some((key.client?, model.usual())))
    }

    /// Bytes of the models, estimated.
    pub fn bytes(&self) -> usize {
        // A tree's nodes are two thirds full.
        let place = 3 * (size_of::<SeriesKey>() + size_of::<usize>()) / 2;
        self.series.values().map(|model| model.bytes() + place).sum::<usize>() + self.newcomers.bytes()
    }
}
