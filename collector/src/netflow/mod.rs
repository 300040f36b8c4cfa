//! Decoding of `NetFlow` v5, v7, v9 and IPFIX.
//!
//! Owns everything between a datagram's octets and flow records: framing, templates, field values, sequence numbers. Must
//! not know sockets, threads or sessions. Sans-IO: time comes in as an argument.

mod decoder;
pub mod elements;
pub mod flow;
mod json;
mod layout;
mod lists;
mod message;
mod moves;
mod normalise;
pub mod options;
mod output;
mod pending;
mod plan;
pub mod reason;
pub mod sequence;
mod settings;
mod source;
pub mod state;
mod target;
mod template;
mod templates;
pub mod time;
mod value;
mod walk;
mod wire;

pub use decoder::{Decoder, DecoderTotals};
pub use flow::{ExporterKey, FirewallEvent, FlowEnd, FlowRecord, Traffic};
pub use reason::{DropReason, Drops};
pub use settings::DecoderSettings;
pub(crate) use source::Source;
pub use source::{Protocols, SourceCounters};

#[cfg(test)]
mod tests;
