//! What is known of addresses and interfaces beyond their numbers.
//!
//! Owns names, places and autonomous systems, and putting them into session batches; must not know where batches go.

mod names;

pub use names::InterfaceNames;
