//! The demo: a made-up network whose exporters speak real IPFIX and NetFlow v9.
//!
//! Owns what is sent and when. Must not know how it is received: history goes through the same decoder as live traffic,
//! and live traffic through real sockets.

mod encode;
mod incident;
mod world;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use tracker::Micros;

use encode::{Exporter, PER_MESSAGE, Version};
pub use incident::{Incident, OUTAGE};
use world::{DemoSession, SLICE, World};

/// How far the made-up history goes back, microseconds.
pub const HISTORY: Micros = 14 * 86_400_000_000;
const SEED: u64 = 0x005e_ed0f_4a1f_09e5;

/// Prefixes that are private in the demo. Documentation ranges stand for the outside there.
pub const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// The made-up network, and how far its traffic has been sent.
#[derive(Debug)]
pub struct Demo {
    world: World,
    /// Border router (IPFIX) and data-centre switch (v9), each with its address.
    exporters: [(Ipv4Addr, Exporter); 2],
    /// Sessions that ended before this have been sent.
    sent: Micros,
}

impl Demo {
    /// A network whose history begins [`HISTORY`] before `now`, with its incidents; buckets are `span` microseconds and
    /// sealed `delay` microseconds after their end.
    pub fn new(now: Micros, span: Micros, delay: Micros) -> Self {
        let start = (now - HISTORY).div_euclid(SLICE) * SLICE;
        let exporter =
            |last, version, domain| (Ipv4Addr::new(127, 0, 0, last), Exporter::new(version, domain, start - SLICE));
        Self {
            world: World::new(SEED, Incident::schedule(now, span, delay)),
            exporters: [exporter(2, Version::Ipfix, 1), exporter(3, Version::V9, 7)],
            sent: start,
        }
    }

    /// Sends everything that ended before `now` and has not been sent: exporter, time of export, message.
    ///
    /// # Errors
    /// The first error of `send`; what was sent before it is not sent again.
    pub fn advance<E>(
        &mut self,
        now: Micros,
        mut send: impl FnMut(Ipv4Addr, Micros, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.sent < now {
            let slice = self.sent.div_euclid(SLICE) * SLICE;
            let until = now.min(slice + SLICE);
            let sessions = self.world.sessions(slice);
            let due = sessions.iter().filter(|session| session.end >= self.sent && session.end < until).copied();
            let (inside, border): (Vec<_>, Vec<_>) = due.partition(is_inside);
            self.sent = until;
            for ((address, exporter), sessions) in self.exporters.iter_mut().zip([border, inside]) {
                for part in sessions.chunks(PER_MESSAGE) {
                    if let Some(message) = exporter.message(part, until) {
                        send(*address, until, &message)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Announces templates anew with the next messages: a receiver that knows none is listening from now on.
    pub fn new_receiver(&mut self) {
        for (_, exporter) in &mut self.exporters {
            exporter.announce();
        }
    }

    /// Number of slices that [`advance`](Self::advance) to `now` will send.
    pub fn slices_until(&self, now: Micros) -> u64 {
        u64::try_from((now - self.sent).div_euclid(SLICE)).unwrap_or(0)
    }
}

/// Whether the data-centre switch sees it: both sides are our own.
fn is_inside(session: &DemoSession) -> bool {
    session.client.0.octets()[0] == 10 && session.server.0.octets()[0] == 10
}

/// Sockets from which the demo's exporters send, each bound to its own loopback address.
#[derive(Debug)]
pub struct Sender {
    sockets: Vec<(Ipv4Addr, UdpSocket)>,
    to: SocketAddr,
}

impl Sender {
    /// Sockets towards a receiver on this machine.
    ///
    /// # Errors
    /// A loopback address cannot be bound.
    pub fn new(demo: &Demo, receiver: SocketAddr) -> std::io::Result<Self> {
        let loopback = if receiver.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { receiver.ip() };
        let sockets = demo
            .exporters
            .iter()
            .map(|(address, _)| Ok((*address, UdpSocket::bind((*address, 0))?)))
            .collect::<std::io::Result<_>>()?;
        Ok(Self { sockets, to: SocketAddr::new(loopback, receiver.port()) })
    }

    /// Sends one message from this exporter's address.
    ///
    /// # Errors
    /// The socket refuses it.
    pub fn send(&self, exporter: Ipv4Addr, message: &[u8]) -> std::io::Result<()> {
        match self.sockets.iter().find(|(address, _)| *address == exporter) {
            Some((_, socket)) => socket.send_to(message, self.to).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn sent(demo: &mut Demo, now: Micros) -> Vec<(Ipv4Addr, Vec<u8>)> {
        let mut messages = Vec::new();
        let send = |exporter, _, message: &[u8]| {
            messages.push((exporter, message.to_vec()));
            Ok::<_, Infallible>(())
        };
        demo.advance(now, send).unwrap();
        messages
    }

    #[test]
    fn nothing_is_sent_twice_or_left_out() {
        let (now, span) = (1_763_650_123_456_789, 900_000_000);
        let start = now - HISTORY;
        let count = |messages: &[(Ipv4Addr, Vec<u8>)]| messages.iter().map(|(_, message)| message.len()).sum::<usize>();
        let mut whole = Demo::new(now, span, 60_000_000);
        let all = sent(&mut whole, start + 10 * SLICE);
        let mut parts = Demo::new(now, span, 60_000_000);
        let mut stepped = Vec::new();
        for step in 1..=40 {
            stepped.extend(sent(&mut parts, start + step * SLICE / 4));
        }
        assert!(sent(&mut parts, start + 10 * SLICE).is_empty());
        assert!(count(&stepped) >= count(&all), "smaller messages have more headers, never fewer records");
        assert!(all.iter().all(|(_, message)| message.len() < 1_400));
        assert!(all.iter().any(|(_, message)| message[1] == 9) && all.iter().any(|(_, message)| message[1] == 10));
    }
}
