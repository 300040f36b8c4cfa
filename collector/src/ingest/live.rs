//! Live ingest: one thread per socket, per decode worker, for stitching and for the sink, joined by bounded queues.
//!
//! Owns threads and their end; must not know what the stages do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use arrow::record_batch::RecordBatch;
use tracker::Micros;

use super::journal::Journal;
use super::keeper::{self, Keeper};
use super::sockets::{SocketDrops, Sockets, bind_all};
use super::stage::Stage;
use super::tail::{QueueSink, SinkView, StitchView, lock, run_sink, run_stitch};
use super::worker::{Links, View, Worker};
use super::{IngestCounters, IngestError, IngestSettings, RecordSink};
use crate::exporters::{ExporterStats, join};
use crate::netflow::state::SourceState;
use crate::netflow::{DecoderTotals, FlowRecord};
use crate::receive::{Admission, BoundSocket, Intake, Queue, Receiver, worker_of};

/// Blocks of flow records between decoding and stitching, and batches between stitching and the sink.
const FLOW_BLOCKS: usize = 16;
const BATCHES: usize = 16;

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
        let admission = Admission::new(settings.admission.clone());
        let mut handle = IngestHandle {
            sockets: Sockets::of(&sockets),
            stop: Arc::new(AtomicBool::new(false)),
            keep: Arc::new(AtomicBool::new(false)),
            intake: Intake::new(workers, settings.queue, admission, settings.clock.clone()),
            flows: Arc::new(Queue::new(FLOW_BLOCKS)),
            batches: Arc::new(Queue::new(BATCHES)),
            worker_views: (0..workers).map(|_| Arc::default()).collect(),
            stitch_view: Arc::default(),
            sink_view: Arc::default(),
            receivers: Vec::new(),
            decoders: Vec::new(),
            keeper: None,
            stitcher: None,
            sink: None,
        };
        handle.spawn(settings, sockets, sink)?;
        Ok(handle)
    }
}

/// A running pipeline. Dropping it without [`shutdown`](Self::shutdown) leaves the threads running.
pub struct IngestHandle {
    sockets: Sockets,
    stop: Arc<AtomicBool>,
    /// Ends the keeper, once the decoders have said their last.
    keep: Arc<AtomicBool>,
    intake: Intake,
    flows: Arc<Queue<Vec<FlowRecord>>>,
    batches: Arc<Queue<RecordBatch>>,
    worker_views: Vec<Arc<Mutex<View>>>,
    stitch_view: Arc<Mutex<StitchView>>,
    sink_view: Arc<Mutex<SinkView>>,
    receivers: Vec<JoinHandle<()>>,
    decoders: Vec<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
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
            settings.stitch.clone(),
            settings.batch_rows,
            settings.batch_age.as_micros() as Micros,
            QueueSink(Arc::clone(&self.batches)),
        );
        let journal =
            settings.recovery.as_ref().map(|recovery| stage.recover(recovery, (settings.clock)())).transpose()?;
        let (flows, clock, view) = (Arc::clone(&self.flows), settings.clock.clone(), Arc::clone(&self.stitch_view));
        self.stitcher = Some(thread("stitch", move || run_stitch(stage, journal, &flows, &clock, &view))?);
        self.spawn_workers(&settings)?;
        for (index, bound) in sockets.into_iter().enumerate() {
            let receiver = Receiver { socket: bound.socket, intake: self.intake.clone(), stop: Arc::clone(&self.stop) };
            let name = format!("receive-{index}");
            let started = receiver.spawn(name.clone());
            self.receivers.push(started.map_err(|source| IngestError::Thread { name, source })?);
        }
        Ok(())
    }

    /// The decode workers, each with what an earlier process knew of its exporters, and who keeps that.
    fn spawn_workers(&mut self, settings: &IngestSettings) -> Result<(), IngestError> {
        let known = settings.exporters.as_deref().map(keeper::load).unwrap_or_default();
        if !known.is_empty() {
            tracing::info!(exporters = known.len(), "templates of an earlier run are known");
        }
        let workers = self.worker_views.len();
        let mut by_worker: Vec<Vec<SourceState>> = (0..workers).map(|_| Vec::new()).collect();
        for state in known {
            by_worker[worker_of(state.exporter().address, workers)].push(state);
        }
        let mut slots = Vec::new();
        for (index, known) in by_worker.into_iter().enumerate() {
            let links = Links {
                queue: Arc::clone(&self.intake.queues()[index]),
                flows: Arc::clone(&self.flows),
                clock: settings.clock.clone(),
                view: Arc::clone(&self.worker_views[index]),
                slot: Arc::default(),
                names: Arc::clone(&settings.names),
            };
            slots.push(Arc::clone(&links.slot));
            let worker = Worker::new(settings.decoder.clone(), links, known);
            self.decoders.push(thread(&format!("decode-{index}"), move || worker.run())?);
        }
        if let Some(path) = settings.exporters.clone() {
            let (keeper, stop) = (Keeper::new(path, slots), Arc::clone(&self.keep));
            self.keeper = Some(thread("keep-exporters", move || keeper.run(&stop))?);
        }
        Ok(())
    }

    /// Where it listens, with the ports that the system chose.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.addresses().to_vec()
    }

    /// What the operator should know.
    pub fn warnings(&self) -> Vec<String> {
        self.sockets.warnings().to_vec()
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
        let received = self.intake.counters();
        let (stitch, sink) = (lock(&self.stitch_view), lock(&self.sink_view));
        IngestCounters {
            received: received.received(),
            received_bytes: received.bytes(),
            receive_drops: received.drops(),
            kernel_dropped: self.socket_drops().iter().map(|socket| socket.dropped).sum(),
            decoder,
            stitch: stitch.counters,
            stored: sink.stored,
            refused: sink.refused,
            recovered: stitch.recovered,
            known: stitch.known,
        }
    }

    /// What the kernel dropped at each socket.
    pub fn socket_drops(&self) -> Vec<SocketDrops> {
        self.sockets.drops()
    }

    /// The way in for transports with connections; they must have ended before [`shutdown`](Self::shutdown).
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Datagrams and messages that wait for a worker.
    pub fn queued(&self) -> usize {
        self.intake.queues().iter().map(|queue| queue.len()).sum()
    }

    /// Stops receiving, lets every stage finish what it holds, and makes it durable.
    ///
    /// # Errors
    /// A thread that panicked, or a sink that refused to finish.
    pub fn shutdown(mut self) -> Result<IngestCounters, IngestError> {
        self.sockets.drops();
        self.stop.store(true, Ordering::Release);
        let mut result = Ok(());
        let mut wait = |handle: JoinHandle<()>| {
            let name = handle.thread().name().unwrap_or("unnamed").to_owned();
            if handle.join().is_err() && result.is_ok() {
                result = Err(IngestError::Panicked(name));
            }
        };
        self.receivers.drain(..).for_each(&mut wait);
        self.intake.queues().iter().for_each(|queue| queue.close());
        self.decoders.drain(..).for_each(&mut wait);
        self.keep.store(true, Ordering::Release);
        self.keeper.take().into_iter().for_each(&mut wait);
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
