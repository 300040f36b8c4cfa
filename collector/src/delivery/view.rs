//! What others see of delivery: the state of sinks, alerts that are going on, silences. Must not know how it is served.

use std::path::Path;
use std::sync::PoisonError;

use dashboards::{ActiveAlert, DeliverySource, NewSilence, Refusal, Silence, SinkStateName, SinkStatus};
use jobs::Score;
use tracker::{Micros, Perspective};

use super::silence::{SilenceError, Silences};
use super::stats::{SinkCounts, SinkState};
use super::watch::Going;
use super::worker::Queue;
use crate::config::delivery::Wanted;
use crate::config::{Config, Sink};

/// Looks into the parts on request.
pub struct DeliveryView {
    sinks: Vec<(Sink, Option<Queue>)>,
    going: Going,
    silences: Silences,
    clock: fn() -> Micros,
}

impl DeliveryView {
    /// A view of these parts.
    pub(super) fn new(
        config: &Config,
        store: &Path,
        queues: Vec<(String, Queue)>,
        going: Going,
        clock: fn() -> Micros,
    ) -> Self {
        let queue = |sink: &Sink| queues.iter().find(|(name, _)| *name == sink.name).map(|(_, queue)| queue.clone());
        let sinks = config.sinks.iter().map(|sink| (sink.clone(), queue(sink))).collect();
        Self { sinks, going, silences: Silences::of_store(store), clock }
    }

    fn now(&self) -> i64 {
        (self.clock)().div_euclid(1_000)
    }
}

/// What a sink gets, by name.
pub fn names_of(wanted: &[Wanted]) -> Vec<String> {
    let name = |wanted: &Wanted| match wanted {
        Wanted::Records => "records",
        Wanted::Buckets => "buckets",
        Wanted::Influencers => "influencers",
        Wanted::Sessions => "sessions",
    };
    wanted.iter().map(|wanted| name(wanted).to_owned()).collect()
}

/// Where a sink is, without user names, passwords and paths, which in webhooks are secrets.
pub fn place_of(sink: &Sink) -> String {
    let one = |url: &String| match url.split_once("://") {
        None => url.clone(),
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            format!("{scheme}://{}", host.rsplit('@').next().unwrap_or_default())
        }
    };
    sink.urls.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn status(sink: &Sink, counts: Option<&SinkCounts>, now: i64) -> SinkStatus {
    let state = match counts {
        None => SinkStateName::Disabled,
        Some(counts) if counts.state == SinkState::Failing => SinkStateName::Failing,
        Some(counts) if counts.full => SinkStateName::Full,
        Some(counts) if counts.waiting > 0 => SinkStateName::Sending,
        Some(_) => SinkStateName::Idle,
    };
    let counts = counts.cloned().unwrap_or_default();
    SinkStatus {
        name: sink.name.clone(),
        kind: sink.kind.as_str().to_owned(),
        target: place_of(sink),
        documents: names_of(sink.wanted()),
        schema: sink.schema.to_string(),
        state,
        waiting: counts.waiting,
        waiting_bytes: counts.bytes,
        lag_seconds: counts.oldest.map_or(0, |oldest| (now - oldest).max(0) / 1_000),
        delivered: counts.delivered,
        failures: counts.failures,
        retried: counts.retried,
        rejected: counts.rejected,
        dropped: counts.dropped + counts.damaged,
        last_delivery: counts.last_delivery,
        last_error: counts.last_error,
    }
}

impl DeliverySource for DeliveryView {
    fn sinks(&self) -> Vec<SinkStatus> {
        let now = self.now();
        let one = |(sink, queue): &(Sink, Option<Queue>)| {
            status(sink, queue.as_ref().map(|queue| queue.counts.get()).as_ref(), now)
        };
        self.sinks.iter().map(one).collect()
    }

    fn alerts(&self) -> Vec<ActiveAlert> {
        let state = self.going.lock().unwrap_or_else(PoisonError::into_inner);
        let text = |document: &serde_json::Map<String, serde_json::Value>, name: &str| {
            document.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        let mut alerts: Vec<ActiveAlert> = state
            .going()
            .map(|(rule, fingerprint, going)| ActiveAlert {
                rule: rule.to_owned(),
                fingerprint: fingerprint.to_owned(),
                series: text(&going.document, "series"),
                job_id: text(&going.document, "job_id"),
                perspective: text(&going.document, "perspective").parse().ok().map(Perspective::into),
                severity: Score::new(going.worst).severity().into(),
                score: going.worst,
                since: going.since,
                last: going.last,
                buckets: going.buckets,
                notified: going.told.filter(|_| going.open).map(|(told, _)| told),
                silenced_by: going.silenced_by.clone(),
                summary: text(&going.document, "summary"),
            })
            .collect();
        alerts.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
        alerts
    }

    fn silences(&self) -> Result<Vec<Silence>, Refusal> {
        self.silences.list(self.now()).map_err(refusal)
    }

    fn add_silence(&self, new: NewSilence) -> Result<Silence, Refusal> {
        self.silences.add(new, self.now()).map_err(refusal)
    }

    fn end_silence(&self, id: &str) -> Result<bool, Refusal> {
        self.silences.remove(id, self.now()).map_err(refusal)
    }
}

fn refusal(error: SilenceError) -> Refusal {
    match error {
        SilenceError::Wrong { .. } => Refusal::Wrong(error.to_string()),
        SilenceError::Io { .. } => Refusal::Failed(error.to_string()),
    }
}
