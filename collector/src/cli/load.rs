//! `halfopen load`: the sessions of files, into a store.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use analytics::SessionStore;

use super::args::Place;
use super::decode::{report_drops, report_input};
use super::exit::{Exit, Failed, OrExit};
use super::{config, progress};
use crate::ingest::Loader;
use crate::input::read_datagrams;
use crate::netflow::Drops;
use crate::service::lock::StoreLock;
use crate::service::settings;
use crate::service::sink::{FLOW, StoreSink};

/// Reads the files in order, on the exporters' clock, and stores their sessions.
pub fn run(files: &[PathBuf], place: &Place) -> Result<Exit, Failed> {
    let (config, dir) = config::of_place(place)?;
    let store = SessionStore::open(&dir).or_exit(Exit::CannotCreate)?;
    let _lock = StoreLock::take(&dir).or_exit(Exit::CannotCreate)?;
    let enricher = settings::enricher(&config, Arc::default()).or_exit(Exit::Config)?;
    let sink = StoreSink::new(&store, FLOW, settings::load_writer(&config)).enriched(&Arc::new(enricher));
    let mut loader = Loader::new(settings::load(&config, files.len()), sink);
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let bar = progress::bar(files.iter().map(size).sum(), "loading", true);
    let mut exit = Exit::Ok;
    for path in files {
        let mut stored = Ok(());
        let read = read_datagrams(path, &mut |datagram| {
            bar.inc(datagram.payload.len() as u64);
            stored = loader.datagram(datagram.source, datagram.received, datagram.payload);
            if stored.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        stored.or_exit(Exit::CannotCreate)?;
        exit = exit.worse(report_input(path, read.map(|summary| summary.truncated)));
    }
    let summary = loader.finish().or_exit(Exit::CannotCreate)?;
    bar.finish_and_clear();
    exit = exit.worse(report_drops("the input", &summary.counters.drops(), &Drops::default()));
    let line = format!("{} flow records, {} sessions stored\n", summary.counters.stitch.flows, summary.counters.stored);
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).ok();
    Ok(exit)
}
