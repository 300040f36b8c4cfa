//! What the running product tells of each exporter, in metrics and through the API.
//!
//! Owns which exporters have series of their own; must not know how statistics are gathered.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use dashboards::{DropCount, ExporterStatus};

use super::metrics::{self, Labels, MAX_EXPORTERS, Metric, Sample};
use crate::enrich::Enricher;
use crate::exporters::ExporterStats;

/// Counts that can be summed over exporters.
const COUNTS: &[(Metric, fn(&ExporterStats) -> u64)] = &[
    (metrics::EXPORTER_PACKETS, |exporter| exporter.packets),
    (metrics::EXPORTER_RECORDS, |exporter| exporter.records),
    (metrics::EXPORTER_TEMPLATES, |exporter| exporter.templates),
    (metrics::EXPORTER_COLLISIONS, |exporter| exporter.template_collisions),
    (metrics::EXPORTER_UNKNOWN, |exporter| exporter.unknown_template_records),
    (metrics::EXPORTER_LOST, |exporter| exporter.sequence_lost),
    (metrics::EXPORTER_RESTARTS, |exporter| exporter.restarts),
];

/// Values that mean something for one exporter alone.
const VALUES: &[(Metric, fn(&ExporterStats) -> Option<f64>)] = &[
    (metrics::EXPORTER_RATE, |exporter| Some(exporter.records_per_second)),
    (metrics::EXPORTER_SKEW, |exporter| exporter.clock_skew_ms.map(|skew| skew as f64 / 1_000.0)),
    (metrics::EXPORTER_COVERAGE, |exporter| exporter.coverage),
    (metrics::EXPORTER_SAMPLING, |exporter| exporter.sampling.map(f64::from)),
];

/// Adds the samples of all exporters. The busiest have series of their own; the others are summed.
pub fn samples(exporters: &[ExporterStats], samples: &mut Vec<Sample>) {
    let mut busiest: Vec<&ExporterStats> = exporters.iter().collect();
    busiest.sort_by_key(|exporter| (Reverse(exporter.records), &exporter.address, exporter.domain));
    let (own, others) = busiest.split_at(busiest.len().min(MAX_EXPORTERS));
    for &(metric, count) in COUNTS {
        let sample = |labels, value: u64| Sample { metric, labels, value: value as f64 };
        samples.extend(own.iter().map(|exporter| sample(labels(exporter), count(exporter))));
        if !others.is_empty() {
            samples.push(sample(rest(), others.iter().map(|exporter| count(exporter)).sum()));
        }
    }
    for &(metric, value) in VALUES {
        let sample =
            |exporter: &&ExporterStats| Some(Sample { metric, labels: labels(exporter), value: value(exporter)? });
        samples.extend(own.iter().filter_map(sample));
    }
    let told = |exporter: &&ExporterStats| {
        let mut labels = labels(exporter);
        labels.push(("capability", exporter.capability.to_owned()));
        labels.push(("protocols", exporter.protocols.join(" ")));
        Sample { metric: metrics::EXPORTER_INFO, labels, value: 1.0 }
    };
    samples.extend(own.iter().map(told));
    for exporter in own {
        samples.extend(exporter.drops.iter().map(|&(reason, count)| dropped(labels(exporter), reason, count)));
    }
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for &(reason, count) in others.iter().flat_map(|exporter| &exporter.drops) {
        *sums.entry(reason).or_default() += count;
    }
    samples.extend(sums.into_iter().map(|(reason, count)| dropped(rest(), reason, count)));
}

fn labels(exporter: &ExporterStats) -> Labels {
    vec![("exporter", exporter.address.clone()), ("domain", exporter.domain.to_string())]
}

fn rest() -> Labels {
    vec![("exporter", "other".to_owned()), ("domain", String::new())]
}

fn dropped(mut labels: Labels, reason: &str, count: u64) -> Sample {
    labels.push(("reason", reason.to_owned()));
    Sample { metric: metrics::EXPORTER_DROPPED, labels, value: count as f64 }
}

/// An exporter as the API tells it.
pub fn status(stats: ExporterStats, enricher: &Enricher) -> ExporterStatus {
    let millis = |time: tracker::Micros| time.div_euclid(1_000);
    ExporterStatus {
        name: enricher.exporter_name(&stats.address).map(|name| name.to_string()),
        address: stats.address,
        domain: stats.domain,
        protocols: stats.protocols.into_iter().map(str::to_owned).collect(),
        first_seen: millis(stats.first_seen),
        last_seen: millis(stats.last_seen),
        packets: stats.packets,
        records: stats.records,
        records_per_second: stats.records_per_second,
        bytes: stats.bytes,
        templates: stats.templates,
        unknown_template_records: stats.unknown_template_records,
        template_collisions: stats.template_collisions,
        waiting_sets: stats.waiting_sets,
        sequence_lost: stats.sequence_lost,
        restarts: stats.restarts,
        drops: stats.drops.into_iter().map(|(reason, count)| DropCount { reason: reason.to_owned(), count }).collect(),
        clock_skew_ms: stats.clock_skew_ms,
        capability: stats.capability.to_owned(),
        coverage: stats.coverage,
        sampling: stats.sampling,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exporter(number: usize) -> ExporterStats {
        let mut stats = crate::exporters::tests::stats(&format!("10.0.{}.{}", number / 256, number % 256));
        stats.records = 10_000 - number as u64;
        stats.drops = vec![("not_a_flow", 2)];
        stats.coverage = Some(0.5);
        stats
    }

    #[test]
    fn labels_are_bounded_and_nothing_is_left_out_of_the_sums() {
        let all: Vec<_> = (0..MAX_EXPORTERS + 100).map(exporter).collect();
        let mut found = Vec::new();
        samples(&all, &mut found);
        let of = |metric: Metric| found.iter().filter(move |sample| sample.metric == metric);
        assert_eq!(of(metrics::EXPORTER_RECORDS).count(), MAX_EXPORTERS + 1);
        let sum: f64 = of(metrics::EXPORTER_RECORDS).map(|sample| sample.value).sum();
        assert_eq!(sum as u64, all.iter().map(|exporter| exporter.records).sum::<u64>());
        assert_eq!(of(metrics::EXPORTER_DROPPED).map(|sample| sample.value as u64).sum::<u64>(), 1_200);
        assert_eq!(of(metrics::EXPORTER_COVERAGE).count(), MAX_EXPORTERS);
        assert_eq!(of(metrics::EXPORTER_SKEW).count(), 0, "a clock that is not known has no skew");
    }
}
