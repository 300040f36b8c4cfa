//! The Zeek-compatible layer: per-endpoint states, history letters, connection state, and Zeek's own life times.
//!
//! Written from the rules of Zeek's connection log; it stands beside the strict phase machine and never decides an
//! outcome. Must not know the session table.

pub(crate) mod endpoint;
pub(crate) mod history;
pub mod ports;
pub(crate) mod state;
pub(crate) mod timers;

pub(crate) use endpoint::{Conn, End, EndState, Extra, Segment};
