//! All integration tests, as one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

mod cli;
mod decode;
mod delivery;
mod demo;
mod detect;
mod engine;
mod exporters;
mod guide;
mod house;
mod ingest;
mod interop;
mod jobs;
mod programs;
mod senders;
mod sessions;
mod settings;
mod store;
mod track;
mod transports;
mod tshark;
mod ui;
