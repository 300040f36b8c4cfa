//! The running product: ingest, detection and the API over one store, from start to graceful end.
//!
//! Owns how the parts are joined and in which order they end. Must not know how any of them works.

mod demo;
mod detection;
mod exporters;
mod jobs;
pub mod lock;
pub mod metrics;
pub mod reference;
pub mod settings;
mod sight;
pub mod sink;
mod streams;
mod track;
mod upkeep;

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::jobs::{AnomalyRecord, BucketResult, Prefix};
use analytics::{DetectSummary, Detector, Forecaster, Interim, ResultStore, SessionStore};
use dashboards::{AppState, Event, Info, JobSettings, Listener};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use self::jobs::ImportedJobs;
use crate::clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::ingest::{Ingest, IngestError, IngestHandle};
use crate::receive::tls::TlsError;
use demo::DemoTraffic;
use detection::Detection;
use sight::Sight;
use sink::{FLOW, StoreSink, WIRE};
use streams::BoundStreams;
use track::{Captures, TrackStats, Tracking};
use upkeep::{Keeper, UpkeepStats};

/// Live events that a slow listener may lag behind.
const EVENTS: usize = 1_024;
/// How long requests under way, live event streams among them, may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the product could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An address cannot be listened on.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS cannot be offered to exporters.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Flow records cannot be received.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// An interface cannot be captured.
    #[error("{0:#}")]
    Capture(anyhow::Error),
    /// The store cannot be opened, written or locked.
    #[error("{0:#}")]
    Store(anyhow::Error),
    /// A sink cannot be served.
    #[error("{0:#}")]
    Delivery(anyhow::Error),
    /// A setting of another part is wrong.
    #[error("{0:#}")]
    Setting(anyhow::Error),
    /// Anything else of the operating system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Serves until `stop` resolves, then lets every part finish what it holds.
///
/// `ready` is called once everything answers. With `demo`, two weeks of made-up history go into the store first, and
/// made-up exporters send to the first listener.
///
/// # Errors
/// What cannot be opened or bound; a part that failed while it ended.
pub async fn serve(
    config: &Config,
    dir: &Path,
    demo: bool,
    stop: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let store = SessionStore::open(dir).map_err(|error| ServiceError::Store(error.into()))?;
    let _lock = lock::StoreLock::take(dir).map_err(ServiceError::Store)?;
    let prefix = Prefix::new(&config.jobs.prefix).map_err(|error| ServiceError::Setting(error.into()))?;
    let http = TcpListener::bind(config.http.listen)
        .await
        .map_err(|source| ServiceError::Listen { address: config.http.listen, source })?;

    let captures = Captures::open(config).map_err(ServiceError::Capture)?;
    let receiving = settings::ingest(config, &store);
    let enricher = settings::enricher(config, Arc::clone(&receiving.names)).map_err(ServiceError::Setting)?;
    let enricher = Arc::new(enricher);
    let sink = StoreSink::new(&store, FLOW, settings::writer(config)).enriched(&enricher);
    let wire = StoreSink::new(&store, WIRE, settings::writer(config)).enriched(&enricher);
    let stored = [sink.stats(), wire.stats()];
    let bound = BoundStreams::bind(config).await?;
    let ingest = Arc::new(Ingest::start(receiving, Box::new(sink))?);
    let receivers = ingest.local_addresses();
    let mut listen: Vec<Listener> = receivers.iter().map(listener).collect();
    listen.extend(bound.listeners()?);
    let streams = bound.accept(ingest.intake(), config);
    for warning in ingest.warnings() {
        tracing::warn!("{warning}");
    }
    for address in &receivers {
        tracing::info!(%address, "receiving flow records");
    }
    let address = http.local_addr()?;
    tracing::info!(%address, store = %dir.display(), "serving http");

    let (events, _) = broadcast::channel(EVENTS);
    let traffic = if demo { Some(DemoTraffic::new(config, &store, &receivers)?) } else { None };
    let tracked = TrackStats::default();
    let tracking = captures.follow(wire, &tracked)?;
    let results = ResultStore::open(&store);
    // Interim results are shown, not delivered.
    let (delivery, delivered) = Delivery::start(config, &store, &ResultStore::open(&store), &prefix, clock::now)
        .map_err(ServiceError::Delivery)?;
    let kept = UpkeepStats::default();
    let sight = Arc::new(Sight::new(
        Arc::clone(&ingest),
        streams.counters(),
        enricher,
        store.clone(),
        (stored, kept.clone()),
        tracked,
        Arc::clone(&delivered),
    ));
    let registry = metrics::registry({
        let sight = Arc::clone(&sight);
        move || sight.samples()
    });
    let state = AppState {
        store: store.clone(),
        results: results.clone(),
        forecaster: Some(Arc::new(
            Forecaster::new(&store, &settings::detection(config)).map_err(|e| ServiceError::Setting(e.into()))?,
        )),
        status: Arc::clone(&sight) as _,
        exporters: Arc::clone(&sight) as _,
        delivery: delivered as _,
        live: tracking.tables(),
        metrics: Arc::new(registry),
        events: events.clone(),
        clock: Arc::new(clock::now),
        info: Info { version: env!("CARGO_PKG_VERSION").to_owned(), demo, listen, started: clock::now() },
        job_settings: JobSettings { prefix, time_zone: config.detection.time_zone },
        reference: reference::reference(),
    };
    let (end, ended) = tokio::sync::watch::channel(false);
    let server = tokio::spawn(serve_http(http, state, ended));

    // The history of the demo comes before the first detection, or its oldest buckets would all be late.
    let traffic = match traffic {
        Some(traffic) => Some(in_background(move || traffic.history()).await?.start()?),
        None => None,
    };
    let detection = if config.detection.enabled {
        let detector = Detector::open(&store, settings::detection(config));
        let detector = detector.map_err(|error| ServiceError::Setting(error.into()))?;
        let announcer = Announcer { events, results: results.clone() };
        Some(Detection::start(detector, config.detection.bucket_span.0, results, clock::now, announcer)?)
    } else {
        None
    };
    let keeper =
        Keeper::start(store.clone(), settings::retention(config), settings::keep_results(config), &kept, clock::now)?;
    let imported = if config.detection.enabled {
        let shelf = analytics::jobs::JobShelf::open(&store);
        Some(ImportedJobs::start(shelf, config.detection.time_zone, settings::keep_results(config), clock::now)?)
    } else {
        None
    };
    let mut stop = std::pin::pin!(stop);
    let mut stopped = false;
    if let Some(detection) = detection.as_ref().filter(|_| demo) {
        // People come to the demo for what it found.
        tracing::info!("scoring history");
        tokio::select! {
            () = detection.caught_up() => {}
            () = &mut stop => stopped = true,
        }
    }
    sight.ready(detection.as_ref().map(Detection::status));
    if !stopped {
        tracing::info!("ready: http://{address}");
        stop.await;
    }
    tracing::info!("stopping");
    end.send_replace(true);
    in_background(move || {
        traffic.into_iter().for_each(demo::Running::stop);
        Tracking::stop(tracking);
        imported.into_iter().for_each(ImportedJobs::stop);
        detection.into_iter().for_each(Detection::stop);
        delivery.stop();
        keeper.stop();
        Ok(())
    })
    .await?;
    match tokio::time::timeout(PATIENCE, server).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::error!(%error, "the http server failed"),
        Ok(Err(error)) => tracing::error!(%error, "the http server failed"),
        Err(_) => tracing::debug!("open connections were cut"),
    }
    streams.stop().await;
    sight.let_go();
    finish(ingest).await
}

/// Stops receiving, and makes everything durable.
async fn finish(ingest: Arc<IngestHandle>) -> Result<(), ServiceError> {
    let Some(ingest) = Arc::into_inner(ingest) else {
        return Err(ServiceError::Io(std::io::Error::other("somebody still holds the receivers")));
    };
    in_background(move || {
        let counters = ingest.shutdown()?;
        for imbalance in counters.imbalances() {
            tracing::error!("counts do not reconcile: {imbalance}");
        }
        tracing::info!(records = counters.stitch.flows, sessions = counters.stored, "stopped");
        Ok(())
    })
    .await
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

async fn serve_http(
    listener: TcpListener,
    state: AppState,
    mut ended: tokio::sync::watch::Receiver<bool>,
) -> std::io::Result<()> {
    let stop = async move {
        ended.wait_for(|end| *end).await.ok();
    };
    axum::serve(listener, dashboards::router(state)).with_graceful_shutdown(stop).await
}

fn listener(address: &SocketAddr) -> Listener {
    Listener { protocol: "netflow".to_owned(), address: address.to_string() }
}

/// Tells those who listen what detection found.
struct Announcer {
    events: broadcast::Sender<Event>,
    results: ResultStore,
}

impl Announcer {
    fn send<'a>(&self, buckets: Vec<BucketResult>, records: impl Iterator<Item = &'a AnomalyRecord>) {
        let buckets = buckets.into_iter().map(|bucket| Event::Bucket(Arc::new(bucket)));
        for event in buckets.chain(records.map(|record| Event::Anomaly(Arc::new(record.clone())))) {
            // Nobody listening is no error.
            self.events.send(event).ok();
        }
    }
}

impl detection::Listener for Announcer {
    /// What is in the newest bucket; what a run over history found is read, not announced.
    fn found(&self, summary: &DetectSummary) {
        let Some((_, newest)) = summary.range else { return };
        let buckets = self.results.buckets(newest, newest + 1, None).unwrap_or_else(|error| {
            tracing::warn!(%error, "the newest results cannot be read");
            Vec::new()
        });
        self.send(buckets, summary.records.iter().filter(|record| record.timestamp == newest));
    }

    fn running(&self, interim: &Interim) {
        self.send(interim.buckets.clone(), interim.records.iter());
    }
}
