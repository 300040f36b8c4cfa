//! The product's own metrics: each is declared once, and read from the parts that count when somebody scrapes.
//!
//! Labels are bounded: reasons, and exporters up to [`MAX_EXPORTERS`], the rest of which are summed as `other`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Exporters that have series of their own.
pub const MAX_EXPORTERS: usize = 500;

/// A metric of the product. Counters get `_total` appended when written (OpenMetrics).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name without `halfopen_` and without `_total`.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Whether it only ever rises.
    pub counter: bool,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal, $help:literal;)+) => {
        $(pub(super) const $constant: Metric = Metric { name: $name, help: $help, counter: metrics!(@ $kind) };)+
        /// Every metric, for the reference.
        pub const REFERENCE: &[Metric] = &[$($constant,)+];
    };
    (@ counter) => { true };
    (@ gauge) => { false };
}

metrics! {
    DATAGRAMS_IN = counter "datagrams_in", "Datagrams received";
    DATAGRAMS_OUT = counter "datagrams_out", "Datagrams in which at least one message was read";
    DATAGRAMS_DROPPED = counter "datagrams_dropped", "Datagrams in which nothing was read; with those of datagrams_out they are datagrams_in";
    RECORDS_IN = counter "records_in", "Data records in the sets that were read";
    RECORDS_OUT = counter "records_out", "Flow records handed on to be stitched";
    OPTIONS_OUT = counter "options_out", "Data records that were options data: what exporters say of themselves";
    DROPPED = counter "dropped", "Datagrams, messages, sets and records that were not used, by reason";
    WAITING_SETS = gauge "waiting_sets", "Data sets that wait for their template";
    FLOWS_IN = counter "stitch_in", "Flow records given to the stitcher";
    FLOWS_OPENED = counter "stitch_opened", "Flow records that opened a session";
    FLOWS_JOINED = counter "stitch_joined", "Flow records that joined a session already known";
    FLOWS_IGNORED = counter "stitch_ignored", "Flow records that add nothing: events, late records, retransmits";
    SESSIONS_OUT = counter "sessions_out", "Sessions handed out";
    SESSIONS_EVICTED = counter "sessions_evicted", "Sessions handed out early for lack of room";
    SESSIONS_HELD = gauge "sessions_held", "Sessions that wait for more records";
    SESSIONS_STORED = counter "sessions_stored", "Sessions written to the store";
    STORE_FAILED = counter "store_failed", "Sessions lost because the store could not be written";
    FILES_SKIPPED = gauge "store_files_skipped", "Unreadable files in the store";
    SOCKET_DROPPED = counter "socket_dropped", "Datagrams that the kernel dropped because the buffer of a socket was full";
    STREAMS_OPENED = counter "connections", "TCP and TLS connections of exporters that were accepted";
    STREAMS_OPEN = gauge "connections_open", "TCP and TLS connections of exporters that are open";
    EXPORTER_PACKETS = counter "exporter_packets", "Datagrams, or messages of a connection, by exporter";
    EXPORTER_TEMPLATES = gauge "exporter_templates", "Templates that are known of the exporter";
    EXPORTER_COLLISIONS = counter "exporter_template_collisions", "Templates that came with another shape under a known id";
    EXPORTER_UNKNOWN = counter "exporter_unknown_template", "Data sets that came before their template";
    EXPORTER_RESTARTS = counter "exporter_restarts", "Restarts of the exporter, by its sequence numbers";
    STORE_BYTES = gauge "store_bytes", "Size of the session files";
    STORE_MERGED = counter "store_files_merged", "Small session files that were merged into larger ones";
    STORE_REMOVED = counter "store_sessions_removed", "Sessions removed because they were too old or too many";
    STORE_REMOVED_BYTES = counter "store_removed_bytes", "Size of the session files removed for that";
    EXPORTER_RECORDS = counter "exporter_records", "Data records by exporter";
    EXPORTER_LOST = counter "exporter_sequence_lost", "Units missing in the exporter's sequence numbers";
    EXPORTER_DROPPED = counter "exporter_dropped", "What of an exporter was not used, by reason";
    EXPORTER_RATE = gauge "exporter_records_per_second", "Data records of the exporter per second, of late";
    EXPORTER_SKEW = gauge "exporter_clock_skew_seconds", "Clock of the exporter minus ours, by its last message";
    EXPORTER_COVERAGE = gauge "exporter_coverage_ratio", "Share of the TCP sessions of the exporter whose outcome is known";
    EXPORTER_SAMPLING = gauge "exporter_sampling", "Sampling interval of the exporter: one of so many packets";
    EXPORTER_INFO = gauge "exporter_info", "What the records of an exporter can tell of TCP, and its protocols; always 1";
    TRACK_PACKETS = counter "track_packets", "Frames that passed an interface's filter, those dropped included";
    TRACK_DROPPED = counter "track_dropped", "Frames that the kernel dropped because the capture ring was full";
    TRACK_RING_FULL = counter "track_ring_full", "How often the capture ring of an interface was full";
    TRACK_SKIPPED = counter "track_skipped", "Frames, or tunnelled packets, that could not be read, by reason";
    TRACK_OVERSIZED = counter "track_oversized", "Frames larger than any on the wire: segmentation offload hides packets";
    TRACK_FRAGMENTS = counter "track_fragments", "Later fragments, by whether the first one was seen";
    TRACK_TRACKED = counter "track_tracked", "Packets counted to a session";
    TRACK_UNTRACKED = counter "track_untracked", "Packets counted to no session, by reason";
    TRACK_IGNORED = counter "track_segments_ignored", "TCP segments that changed no state, for their numbers are wrong";
    TRACK_SESSIONS = gauge "track_sessions", "Sessions in the table of an interface";
    TRACK_CREATED = counter "track_sessions_created", "Sessions begun on an interface";
    TRACK_ENDED = counter "track_sessions_ended", "Sessions ended on an interface, each with one record";
    TRACK_REUSED = counter "track_sessions_reused", "Sessions ended by another one on the same addresses and ports";
    TRACK_REOPENED = counter "track_sessions_reopened", "Sessions continued after their record by a SYN sent again";
    TRACK_INTERIM = counter "track_interim_records", "Records of sessions that went on";
    TRACK_EVICTED = counter "track_evicted", "Sessions evicted because the table of an interface was full, by kind";
    TRACK_EMERGENCY = gauge "track_emergency", "Threads of an interface whose table is short of room";
    TRACK_MEMORY = gauge "track_memory_bytes", "Memory of the session table of an interface";
    SINK_WAITING = gauge "sink_waiting", "Documents that wait to be sent to a sink";
    SINK_WAITING_BYTES = gauge "sink_waiting_bytes", "Disk space that they take";
    SINK_LAG = gauge "sink_lag_seconds", "How long the oldest of them has waited";
    SINK_DELIVERED = counter "sink_delivered", "Documents that a sink took";
    SINK_FAILURES = counter "sink_failures", "Attempts to reach a sink that failed";
    SINK_RETRIED = counter "sink_retried", "Documents that were sent again";
    SINK_REJECTED = counter "sink_rejected", "Documents that a sink will never take, kept as dead letters";
    SINK_DROPPED = counter "sink_dropped", "Messages given up for lack of room, and documents lost to a damaged disk";
    ALERTS = gauge "alerts", "Alerts that are going on";
    BUCKETS_WAITING = gauge "buckets_waiting", "Buckets that wait to be scored by the run under way";
    JOB_LAG = gauge "job_lag_seconds", "Time since the end of the newest bucket that was scored, by perspective";
    JOB_SERIES = gauge "job_series", "Series that are modelled, by perspective";
    JOB_POOLED = gauge "job_pooled", "Series of the newest bucket that were counted together, by perspective";
    JOB_NEWCOMERS = gauge "job_newcomers", "Series that failed once lately and have no model yet, by perspective";
    JOB_EVICTED = counter "job_evicted", "Series forgotten for lack of room, by perspective";
    JOB_MEMORY = gauge "job_memory_bytes", "Memory of the models, by perspective";
}

/// Labels of a value.
pub type Labels = Vec<(&'static str, String)>;

/// One value of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which metric.
    pub metric: Metric,
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

impl Sample {
    /// A value without labels.
    pub fn plain(metric: Metric, value: u64) -> Self {
        Self { metric, labels: Vec::new(), value: value as f64 }
    }

    /// A value with one label.
    pub fn of(metric: Metric, label: &'static str, name: impl Into<String>, value: f64) -> Self {
        Self { metric, labels: vec![(label, name.into())], value }
    }
}

/// Reads the values when somebody scrapes.
struct Reader<F>(F);

impl<F> fmt::Debug for Reader<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl<F: Fn() -> Vec<Sample> + Send + Sync + 'static> Collector for Reader<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let samples = (self.0)();
        for metric in REFERENCE {
            let mut values = samples.iter().filter(|sample| sample.metric == *metric).peekable();
            if values.peek().is_none() {
                continue;
            }
            let kind = if metric.counter { MetricType::Counter } else { MetricType::Gauge };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for sample in values {
                if sample.labels.is_empty() {
                    write(&mut family, sample)?;
                } else {
                    write(&mut family.encode_family(&sample.labels)?, sample)?;
                }
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, sample: &Sample) -> fmt::Result {
    if sample.metric.counter {
        encoder.encode_counter::<Labels, _, u64>(&sample.value, None)
    } else {
        encoder.encode_gauge(&sample.value)
    }
}

/// A registry whose values `read` tells.
pub fn registry(read: impl Fn() -> Vec<Sample> + Send + Sync + 'static) -> Registry {
    let mut registry = Registry::with_prefix("halfopen");
    registry.register_collector(Box::new(Reader(read)));
    registry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_open_metrics() {
        let registry = registry(|| {
            vec![
                Sample::plain(DATAGRAMS_IN, 7),
                Sample::of(DROPPED, "reason", "queue_full", 2.0),
                Sample::plain(SESSIONS_HELD, 1),
            ]
        });
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("# TYPE halfopen_datagrams_in counter\n"), "{text}");
        assert!(text.contains("halfopen_dropped_total{reason=\"queue_full\"} 2.0\n"), "{text}");
        assert!(text.contains("\nhalfopen_sessions_held 1.0\n"), "{text}");
        assert!(!text.contains("job_lag"), "{text}");
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = REFERENCE.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REFERENCE.len());
    }
}
