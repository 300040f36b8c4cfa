//! Receiving datagrams and streams: sockets and the bounded queues behind them.
//!
//! Owns sockets, who may send, and which worker something goes to; never parses more than where a message ends. A full
//! queue is a counted drop of datagrams, and makes streams wait.

mod admission;
pub mod frame;
mod intake;
mod kernel;
mod queue;
mod socket;
#[cfg(feature = "service")]
pub mod stream;
#[cfg(feature = "service")]
pub mod tls;
mod udp;

pub use admission::{Admission, AdmissionSettings};
pub(crate) use intake::worker_of;
pub use intake::{Arrival, Datagram, Intake, ReceiveCounters};
pub use kernel::{SocketId, kernel_drops};
pub use queue::{Load, Queue, QueueClosed};
pub use socket::{BindOptions, BoundSocket, SocketError, bind};
pub(crate) use udp::Receiver;

#[cfg(test)]
mod tests;
