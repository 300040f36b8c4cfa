//! `halfopen decode`: the flow records of files, one JSON object a line.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed};
use super::{config, output};
use crate::input::{InputDatagram, InputError, read_datagrams};
use crate::netflow::{Decoder, DropReason, Drops};
use crate::service::settings;

/// Decodes the files in order; templates are kept from file to file.
pub fn run(files: &[PathBuf], config: Option<&Path>) -> Result<Exit, Failed> {
    let mut decoder = Decoder::new(settings::decoder(&config::read(config)?));
    let mut out = output::stdout();
    let mut exit = Exit::Ok;
    for path in files {
        let before = decoder.totals().drops;
        let mut written = Ok(());
        let read = read_datagrams(path, &mut |datagram: InputDatagram<'_>| {
            let mut print = |record| {
                if written.is_ok() {
                    written = serde_json::to_writer(&mut out, &serde_json::Value::Object(record))
                        .map_err(std::io::Error::from)
                        .and_then(|()| out.write_all(b"\n"));
                }
            };
            decoder.decode_json(datagram.source, datagram.received, datagram.payload, &mut print);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if written.is_err() {
            return output::finish(written, exit);
        }
        exit = exit.worse(report_input(path, read.map(|summary| summary.truncated)));
        exit = exit.worse(report_drops(&path.display().to_string(), &decoder.totals().drops, &before));
    }
    let before = decoder.totals().drops;
    decoder.finish();
    exit = exit.worse(report_drops("the end of the input", &decoder.totals().drops, &before));
    output::finish(out.flush(), exit)
}

/// Says what is wrong with a file as a whole.
pub fn report_input(path: &Path, read: Result<bool, InputError>) -> Exit {
    match read {
        Ok(false) => Exit::Ok,
        Ok(true) => {
            tracing::error!("{} ends in the middle of a packet or message", path.display());
            Exit::Data
        }
        Err(error) => {
            tracing::error!("{error}");
            if matches!(error, InputError::Io { .. }) { Exit::NoInput } else { Exit::Data }
        }
    }
}

/// Says what of the input was not understood since `before`, by reason.
pub fn report_drops(place: &str, now: &Drops, before: &Drops) -> Exit {
    let mut exit = Exit::Ok;
    for (reason, count) in now.iter() {
        let count = count - before.get(reason);
        // Statistics of an exporter are no flows, and yet understood.
        if count > 0 && reason != DropReason::NotAFlow {
            tracing::error!(count, "{place}: not understood: {}", reason.as_str());
            exit = Exit::Data;
        }
    }
    exit
}
