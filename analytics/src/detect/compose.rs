//! From scores to results: records, bucket results and influencers of one bucket.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use jobs::{AnomalyRecord, BucketResult, Explanation, InfluencerResult, Level, Score, Severity};

use crate::detect::explain::{Failure, by_client, cause, influencers, of_series};
use crate::detect::primary::choose;
use crate::detect::together::risen_together;
use crate::detect::world::{ScoredSeries, ScoredView, View};
use crate::model::score_of;
use crate::results::plots::PlotPoint;
use crate::results::rows::{BucketOutcome, short};
use crate::results::series::by_count;

/// Coverage under which a bucket counts as incomplete.
const COMPLETE: f64 = 0.95;
/// Expectations below this with nothing seen are not worth a plot point.
const PLOTTED: f64 = 0.02;

/// Whether a bucket has records, so that its failures are worth reading.
pub fn has_records(view: &ScoredView) -> bool {
    view.series.iter().any(worth_a_record)
}

fn worth_a_record(one: &ScoredSeries) -> bool {
    one.score >= Severity::Warning.threshold()
}

/// The results of one perspective of a bucket (start in seconds).
pub fn compose(scored: &ScoredView, view: &View, failures: &[Failure], start: i64, span: u32) -> BucketOutcome {
    let timestamp = start * 1000;
    let everywhere = by_client(failures.iter().filter(|failure| failure.perspective == scored.perspective));
    let together = risen_together(&scored.series);
    let is_needed =
        |one: &ScoredSeries| one.key.level == Level::Server && one.key.server.is_some_and(|ip| together.contains(&ip));
    let records: Vec<AnomalyRecord> = scored
        .series
        .iter()
        .filter(|one| worth_a_record(one) || is_needed(one))
        .map(|one| record(one, view, (failures, &everywhere), timestamp, span, scored.coverage))
        .collect();
    let mut records = records;
    records.sort_by(|a, b| {
        b.record_score.value().total_cmp(&a.record_score.value()).then_with(|| a.series.cmp(&b.series))
    });
    let records = choose(records, failures, &together);
    let n = scored.series.iter().filter(|one| one.scored.ready).count() as f64;
    // The most surprising series, paid for having looked at all of them.
    let most = scored.series.iter().map(|one| one.surprise - n.max(1.0).ln()).fold(0.0, f64::max);
    let excess: f64 =
        scored.series.iter().filter(|one| one.key.level == Level::ServerPort).map(|one| one.excess().max(0.0)).sum();
    let surprise = if scored.ready { scored.crowd.max(most) } else { 0.0 };
    let score = Score::new(score_of(surprise, excess));
    let bucket = BucketResult {
        perspective: scored.perspective,
        timestamp,
        bucket_span: span,
        anomaly_score: score,
        initial_anomaly_score: score,
        probability: (-surprise).exp(),
        event_count: scored.total.attempts,
        failed_count: scored.total.failed,
        series_count: n as u64,
        is_interim: false,
    };
    let influencers = bucket_influencers(&records.iter().map(|stored| &stored.record).collect::<Vec<_>>(), &bucket);
    BucketOutcome { bucket, records, influencers, revised: false }
}

fn record(
    one: &ScoredSeries,
    view: &View,
    (failures, everywhere): (&[Failure], &HashMap<IpAddr, u64>),
    timestamp: i64,
    span: u32,
    coverage: f64,
) -> AnomalyRecord {
    let own = of_series(failures, &one.key);
    let named = influencers(one, &own, everywhere, view);
    let scored = &one.scored;
    let digits = |surprise: f64| (surprise / std::f64::consts::LN_10).round().clamp(0.0, 400.0) as u32;
    let score = Score::new(one.score);
    AnomalyRecord {
        series: one.key.clone(),
        service: one.key.port.and_then(|port| tracker::service::service_name(6, port)).map(str::to_owned),
        timestamp,
        bucket_span: span,
        record_score: score,
        initial_record_score: score,
        probability: (-one.surprise).exp(),
        multi_bucket_impact: multi_bucket_impact(scored.single, scored.multi),
        actual: one.tally.failed as f64,
        expected: scored.expected,
        attempts: one.tally.attempts,
        clients: one.tally.clients,
        explanation: Explanation {
            spike: one.tally.failed as f64 >= scored.expected.typical,
            length: scored.length,
            single_bucket_impact: digits(scored.single),
            multi_bucket_impact: digits(scored.multi),
            high_variance_penalty: scored.high_variance,
            incomplete_bucket_penalty: coverage < COMPLETE,
        },
        outcomes: by_count(&one.tally.outcomes),
        cause: cause(one, &own, &named),
        influencers: named,
        is_interim: false,
        revised: false,
    }
}

/// -5 (this bucket alone) to +5 (the recent buckets together), from the ratio of the two surprises.
fn multi_bucket_impact(single: f64, multi: f64) -> f64 {
    let (single, multi) = (single.max(0.05), multi.max(0.05));
    short((5.0 * (multi.ln() - single.ln()) / 10.0_f64.ln()).clamp(-5.0, 5.0))
}

/// Influencers of a bucket: named by its records, and the server, port and client of records themselves.
fn bucket_influencers(records: &[&AnomalyRecord], bucket: &BucketResult) -> Vec<InfluencerResult> {
    let mut most: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
    let mut add = |field: &str, value: String, score: f64, probability: f64| {
        let known = most.entry((field.to_owned(), value)).or_insert((0.0, 1.0));
        *known = (known.0.max(score), known.1.min(probability));
    };
    for record in records {
        let score = record.record_score.value();
        let key = &record.series;
        key.server.inspect(|ip| add("server_ip", ip.to_string(), score, record.probability));
        key.port.inspect(|port| add("server_port", port.to_string(), score, record.probability));
        key.client.inspect(|ip| add("client_ip", ip.to_string(), score, record.probability));
        for influencer in &record.influencers {
            let part = score * influencer.score.value() / 100.0;
            add(&influencer.field, influencer.value.clone(), part, record.probability);
        }
    }
    let mut found: Vec<InfluencerResult> = most
        .into_iter()
        .map(|((field, value), (score, probability))| InfluencerResult {
            perspective: bucket.perspective,
            timestamp: bucket.timestamp,
            bucket_span: bucket.bucket_span,
            field,
            value,
            influencer_score: Score::new(short(score)),
            initial_influencer_score: Score::new(short(score)),
            probability,
            is_interim: false,
        })
        .collect();
    found.sort_by(|a, b| b.influencer_score.value().total_cmp(&a.influencer_score.value()));
    found
}

/// What to draw of a bucket's series.
pub fn plot_points(scored: &ScoredView, start: i64) -> impl Iterator<Item = PlotPoint> + '_ {
    let worth =
        |one: &&ScoredSeries| one.scored.ready && (one.tally.failed > 0 || one.scored.expected.typical >= PLOTTED);
    scored.series.iter().filter(worth).map(move |one| PlotPoint {
        series: one.key.clone(),
        bucket: start,
        expected: one.scored.expected,
        score: one.score,
        multi: one.scored.multi > one.scored.single,
    })
}
