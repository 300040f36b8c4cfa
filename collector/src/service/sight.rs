//! What the running product tells of itself: exporters, job states, metrics.
//!
//! Must not know how these are served.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use analytics::{SessionStore, WriterStats};
use dashboards::{DeliverySource as _, ExporterSource, ExporterStatus, JobStatus, StatusSource};

use super::detection::DetectionStatus;
use super::exporters;
use super::metrics::{self, Sample};
use super::sink::SharedStats;
use super::track::TrackStats;
use super::upkeep::UpkeepStats;
use crate::delivery::DeliveryView;
use crate::enrich::Enricher;
use crate::ingest::{IngestCounters, IngestHandle, SocketDrops};
use crate::receive::stream::StreamCounters;

/// Looks into the parts on request.
pub struct Sight {
    /// Given up when the product ends, so that the receivers can be stopped.
    ingest: RwLock<Option<Arc<IngestHandle>>>,
    streams: Arc<StreamCounters>,
    enricher: Arc<Enricher>,
    store: SessionStore,
    stored: [SharedStats; 2],
    tracked: TrackStats,
    delivery: Arc<DeliveryView>,
    kept: UpkeepStats,
    /// Set once everything answers; holds the detection where there is one.
    detection: OnceLock<Option<DetectionStatus>>,
}

impl Sight {
    /// A view of these parts.
    pub fn new(
        ingest: Arc<IngestHandle>,
        streams: Arc<StreamCounters>,
        enricher: Arc<Enricher>,
        store: SessionStore,
        (stored, kept): ([SharedStats; 2], UpkeepStats),
        tracked: TrackStats,
        delivery: Arc<DeliveryView>,
    ) -> Self {
        let ingest = RwLock::new(Some(ingest));
        Self { ingest, streams, enricher, store, stored, kept, tracked, delivery, detection: OnceLock::new() }
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
        samples.extend(self.tracked.samples());
        samples.push(Sample::plain(metrics::FILES_SKIPPED, self.store.report().skipped.len() as u64));
        let kept = self.kept.get();
        samples.push(Sample::plain(metrics::STORE_BYTES, kept.bytes));
        samples.push(Sample::plain(metrics::STORE_MERGED, kept.merged));
        samples.push(Sample::plain(metrics::STORE_REMOVED, kept.removed_rows));
        samples.push(Sample::plain(metrics::STORE_REMOVED_BYTES, kept.removed_bytes));
        exporters::samples(&self.of_ingest(IngestHandle::exporters), &mut samples);
        of_sinks(&self.delivery, &mut samples);
        if let Some(Some(detection)) = self.detection.get() {
            samples.push(Sample::plain(metrics::BUCKETS_WAITING, detection.waiting() as u64));
        }
        for job in self.jobs() {
            let of = |metric, value| Sample::of(metric, "perspective", job.perspective.as_str(), value);
            samples.extend(job.last_bucket.map(|_| of(metrics::JOB_LAG, job.lag_seconds as f64)));
            samples.push(of(metrics::JOB_SERIES, job.series as f64));
            samples.push(of(metrics::JOB_POOLED, job.pooled as f64));
            samples.push(of(metrics::JOB_NEWCOMERS, job.newcomers as f64));
            samples.push(of(metrics::JOB_EVICTED, job.evicted as f64));
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
        Sample::plain(metrics::DATAGRAMS_DROPPED, counters.datagrams_dropped()),
        Sample::plain(metrics::RECORDS_IN, decoder.sources.records),
        Sample::plain(metrics::RECORDS_OUT, decoder.sources.flow_records),
        Sample::plain(metrics::OPTIONS_OUT, decoder.sources.options_records),
        Sample::plain(metrics::WAITING_SETS, decoder.waiting_sets),
        Sample::plain(metrics::FLOWS_IN, stitch.flows),
        Sample::plain(metrics::FLOWS_OPENED, stitch.opened),
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

impl ExporterSource for Sight {
    fn exporters(&self) -> Vec<ExporterStatus> {
        let all = self.of_ingest(IngestHandle::exporters);
        all.into_iter().map(|stats| exporters::status(stats, &self.enricher)).collect()
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
