//! What is known of addresses and interfaces beyond their numbers: places, autonomous systems, names.
//!
//! Owns where that comes from, and putting it into session batches; must not know where batches go.

#[cfg(feature = "service")]
mod batch;
#[cfg(feature = "service")]
mod dns;
#[cfg(feature = "service")]
mod geo;
mod names;

#[cfg(feature = "service")]
pub use batch::{EnrichSettings, Enricher};
#[cfg(feature = "service")]
pub use dns::{Resolve, ReverseDns};
#[cfg(feature = "service")]
pub use geo::{Geo, GeoError, Place};
pub use names::{GivenNames, InterfaceNames};
