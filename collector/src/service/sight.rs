//! What the running product tells of itself: exporters, job states, metrics.
//!
//! Must not know how these are served.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use analytics::{SessionStore, WriterStats};
use dashboards::{DeliverySource as _, DropCount, ExporterSource, ExporterStatus, JobStatus, StatusSource};

use super::detection::DetectionStatus;
use super::metrics::{self, MAX_EXPORTERS, Metric, Sample};
use super::sink::SharedStats;
use super::track::TrackStats;
use crate::delivery::DeliveryView;
use crate::exporters::ExporterStats;
use crate::ingest::{IngestCounters, IngestHandle, SocketDrops};
use crate::receive::stream::StreamCounters;

/// Looks into the parts on request.
pub struct Sight {
    /// Given up when the product ends, so that the receivers can be stopped.
    ingest: RwLock<Option<Arc<IngestHandle>>>,
    streams: Arc<StreamCounters>,
    store: SessionStore,
    stored: [SharedStats; 2],
    tracked: TrackStats,
    delivery: Arc<DeliveryView>,
    /// Set once everything answers; holds the detection where there is one.
    detection: OnceLock<Option<DetectionStatus>>,
}

impl Sight {
    /// A view of these parts.
    pub fn new(
        ingest: Arc<IngestHandle>,
        streams: Arc<StreamCounters>,
        store: SessionStore,
        stored: [SharedStats; 2],
        tracked: TrackStats,
        delivery: Arc<DeliveryView>,
    ) -> Self {
        let ingest = RwLock::new(Some(ingest));
        Self { ingest, streams, store, stored, tracked, delivery, detection: OnceLock::new() }
    }

    /// Everything answers from now on.
    pub fn ready(&self, detection: Option<DetectionStatus>) {
        self.detection.set(detection).ok();
    }

    /// Lets go of the receivers.
    pub fn let_go(&self) {
        self.ingest.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn of_ingest<T: Default>(&self, read: impl Fn(&IngestHandle) -> T) -> T {
        let ingest = self.ingest.read().unwrap_or_else(PoisonError::into_inner);
        ingest.as_deref().map(read).unwrap_or_default()
    }

    /// The value of every metric now.
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = of_counters(&self.of_ingest(IngestHandle::counters));
        samples.push(Sample::plain(metrics::STREAMS_OPENED, self.streams.opened()));
        samples.push(Sample::plain(metrics::STREAMS_OPEN, self.streams.open()));
        let sockets = self.of_ingest(IngestHandle::socket_drops);
        let socket =
            |socket: SocketDrops| Sample::of(metrics::SOCKET_DROPPED, "socket", socket.name, socket.dropped as f64);
        samples.extend(sockets.into_iter().map(socket));
        let written = self.stored.each_ref().map(SharedStats::get);
        let of_writers = |value: fn(&WriterStats) -> u64| written.iter().map(value).sum();
        samples.push(Sample::plain(metrics::SESSIONS_STORED, of_writers(|stats| stats.rows_written)));
        let failed = of_writers(|stats| stats.rows_dropped + stats.rows_implausible);
        samples.push(Sample::plain(metrics::STORE_FAILED, failed));
        of_captures(&self.tracked, &mut samples);
        samples.push(Sample::plain(metrics::FILES_SKIPPED, self.store.report().skipped.len() as u64));
        of_exporters(&self.of_ingest(IngestHandle::exporters), &mut samples);
        of_sinks(&self.delivery, &mut samples);
        for job in self.jobs() {
            let of = |metric, value| Sample::of(metric, "perspective", job.perspective.as_str(), value);
            samples.extend(job.last_bucket.map(|_| of(metrics::JOB_LAG, job.lag_seconds as f64)));
            samples.push(of(metrics::JOB_SERIES, job.series as f64));
            samples.push(of(metrics::JOB_MEMORY, job.memory_bytes as f64));
        }
        samples
    }
}

fn of_counters(counters: &IngestCounters) -> Vec<Sample> {
    let (decoder, stitch) = (&counters.decoder, &counters.stitch);
    let mut samples = vec![
        Sample::plain(metrics::DATAGRAMS_IN, counters.received + counters.kernel_dropped),
        Sample::plain(metrics::DATAGRAMS_OUT, decoder.datagrams_used),
        Sample::plain(metrics::RECORDS_IN, decoder.sources.records),
        Sample::plain(metrics::RECORDS_OUT, decoder.sources.flow_records),
        Sample::plain(metrics::WAITING_SETS, decoder.waiting_sets),
        Sample::plain(metrics::FLOWS_IN, stitch.flows),
        Sample::plain(metrics::FLOWS_JOINED, stitch.joined),
        Sample::plain(metrics::FLOWS_IGNORED, stitch.ignored()),
        Sample::plain(metrics::SESSIONS_OUT, stitch.emitted),
        Sample::plain(metrics::SESSIONS_EVICTED, stitch.evicted),
        Sample::plain(metrics::SESSIONS_HELD, stitch.held),
    ];
    let drops = counters.drops();
    samples.extend(drops.iter().map(|(reason, n)| Sample::of(metrics::DROPPED, "reason", reason.as_str(), n as f64)));
    samples
}

fn of_captures(tracked: &TrackStats, samples: &mut Vec<Sample>) {
    for (interface, stats) in tracked.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let of = |metric, value: u64| Sample::of(metric, "interface", interface, value as f64);
        samples.push(of(metrics::TRACK_PACKETS, stats.capture.packets));
        samples.push(of(metrics::TRACK_DROPPED, stats.capture.drops));
        samples.push(of(metrics::TRACK_SESSIONS, stats.sessions as u64));
        samples.push(of(metrics::TRACK_EVICTED, stats.table.evicted()));
        samples.push(of(metrics::TRACK_MEMORY, stats.bytes as u64));
    }
}

fn of_sinks(delivery: &DeliveryView, samples: &mut Vec<Sample>) {
    for sink in delivery.sinks() {
        let mut push = |metric, value: f64| samples.push(Sample::of(metric, "sink", &sink.name, value));
        push(metrics::SINK_WAITING, sink.waiting as f64);
        push(metrics::SINK_WAITING_BYTES, sink.waiting_bytes as f64);
        push(metrics::SINK_LAG, sink.lag_seconds as f64);
        push(metrics::SINK_DELIVERED, sink.delivered as f64);
        push(metrics::SINK_FAILURES, sink.failures as f64);
        push(metrics::SINK_RETRIED, sink.retried as f64);
        push(metrics::SINK_REJECTED, sink.rejected as f64);
        push(metrics::SINK_DROPPED, sink.dropped as f64);
    }
    samples.push(Sample::plain(metrics::ALERTS, delivery.alerts().len() as u64));
}

/// The busiest exporters have series of their own; the others are summed.
fn of_exporters(exporters: &[ExporterStats], samples: &mut Vec<Sample>) {
    let dropped = |exporter: &ExporterStats| exporter.drops.iter().map(|(_, count)| count).sum::<u64>();
    let values: [(Metric, &dyn Fn(&ExporterStats) -> u64); 8] = [
        (metrics::EXPORTER_PACKETS, &|exporter| exporter.packets),
        (metrics::EXPORTER_RECORDS, &|exporter| exporter.records),
        (metrics::EXPORTER_TEMPLATES, &|exporter| exporter.templates),
        (metrics::EXPORTER_COLLISIONS, &|exporter| exporter.template_collisions),
        (metrics::EXPORTER_UNKNOWN, &|exporter| exporter.unknown_template_records),
        (metrics::EXPORTER_RESTARTS, &|exporter| exporter.restarts),
        (metrics::EXPORTER_LOST, &|exporter| exporter.sequence_lost),
        (metrics::EXPORTER_DROPPED, &dropped),
    ];
    let mut busiest: Vec<&ExporterStats> = exporters.iter().collect();
    busiest.sort_by_key(|exporter| (std::cmp::Reverse(exporter.records), &exporter.address, exporter.domain));
    let (own, others) = busiest.split_at(busiest.len().min(MAX_EXPORTERS));
    for (metric, value) in values {
        samples.extend(own.iter().map(|exporter| Sample {
            metric,
            labels: vec![("exporter", exporter.address.clone()), ("domain", exporter.domain.to_string())],
            value: value(exporter) as f64,
        }));
        if !others.is_empty() {
            let labels = vec![("exporter", "other".to_owned()), ("domain", String::new())];
            samples.push(Sample {
                metric,
                labels,
                value: others.iter().map(|exporter| value(exporter)).sum::<u64>() as f64,
            });
        }
    }
}

impl ExporterSource for Sight {
    fn exporters(&self) -> Vec<ExporterStatus> {
        self.of_ingest(IngestHandle::exporters).into_iter().map(status).collect()
    }
}

impl StatusSource for Sight {
    fn jobs(&self) -> Vec<JobStatus> {
        let detection = self.detection.get().and_then(Option::as_ref);
        detection.map(DetectionStatus::jobs).unwrap_or_default()
    }

    fn ready(&self) -> bool {
        self.detection.get().is_some()
    }
}

fn status(stats: ExporterStats) -> ExporterStatus {
    let millis = |time: tracker::Micros| time.div_euclid(1_000);
    ExporterStatus {
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
