//! Flow records in, sessions out: receiving, decoding, stitching and feeding a sink.
//!
//! This crate is also the composition root of the `halfopen` binary (feature `service`); without that feature the decoder
//! and the stitcher build alone, without `DataFusion`.

pub mod enrich;
pub mod exporters;
pub mod ingest;
pub mod input;
pub mod netflow;
pub mod receive;
pub mod stitch;

#[cfg(feature = "service")]
pub mod cli;
#[cfg(feature = "service")]
pub mod clock;
#[cfg(feature = "service")]
pub mod config;
#[cfg(feature = "service")]
pub mod delivery;
#[cfg(feature = "service")]
pub mod demo;
#[cfg(feature = "service")]
pub mod service;
