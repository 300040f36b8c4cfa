//! The made-up network of the demo: its servers, who uses them, and how much at which time of the day and week.
//!
//! Every bucket's sessions are a pure function of the seed and the bucket, so that history and live traffic are one.

use std::net::Ipv4Addr;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tracker::Micros;

use super::incident::Incident;

/// Length of the slices in which sessions are made, microseconds.
pub const SLICE: Micros = 60_000_000;
const HOUR: Micros = 3_600_000_000;
const DAY: Micros = 24 * HOUR;

/// How a made-up session goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Handshake, data, FIN from both sides.
    Served,
    /// RST to the SYN.
    Refused,
    /// SYN and its retransmits, no answer.
    Unanswered,
    /// SYN, SYN+ACK, and nothing more.
    HalfOpen,
}

/// One made-up session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoSession {
    /// First packet.
    pub start: Micros,
    /// Last packet.
    pub end: Micros,
    /// Client address and port.
    pub client: (Ipv4Addr, u16),
    /// Server address and port.
    pub server: (Ipv4Addr, u16),
    /// How it goes.
    pub fate: Fate,
    /// Bytes that the server sends when it serves.
    pub reply_bytes: u32,
}

/// When a service is used.
#[derive(Debug, Clone, Copy)]
enum Rhythm {
    /// Around the clock.
    Flat,
    /// Office hours of working days.
    Office,
    /// Mostly in the evening, every day.
    Evening,
    /// A job at this hour of every night.
    Nightly(i64),
    /// A job at the top of every hour.
    Hourly,
}

impl Rhythm {
    /// Activity at a time, 0 to about 1.
    fn at(self, time: Micros) -> f64 {
        let hour = (time.rem_euclid(DAY)) as f64 / HOUR as f64;
        let weekday = (time.div_euclid(DAY) + 4).rem_euclid(7); // 0 is Sunday; 1970-01-01 was a Thursday
        let weekend = weekday == 0 || weekday == 6;
        let bell = |centre: f64, width: f64| (-((hour - centre) / width).powi(2)).exp();
        match self {
            Self::Flat => 0.85 + 0.15 * bell(14.0, 6.0),
            Self::Office if weekend => 0.06 + 0.04 * bell(13.0, 5.0),
            Self::Office => 0.05 + 0.95 * bell(13.0, 4.2),
            Self::Evening => 0.15 + 0.85 * bell(20.0, 3.5) + if weekend { 0.25 * bell(14.0, 4.0) } else { 0.0 },
            Self::Nightly(at) if hour >= at as f64 && hour < at as f64 + 0.5 => 1.0,
            Self::Nightly(_) => 0.01,
            Self::Hourly if hour.fract() < 0.1 => 1.0,
            Self::Hourly => 0.05,
        }
    }
}

/// Who uses a service: addresses `net.1` to `net.count`.
#[derive(Debug, Clone, Copy)]
struct Clients {
    net: [u8; 3],
    count: u8,
}

/// One service of one server.
#[derive(Debug, Clone, Copy)]
struct Service {
    server: [u8; 4],
    port: u16,
    /// Sessions per minute when activity is 1.
    rate: f64,
    /// Share of sessions that fail on a usual day.
    failing: f64,
    rhythm: Rhythm,
    clients: Clients,
}

const OFFICE: Clients = Clients { net: [10, 1, 4], count: 120 };
const BRANCH: Clients = Clients { net: [10, 1, 8], count: 40 };
const APPS: Clients = Clients { net: [10, 2, 1], count: 12 };
const WORLD: Clients = Clients { net: [198, 51, 100], count: 250 };
const WORLD_TOO: Clients = Clients { net: [203, 0, 113], count: 250 };

const fn service(server: [u8; 4], port: u16, rate: f64, failing: f64, rhythm: Rhythm, clients: Clients) -> Service {
    Service { server, port, rate, failing, rhythm, clients }
}

/// The services. Addresses of documentation and benchmarking ranges stand for the outside.
const SERVICES: &[Service] = &[
    // inbound: what the world asks of us
    service([10, 2, 0, 7], 443, 9.0, 0.02, Rhythm::Evening, WORLD),
    service([10, 2, 0, 8], 443, 5.0, 0.02, Rhythm::Evening, WORLD_TOO),
    service([10, 2, 0, 8], 80, 2.0, 0.05, Rhythm::Evening, WORLD),
    service([10, 2, 0, 25], 25, 2.5, 0.12, Rhythm::Flat, WORLD_TOO),
    service([10, 2, 0, 25], 993, 1.5, 0.02, Rhythm::Office, WORLD),
    service([10, 2, 0, 22], 22, 1.2, 0.45, Rhythm::Flat, WORLD_TOO),
    // outbound: what we ask of the world
    service([198, 18, 7, 10], 443, 6.0, 0.01, Rhythm::Office, OFFICE),
    service([198, 18, 7, 20], 443, 4.0, 0.01, Rhythm::Office, BRANCH),
    service([198, 18, 9, 53], 53, 1.5, 0.03, Rhythm::Flat, APPS),
    service([198, 18, 20, 4], 8443, 1.0, 0.04, Rhythm::Hourly, APPS),
    service([198, 18, 33, 9], 587, 0.8, 0.02, Rhythm::Office, APPS),
    // private: among ourselves
    service([10, 2, 0, 30], 5432, 5.0, 0.004, Rhythm::Flat, APPS),
    service([10, 2, 0, 31], 6379, 4.0, 0.003, Rhythm::Flat, APPS),
    service([10, 2, 0, 40], 389, 2.0, 0.01, Rhythm::Office, OFFICE),
    service([10, 2, 0, 40], 88, 1.5, 0.01, Rhythm::Office, OFFICE),
    service([10, 2, 0, 41], 445, 2.0, 0.02, Rhythm::Office, BRANCH),
    service([10, 2, 0, 50], 9100, 1.0, 0.15, Rhythm::Office, OFFICE),
    service([10, 2, 0, 60], 873, 6.0, 0.08, Rhythm::Nightly(2), APPS),
    service([10, 2, 0, 70], 3000, 0.8, 0.02, Rhythm::Office, OFFICE),
    // edge: transit between others
    service([198, 18, 100, 1], 443, 1.5, 0.03, Rhythm::Evening, WORLD),
    service([198, 18, 100, 2], 179, 0.3, 0.1, Rhythm::Flat, WORLD_TOO),
];

/// The made-up network with its incidents.
#[derive(Debug, Clone)]
pub struct World {
    seed: u64,
    incidents: Vec<Incident>,
}

impl World {
    /// A network; the same seed and incidents always give the same traffic.
    pub const fn new(seed: u64, incidents: Vec<Incident>) -> Self {
        Self { seed, incidents }
    }

    /// The sessions that end within the slice that begins at `slice` (a multiple of [`SLICE`]), by time of their end.
    pub fn sessions(&self, slice: Micros) -> Vec<DemoSession> {
        let mut sessions = Vec::new();
        for (index, service) in (0u64..).zip(SERVICES) {
            let mut random = self.random(slice, index);
            let server = (Ipv4Addr::from(service.server), service.port);
            let struck = self.incidents.iter().find(|incident| incident.strikes(server, slice));
            let mean = service.rate * service.rhythm.at(slice) * struck.map_or(1.0, Incident::retry_factor);
            for _ in 0..poisson(&mut random, mean) {
                let host = zipf(&mut random, service.clients.count);
                let [a, b, c] = service.clients.net;
                let fate = match struck.filter(|incident| random.random_bool(incident.severity)) {
                    Some(incident) => incident.fate,
                    None if random.random_bool(service.failing) => usual_failure(&mut random),
                    None => Fate::Served,
                };
                sessions.push(session(&mut random, slice, Ipv4Addr::new(a, b, c, host), server, fate));
            }
        }
        for (index, incident) in (1_000u64..).zip(&self.incidents) {
            let mut random = self.random(slice, index);
            for (client, server) in incident.extra(slice, &mut random) {
                sessions.push(session(&mut random, slice, client, server, incident.fate));
            }
        }
        sessions.sort_by_key(|session| (session.end, session.client, session.server));
        sessions
    }

    fn random(&self, slice: Micros, stream: u64) -> StdRng {
        let place = (slice.div_euclid(SLICE) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        StdRng::seed_from_u64(self.seed ^ place ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03))
    }
}

fn usual_failure(random: &mut StdRng) -> Fate {
    match random.random_range(0..10) {
        0..5 => Fate::Refused,
        5..9 => Fate::Unanswered,
        _ => Fate::HalfOpen,
    }
}

fn session(random: &mut StdRng, slice: Micros, client: Ipv4Addr, server: (Ipv4Addr, u16), fate: Fate) -> DemoSession {
    let end = slice + random.random_range(0..SLICE);
    let lasted = match fate {
        Fate::Served => random.random_range(20_000..2_500_000),
        Fate::Refused => random.random_range(200..40_000),
        Fate::Unanswered | Fate::HalfOpen => random.random_range(3_000_000..7_000_000),
    };
    let reply_bytes = random.random_range(600..60_000);
    DemoSession {
        start: end - lasted,
        end,
        client: (client, random.random_range(32_768..61_000)),
        server,
        fate,
        reply_bytes,
    }
}

/// A number from 1 to `count`, small ones more often.
fn zipf(random: &mut StdRng, count: u8) -> u8 {
    let uniform: f64 = random.random();
    1 + (f64::from(count) * uniform * uniform) as u8
}

/// A Poisson number (Knuth 1969, 3.4.1), in parts so that a large mean does not underflow.
pub fn poisson(random: &mut StdRng, mean: f64) -> u32 {
    let mut count = 0;
    let mut left = mean;
    while left > 0.0 {
        let part = left.min(30.0);
        left -= part;
        let limit = (-part).exp();
        let mut product: f64 = random.random();
        while product > limit {
            count += 1;
            product *= random.random::<f64>();
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_a_pure_function_of_the_seed() {
        let world = World::new(7, Vec::new());
        let slice = 29_000_000 * SLICE;
        assert_eq!(world.sessions(slice), world.sessions(slice));
        assert_ne!(world.sessions(slice), World::new(8, Vec::new()).sessions(slice));
        assert!(world.sessions(slice).iter().all(|s| s.end >= slice && s.end < slice + SLICE && s.start < s.end));
    }

    #[test]
    fn a_poisson_number_has_its_mean() {
        let mut random = StdRng::seed_from_u64(1);
        for mean in [0.3, 4.0, 90.0] {
            let sum: u32 = (0..4_000).map(|_| poisson(&mut random, mean)).sum();
            assert!((f64::from(sum) / 4_000.0 - mean).abs() < 0.1 * mean.max(1.0), "{mean}");
        }
    }

    #[test]
    fn office_hours_are_busier_than_nights_and_weekends() {
        let monday = 4 * DAY;
        assert!(Rhythm::Office.at(monday + 13 * HOUR) > 5.0 * Rhythm::Office.at(monday + 3 * HOUR));
        assert!(Rhythm::Office.at(monday + 13 * HOUR) > 5.0 * Rhythm::Office.at(monday - DAY + 13 * HOUR));
    }
}
