//! The demo's traffic in the running product: history through the loader, then live over loopback UDP.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use analytics::SessionStore;
use tracker::Micros;

use super::sink::{FLOW, StoreSink};
use super::{ServiceError, settings};
use crate::clock;
use crate::config::Config;
use crate::demo::{Demo, Sender};
use crate::ingest::{LoadSettings, Loader};

/// Made-up traffic that has not been sent yet.
pub struct DemoTraffic {
    demo: Demo,
    sender: Sender,
    load: LoadSettings,
    sink: StoreSink,
}

/// Made-up exporters that send.
pub struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl DemoTraffic {
    /// Prepares history for this store, and exporters towards the first of the receivers.
    pub fn new(config: &Config, store: &SessionStore, receivers: &[SocketAddr]) -> Result<Self, ServiceError> {
        let micros = |span: Duration| Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX);
        let detection = &config.detection;
        let delay = micros(detection.grace.0 + detection.query_delay.0);
        let demo = Demo::new(clock::now(), micros(detection.bucket_span.0), delay);
        let to = receivers.iter().find(|address| address.is_ipv4()).or_else(|| receivers.first());
        let to =
            to.copied().ok_or_else(|| ServiceError::Setting(anyhow::anyhow!("the demo needs a netflow listener")))?;
        let sender = Sender::new(&demo, to)?;
        let sink = StoreSink::new(store, FLOW, settings::load_writer(config));
        Ok(Self { demo, sender, load: settings::load(config, 1), sink })
    }

    /// Puts the history into the store, through the same decoder and stitcher as everything else.
    pub fn history(mut self) -> Result<Ready, ServiceError> {
        let now = clock::now();
        let mut loader = Loader::new(self.load, self.sink);
        tracing::info!(minutes = self.demo.slices_until(now), "making up history");
        self.demo.advance(now, |exporter, time, message| {
            loader.datagram(SocketAddr::new(IpAddr::V4(exporter), 0), time, message)
        })?;
        let summary = loader.finish()?;
        tracing::info!(sessions = summary.counters.stored, "history is in the store");
        Ok(Ready { demo: self.demo, sender: self.sender })
    }
}

/// Made-up exporters whose history is in the store.
pub struct Ready {
    demo: Demo,
    sender: Sender,
}

impl Ready {
    /// Sends what happens from now on, every quarter of a second.
    pub fn start(mut self) -> std::io::Result<Running> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        self.demo.new_receiver();
        let thread = std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                let sent: Result<(), Infallible> = self.demo.advance(clock::now(), |exporter, _, message| {
                    if let Err(error) = self.sender.send(exporter, message) {
                        tracing::debug!(%error, "a demo message was not sent");
                    }
                    Ok(())
                });
                let Ok(()) = sent;
                std::thread::park_timeout(Duration::from_millis(250));
            }
        })?;
        Ok(Running { stop, thread })
    }
}

impl Running {
    /// Stops sending.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().ok();
    }
}
