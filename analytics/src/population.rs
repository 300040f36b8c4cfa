//! What benchmarks need to see of the inside: a made-up population of series, and the bucket query by itself. Not for use.

use std::net::{IpAddr, Ipv4Addr};

use jobs::{Level, SeriesKey};
use tracker::Perspective;

use crate::buckets::counts::{BucketCounts, TCP_FAILURES, Tally};
use crate::buckets::{count, counts::Pool};
use crate::detect::world::{Rules, World};
use crate::error::Result;
use crate::jobs::Skips;
use crate::model::Calendar;
use crate::{DetectSettings, SessionStore};

/// 2025-11-03 (a Monday) 00:00 UTC, seconds.
const START: i64 = 1_762_128_000;
const SPAN: u32 = 900;

/// How often a series fails: one in ten always and with the hour of the day, three in ten now and then, the rest rarely.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Busy(f64),
    Calm,
    Sparse,
}

/// Series at every level in one perspective, and the models of them.
#[derive(Debug)]
pub struct Population {
    world: World,
    calendar: Calendar,
    series: Vec<(SeriesKey, Kind)>,
    rules: Rules,
    bucket: i64,
    seed: u64,
}

impl Population {
    /// So many series, of which most count a server's port, as in a real network.
    pub fn new(series: u32) -> Self {
        let address = |n: u32| Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)));
        let perspective = Perspective::Private;
        let key = |n: u32| {
            let empty = SeriesKey { perspective, level: Level::Server, server: None, port: None, client: None };
            match n % 20 {
                0..12 => SeriesKey {
                    level: Level::ServerPort,
                    server: address(n / 4),
                    port: Some(80 + (n % 4) as u16),
                    ..empty
                },
                12..15 => SeriesKey { server: address(n), ..empty },
                15 => SeriesKey { level: Level::Port, port: Some((n / 20) as u16), ..empty },
                _ => SeriesKey { level: Level::Client, client: address(n), ..empty },
            }
        };
        let kind = |n: u32| match n.wrapping_mul(2_654_435_761) >> 16 & 1023 {
            part @ 0..102 => Kind::Busy(2.0 + f64::from(part)),
            102..409 => Kind::Calm,
            _ => Kind::Sparse,
        };
        let rules = Rules { max_series: series as usize, prune_days: 14.0, memory: usize::MAX };
        let all = (0..series).map(|n| (key(n), kind(n)));
        let total = SeriesKey { perspective, level: Level::Perspective, server: None, port: None, client: None };
        let series = all.chain([(total, Kind::Busy(5_000.0))]).collect();
        let calendar = Calendar::new(chrono_tz::Europe::Berlin, SPAN);
        Self { world: World::default(), calendar, series, rules, bucket: 0, seed: 1 }
    }

    /// The counts of the next bucket, to be given to [`score`](Self::score).
    pub fn counts(&mut self) -> Bucket {
        let hour = (self.bucket % 96) as f64 / 96.0 * std::f64::consts::TAU;
        let mut counts = BucketCounts::default();
        for n in 0..self.series.len() {
            let mean = match self.series[n].1 {
                Kind::Busy(mean) => mean * (1.0 - 0.7 * hour.cos()),
                Kind::Calm => 0.3,
                Kind::Sparse => 0.01,
            };
            let failed = self.poisson(mean);
            let (key, kind) = &self.series[n];
            if failed > 0 || matches!(kind, Kind::Busy(_)) {
                let attempts = failed + 20 * (mean.ceil() as u64);
                let tally = Tally { attempts, failed, clients: 1, servers: 1, ports: 1 + failed % 3, outcomes: [0; 9] };
                counts.perspectives.entry(Perspective::Private).or_default().series.insert(key.clone(), tally);
            }
        }
        let view = counts.perspectives.entry(Perspective::Private).or_default();
        view.observers.insert("192.0.2.1".to_owned(), 100_000);
        Bucket(counts)
    }

    /// Scores a bucket and learns from it. Returns how many series were scored.
    pub fn score(&mut self, bucket: &Bucket) -> usize {
        let moment = self.calendar.moment(START + self.bucket * i64::from(SPAN));
        self.bucket += 1;
        let scored = self.world.observe(&moment, &bucket.0, self.rules, &|_| Skips::default());
        scored.iter().map(|view| view.series.len()).sum()
    }

    /// Series that have a model, and their memory in bytes as detection accounts for it.
    pub fn held(&self) -> (usize, usize) {
        let views = self.world.views.values();
        views.fold((0, 0), |(series, bytes), view| (series + view.series.len(), bytes + view.bytes()))
    }

    /// Memory of the busiest series, bytes: all its models together.
    pub fn largest(&self) -> usize {
        self.world.views.values().flat_map(|view| view.series.values()).map(|model| model.bytes()).max().unwrap_or(0)
    }

    fn uniform(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            let normal = (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0;
            return mean.sqrt().mul_add(normal, mean).max(0.0).round() as u64;
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// Counts of one bucket.
#[derive(Debug)]
pub struct Bucket(BucketCounts);

/// Counts the newest `buckets` of a store, a few at a time, as detection does. Returns how many series and pools there are,
/// and the sum of each number in them: members, attempts, failed, highest, clients, servers, ports, and by outcome.
///
/// # Errors
/// The sessions cannot be read.
pub async fn count(store: &SessionStore, span: u64, buckets: u64) -> Result<Vec<u64>> {
    const AT_A_TIME: usize = 8;
    let span = i64::try_from(span).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let last = store.files(0, i64::MAX)?.iter().map(|file| file.last).max().unwrap_or(0).div_euclid(span);
    let first = (last + 1).saturating_sub(i64::try_from(buckets).unwrap_or(i64::MAX)).max(0);
    let limits = DetectSettings::default().limits();
    let mut sums = vec![0; 8 + TCP_FAILURES.len()];
    for bucket in (first..=last).step_by(AT_A_TIME) {
        let (from, to) = (bucket * span, (last + 1).min(bucket + AT_A_TIME as i64) * span);
        let counted = count::count(store.files(from, to)?, span, from, to, limits).await?;
        for own in counted.values().flat_map(|bucket| bucket.perspectives.values()) {
            let series = own.series.values().map(|tally| Pool { members: 1, tally: *tally, highest: tally.failed });
            for Pool { members, tally, highest } in series.chain(own.pools.values().copied()) {
                let Tally { attempts, failed, clients, servers, ports, outcomes } = tally;
                let numbers = [1, members, attempts, failed, highest, clients, servers, ports];
                sums.iter_mut().zip(numbers.into_iter().chain(outcomes)).for_each(|(sum, number)| *sum += number);
            }
        }
    }
    Ok(sums)
}
