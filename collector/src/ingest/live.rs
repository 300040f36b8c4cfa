//! Live ingest: one thread per socket, per decode worker, for stitching and for the sink, joined by bounded queues.
//!
//! Owns threads and their end; must not know what the stages do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use tracker::Micros;

use super::journal::Journal;
use super::stage::Stage;
use super::{Clock, IngestCounters, IngestError, IngestSettings, RecordSink};
use crate::exporters::{ExporterStats, decoder_stats, join};
use crate::netflow::{Decoder, DecoderTotals, ExporterKey, FlowRecord};
use crate::receive::{BindOptions, BoundSocket, Datagram, Queue, ReceiveCounters, Receiver, bind, kernel_drops};
use crate::stitch::{ExporterQuality, StitchCounters};

/// How long a stage waits for work before it looks after its deadlines.
const PATIENCE: Duration = Duration::from_millis(100);
/// Views for `exporters` and `counters` are renewed this often.
const PUBLISH: Micros = 250_000;
/// Blocks of flow records between decoding and stitching, and batches between stitching and the sink.
const FLOW_BLOCKS: usize = 16;
/// Octets of datagrams that may wait per worker.
const QUEUE_BYTES: usize = 64 << 20;
const BATCHES: usize = 16;

#[derive(Debug, Default)]
struct WorkerView {
    stats: Vec<(ExporterKey, ExporterStats)>,
    totals: DecoderTotals,
}

#[derive(Debug, Default)]
struct StitchView {
    qualities: Vec<ExporterQuality>,
    counters: StitchCounters,
    recovered: u64,
    known: u64,
}

#[derive(Debug, Default)]
struct SinkView {
    stored: u64,
    refused: u64,
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Views are replaced as a whole, so a panicked writer leaves the former one.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts live ingest.
pub struct Ingest;

impl Ingest {
    /// Binds the sockets and starts all threads.
    ///
    /// # Errors
    /// A socket that cannot be bound, or a thread that cannot be started.
    pub fn start(settings: IngestSettings, sink: Box<dyn RecordSink>) -> Result<IngestHandle, IngestError> {
        let workers = settings.workers.max(1);
        let sockets = bind_all(&settings.listen, settings.receive_buffer, workers)?;
        let mut handle = IngestHandle {
            addresses: Vec::new(),
            warnings: Vec::new(),
            kernel_before: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
            received: Arc::default(),
            queues: (0..workers).map(|_| Arc::new(datagram_queue(settings.queue))).collect(),
            flows: Arc::new(Queue::new(FLOW_BLOCKS)),
            batches: Arc::new(Queue::new(BATCHES)),
            worker_views: (0..workers).map(|_| Arc::default()).collect(),
            stitch_view: Arc::default(),
            sink_view: Arc::default(),
            receivers: Vec::new(),
            decoders: Vec::new(),
            stitcher: None,
            sink: None,
        };
        handle.spawn(settings, sockets, sink)?;
        Ok(handle)
    }
}

fn datagram_queue(capacity: usize) -> Queue<Datagram> {
    Queue::weighed(capacity, QUEUE_BYTES, |datagram| datagram.payload.len())
}

/// One socket per address and worker; the port is probed alone first, so that another program on it is noticed.
fn bind_all(listen: &[SocketAddr], buffer: usize, workers: usize) -> Result<Vec<BoundSocket>, IngestError> {
    let mut sockets = Vec::new();
    for &wanted in listen {
        let only_v6 = listen.iter().any(|other| other.is_ipv4() && other.port() == wanted.port());
        let alone = BindOptions { receive_buffer: buffer, shared: false, only_v6 };
        if workers == 1 {
            sockets.push(bind(wanted, alone)?);
            continue;
        }
        let probed = bind(wanted, alone)?.address;
        for _ in 0..workers {
            sockets.push(bind(probed, BindOptions { shared: true, ..alone })?);
        }
    }
    Ok(sockets)
}

/// A running pipeline. Dropping it without [`shutdown`](Self::shutdown) leaves the threads running.
pub struct IngestHandle {
    addresses: Vec<SocketAddr>,
    warnings: Vec<String>,
    kernel_before: Vec<(SocketAddr, u64)>,
    stop: Arc<AtomicBool>,
    received: Arc<ReceiveCounters>,
    queues: Vec<Arc<Queue<Datagram>>>,
    flows: Arc<Queue<Vec<FlowRecord>>>,
    batches: Arc<Queue<RecordBatch>>,
    worker_views: Vec<Arc<Mutex<WorkerView>>>,
    stitch_view: Arc<Mutex<StitchView>>,
    sink_view: Arc<Mutex<SinkView>>,
    receivers: Vec<JoinHandle<()>>,
    decoders: Vec<JoinHandle<()>>,
    stitcher: Option<JoinHandle<Option<Journal>>>,
    sink: Option<JoinHandle<Result<(), IngestError>>>,
}

fn thread<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, IngestError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|source| IngestError::Thread { name: name.to_owned(), source })
}

impl IngestHandle {
    fn spawn(
        &mut self,
        settings: IngestSettings,
        sockets: Vec<BoundSocket>,
        sink: Box<dyn RecordSink>,
    ) -> Result<(), IngestError> {
        let (batches, clock, view) = (Arc::clone(&self.batches), settings.clock.clone(), Arc::clone(&self.sink_view));
        self.sink = Some(thread("sink", move || run_sink(sink, &batches, &clock, &view))?);
        let mut stage = Stage::new(
            settings.stitch,
            settings.batch_rows,
            settings.batch_age.as_micros() as Micros,
            QueueSink(Arc::clone(&self.batches)),
        );
        let journal =
            settings.recovery.as_ref().map(|recovery| stage.recover(recovery, (settings.clock)())).transpose()?;
        let (flows, clock, view) = (Arc::clone(&self.flows), settings.clock.clone(), Arc::clone(&self.stitch_view));
        self.stitcher = Some(thread("stitch", move || run_stitch(stage, journal, &flows, &clock, &view))?);
        for (index, (queue, view)) in self.queues.iter().zip(&self.worker_views).enumerate() {
            let worker = Worker {
                decoder: Decoder::new(settings.decoder.clone()),
                queue: Arc::clone(queue),
                flows: Arc::clone(&self.flows),
                clock: settings.clock.clone(),
                view: Arc::clone(view),
            };
            self.decoders.push(thread(&format!("decode-{index}"), move || worker.run())?);
        }
        for (index, bound) in sockets.into_iter().enumerate() {
            if !self.addresses.contains(&bound.address) {
                self.addresses.push(bound.address);
                self.warnings.extend(bound.warning);
                self.kernel_before.push((bound.address, kernel_drops(bound.address)));
            }
            let receiver = Receiver {
                socket: bound.socket,
                queues: self.queues.clone(),
                counters: Arc::clone(&self.received),
                stop: Arc::clone(&self.stop),
                clock: settings.clock.clone(),
            };
            let name = format!("receive-{index}");
            let started = receiver.spawn(name.clone());
            self.receivers.push(started.map_err(|source| IngestError::Thread { name, source })?);
        }
        Ok(())
    }

    /// Where it listens, with the ports that the system chose.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    /// What the operator should know.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// Every exporter, at most half a second old.
    pub fn exporters(&self) -> Vec<ExporterStats> {
        let decoded = self.worker_views.iter().flat_map(|view| lock(view).stats.clone()).collect();
        join(decoded, &lock(&self.stitch_view).qualities)
    }

    /// Counts of all stages, at most half a second old.
    pub fn counters(&self) -> IngestCounters {
        let mut decoder = DecoderTotals::default();
        for view in &self.worker_views {
            decoder.merge(&lock(view).totals);
        }
        let kernel = |(address, before): &(SocketAddr, u64)| kernel_drops(*address).saturating_sub(*before);
        let (stitch, sink) = (lock(&self.stitch_view), lock(&self.sink_view));
        IngestCounters {
            received: self.received.received(),
            received_bytes: self.received.bytes(),
            queue_dropped: self.received.dropped(),
            kernel_dropped: self.kernel_before.iter().map(kernel).sum(),
            decoder,
            stitch: stitch.counters,
            stored: sink.stored,
            refused: sink.refused,
            recovered: stitch.recovered,
            known: stitch.known,
        }
    }

    /// Datagrams that wait for a worker.
    pub fn queued(&self) -> usize {
        self.queues.iter().map(|queue| queue.len()).sum()
    }

    /// Stops receiving, lets every stage finish what it holds, and makes it durable.
    ///
    /// # Errors
    /// A thread that panicked, or a sink that refused to finish.
    pub fn shutdown(mut self) -> Result<IngestCounters, IngestError> {
        self.stop.store(true, Ordering::Release);
        let mut result = Ok(());
        let mut wait = |handle: JoinHandle<()>| {
            let name = handle.thread().name().unwrap_or("unnamed").to_owned();
            if handle.join().is_err() && result.is_ok() {
                result = Err(IngestError::Panicked(name));
            }
        };
        self.receivers.drain(..).for_each(&mut wait);
        self.queues.iter().for_each(|queue| queue.close());
        self.decoders.drain(..).for_each(&mut wait);
        self.flows.close();
        let journal = match self.stitcher.take().map(JoinHandle::join) {
            Some(Err(_)) => return Err(IngestError::Panicked("stitch".to_owned())),
            Some(Ok(journal)) => journal,
            None => None,
        };
        self.batches.close();
        let stored = match self.sink.take().map(JoinHandle::join) {
            Some(Ok(stored)) => stored,
            Some(Err(_)) => Err(IngestError::Panicked("sink".to_owned())),
            None => Ok(()),
        };
        result.and(stored)?;
        if let Some(Err(error)) = journal.map(Journal::clear) {
            tracing::warn!(%error, "the journal was not removed");
        }
        Ok(self.counters())
    }
}

struct Worker {
    decoder: Decoder,
    queue: Arc<Queue<Datagram>>,
    flows: Arc<Queue<Vec<FlowRecord>>>,
    clock: Clock,
    view: Arc<Mutex<WorkerView>>,
}

impl Worker {
    fn run(mut self) {
        let mut datagrams = Vec::new();
        let mut published = 0;
        while self.queue.take_all(PATIENCE, &mut datagrams).is_ok() {
            let mut flows = Vec::new();
            for datagram in datagrams.drain(..) {
                self.decoder.decode(datagram.source, datagram.received, &datagram.payload, &mut flows);
                if flows.len() >= 8_192 {
                    self.flows.push(std::mem::take(&mut flows));
                }
            }
            if !flows.is_empty() {
                self.flows.push(flows);
            }
            let now = (self.clock)();
            if now - published >= PUBLISH {
                published = now;
                self.publish(now);
            }
        }
        self.decoder.finish();
        self.publish((self.clock)());
    }

    fn publish(&self, now: Micros) {
        let view = WorkerView { stats: decoder_stats(&self.decoder, now), totals: self.decoder.totals() };
        *lock(&self.view) = view;
    }
}

fn run_stitch(
    mut stage: Stage<QueueSink>,
    mut journal: Option<Journal>,
    flows: &Queue<Vec<FlowRecord>>,
    clock: &Clock,
    view: &Mutex<StitchView>,
) -> Option<Journal> {
    let mut blocks = Vec::new();
    let mut published = 0;
    let publish = |stage: &Stage<QueueSink>| {
        *lock(view) = StitchView {
            qualities: stage.stitcher().exporters(),
            counters: stage.stitcher().counters(),
            recovered: stage.recovered,
            known: stage.known,
        };
    };
    while flows.take_all(PATIENCE, &mut blocks).is_ok() {
        for block in blocks.drain(..) {
            let now = clock();
            keep(&mut journal, |journal| journal.append(now, &block));
            report(stage.flows(&block, now));
        }
        let now = clock();
        keep(&mut journal, |journal| journal.tick(now));
        report(stage.tick(now));
        if now - published >= PUBLISH {
            published = now;
            publish(&stage);
        }
    }
    report(stage.finish(clock()));
    publish(&stage);
    journal
}

/// Does something with the journal where there is one; a journal that fails is said, and ingest goes on.
fn keep(journal: &mut Option<Journal>, work: impl FnOnce(&mut Journal) -> std::io::Result<()>) {
    if let Some(Err(error)) = journal.as_mut().map(work) {
        tracing::error!(%error, "the journal cannot be written: a crash would lose sessions that wait");
    }
}

fn report(result: Result<(), IngestError>) {
    if let Err(error) = result {
        tracing::error!(%error, "sessions lost");
    }
}

/// Hands batches to the sink's thread.
struct QueueSink(Arc<Queue<RecordBatch>>);

impl RecordSink for QueueSink {
    fn append(&mut self, batch: RecordBatch, _now: Micros) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.push(batch), "the sink has stopped");
        Ok(())
    }

    fn tick(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _now: Micros) -> anyhow::Result<()> {
        Ok(())
    }
}

fn run_sink(
    mut sink: Box<dyn RecordSink>,
    batches: &Queue<RecordBatch>,
    clock: &Clock,
    view: &Mutex<SinkView>,
) -> Result<(), IngestError> {
    let mut waiting = Vec::new();
    while batches.take_all(PATIENCE, &mut waiting).is_ok() {
        for batch in waiting.drain(..) {
            let rows = batch.num_rows() as u64;
            let result = sink.append(batch, clock());
            let mut view = lock(view);
            match result {
                Ok(()) => view.stored += rows,
                Err(error) => {
                    view.refused += rows;
                    drop(view);
                    report(Err(IngestError::Sink(error)));
                }
            }
        }
        report(sink.tick(clock()).map_err(IngestError::Sink));
    }
    sink.finish(clock()).map_err(IngestError::Sink)
}
