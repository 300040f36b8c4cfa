//! Flow records in, sessions out: receiving, decoding, stitching and feeding a sink.
//!
//! This crate is also the composition root of the `halfopen` binary (feature `service`); without that feature the decoder
//! and the stitcher build alone, without `DataFusion`.

pub mod netflow;
