//! What goes wrong in the made-up network, and when.

use std::net::Ipv4Addr;

use rand::RngExt;
use rand::rngs::StdRng;
use tracker::Micros;

use super::world::{Fate, SLICE, poisson};

const MINUTE: Micros = 60_000_000;
const DAY: Micros = 1_440 * MINUTE;

/// The server whose outage is going on when the demo starts.
pub const OUTAGE: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 2, 0, 7), 443);

/// Whom an incident strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The sessions of one service fail, and clients try again.
    Service(Ipv4Addr, u16),
    /// Many clients open sessions to one service and never finish the handshake.
    Flood(Ipv4Addr, u16),
    /// One client tries the ports of one server in turn.
    Scan(Ipv4Addr, Ipv4Addr),
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone)]
pub struct Incident {
    kind: Kind,
    from: Micros,
    to: Micros,
    /// Share of sessions that it makes fail.
    pub severity: f64,
    /// How they fail.
    pub fate: Fate,
}

impl Incident {
    /// Two weeks of incidents up to `now`. An outage of [`OUTAGE`] began three whole buckets of `span` microseconds
    /// before the newest one that is sealed `delay` microseconds after its end, and goes on.
    pub fn schedule(now: Micros, span: Micros, delay: Micros) -> Vec<Self> {
        let sealed = (now - delay).div_euclid(span) * span;
        let midnight = now.div_euclid(DAY) * DAY;
        let day = |days: i64, hour: i64| midnight - days * DAY + hour * 60 * MINUTE;
        let server = |last: u8| Ipv4Addr::new(10, 2, 0, last);
        let incident =
            |kind, from, minutes: i64, severity, fate| Self { kind, from, to: from + minutes * MINUTE, severity, fate };
        vec![
            Self {
                kind: Kind::Service(OUTAGE.0, OUTAGE.1),
                from: sealed - 3 * span,
                to: now + 60 * MINUTE,
                severity: 0.96,
                fate: Fate::Refused,
            },
            incident(Kind::Service(Ipv4Addr::new(198, 18, 7, 10), 443), day(3, 9), 150, 0.7, Fate::Unanswered),
            incident(Kind::Flood(server(25), 25), day(5, 3), 40, 1.0, Fate::HalfOpen),
            incident(Kind::Scan(Ipv4Addr::new(10, 1, 4, 66), server(50)), day(6, 15), 18, 1.0, Fate::Refused),
            incident(Kind::Service(server(30), 5432), day(2, 18), 75, 0.5, Fate::Refused),
        ]
    }

    fn lasts(&self, slice: Micros) -> bool {
        self.from <= slice && slice < self.to
    }

    /// Whether the sessions of this service fail in this slice.
    pub fn strikes(&self, server: (Ipv4Addr, u16), slice: Micros) -> bool {
        self.lasts(slice) && self.kind == Kind::Service(server.0, server.1)
    }

    /// How many more attempts there are when a service fails: clients try again.
    pub const fn retry_factor(&self) -> f64 {
        match self.fate {
            Fate::Refused => 2.5,
            Fate::Unanswered => 1.4,
            Fate::Served | Fate::HalfOpen => 1.0,
        }
    }

    /// Sessions in this slice that are there only because of the incident: client and server.
    pub fn extra(&self, slice: Micros, random: &mut StdRng) -> Vec<(Ipv4Addr, (Ipv4Addr, u16))> {
        if !self.lasts(slice) {
            return Vec::new();
        }
        match self.kind {
            Kind::Service(..) => Vec::new(),
            Kind::Flood(server, port) => (0..poisson(random, 70.0))
                .map(|_| (Ipv4Addr::new(198, 18, 200, random.random()), (server, port)))
                .collect(),
            Kind::Scan(client, server) => {
                let minute = (slice - self.from).div_euclid(SLICE) as u16;
                (0..40).map(|step| (client, (server, 1 + minute * 40 + step))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outage_covers_sealed_buckets_and_goes_on() {
        let (span, delay) = (15 * MINUTE, 3 * MINUTE);
        for now in [1_700_000_000_000_000, 1_763_650_000_000_001] {
            let incidents = Incident::schedule(now, span, delay);
            let sealed = (now - delay).div_euclid(span) * span;
            assert!(incidents[0].strikes(OUTAGE, sealed - span) && incidents[0].strikes(OUTAGE, sealed - 3 * span));
            assert!(!incidents[0].strikes(OUTAGE, sealed - 4 * span));
            assert!(incidents[0].strikes(OUTAGE, now.div_euclid(SLICE) * SLICE));
            assert!(incidents[1..].iter().all(|incident| incident.to <= now));
        }
    }
}
