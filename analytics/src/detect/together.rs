//! Servers of which more rises than one port: what is told of them is not that port's doing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jobs::Level;

use crate::detect::world::ScoredSeries;
use crate::model::together;

/// Score from which a port of a server is unusual by itself.
pub const UNUSUAL: f64 = 25.0;
/// Surprise `-ln p` (1 in 100) from which the ports beside the most unusual one of a server rise, too: asked only where
/// something is unusual, this is by chance in one of a hundred such buckets.
const RISES: f64 = 4.605_170;
/// Share of a server's excess under which its most unusual port is not what it rises for.
const MOST: f64 = 0.5;

/// A server's ports and the server itself, as far as they are scored.
#[derive(Default)]
struct Server<'a> {
    whole: Option<&'a ScoredSeries>,
    ports: Vec<&'a ScoredSeries>,
}

/// The servers of a bucket whose ports rise together: one port is unusual by itself, and another one is, too, or the others
/// are taken together, or the server rises and not for that port.
pub fn risen_together(series: &[ScoredSeries]) -> BTreeSet<IpAddr> {
    let ready = || series.iter().filter(|one| one.scored.ready);
    // Of most buckets these are none, and nothing else is looked at.
    let unusual = ready().filter(|one| one.key.level == Level::ServerPort && one.score >= UNUSUAL);
    let mut servers: BTreeMap<IpAddr, Server<'_>> =
        unusual.filter_map(|one| Some((one.key.server?, Server::default()))).collect();
    if servers.is_empty() {
        return BTreeSet::new();
    }
    for one in ready() {
        let Some(server) = one.key.server.and_then(|ip| servers.get_mut(&ip)) else { continue };
        match one.key.level {
            Level::ServerPort => server.ports.push(one),
            Level::Server => server.whole = Some(one),
            _ => {}
        }
    }
    servers.retain(|_, server| server.rises_together());
    servers.into_keys().collect()
}

impl Server<'_> {
    fn rises_together(&mut self) -> bool {
        self.ports.sort_by(|a, b| b.surprise.total_cmp(&a.surprise));
        let Some((most, others)) = self.ports.split_first().filter(|(most, _)| most.score >= UNUSUAL) else {
            return false;
        };
        others.iter().any(|one| one.score >= UNUSUAL)
            || together(others.iter().map(|one| one.surprise).collect()) >= RISES
            || self.whole.is_some_and(|whole| {
                !others.is_empty() && whole.scored.surprise >= RISES && most.excess() < MOST * whole.excess()
            })
    }
}

#[cfg(test)]
mod tests {
    use jobs::SeriesKey;
    use tracker::Perspective;

    use super::*;
    use crate::buckets::counts::{PerspectiveCounts, Tally};
    use crate::detect::series::SeriesModel;
    use crate::model::Calendar;
    use crate::testing::noise;

    const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    /// A port, or without one the server, that fails about `usual` times a bucket, in a bucket in which it failed so often.
    fn series(port: Option<u16>, usual: u64, failed: u64) -> ScoredSeries {
        let (perspective, server) = (Perspective::Private, Some(SERVER));
        let level = if port.is_some() { Level::ServerPort } else { Level::Server };
        let key = SeriesKey { perspective, level, server, port, client: None };
        let calendar = Calendar::new(chrono_tz::Tz::UTC, 900);
        let tally = |failed| Tally { attempts: failed, failed, clients: 9, servers: 1, ports: 3, ..Tally::default() };
        let mut model = SeriesModel::new(&key, tally(usual), 0.0, 1.0 / 96.0);
        let mut observe = |at: u64, failed: u64| {
            let mut counts = PerspectiveCounts::default();
            counts.series.insert(key.clone(), tally(failed));
            model.observe(&key, &calendar.moment(1_772_409_600 + at as i64 * 900), &counts, 1.0).unwrap()
        };
        for at in 0..700 {
            observe(at, usual * 3 / 4 + noise(at * 7 + u64::from(port.unwrap_or(1)), usual / 2 + 1));
        }
        observe(700, failed)
    }

    fn port(port: u16, usual: u64, failed: u64) -> ScoredSeries {
        series(Some(port), usual, failed)
    }

    fn rises(ports: &[ScoredSeries]) -> bool {
        risen_together(ports).contains(&SERVER)
    }

    #[test]
    fn one_port_is_not_its_server() {
        let mut ports = vec![port(443, 200, 900), port(22, 8, 9), port(25, 12, 11), port(389, 8, 8)];
        assert!(ports[0].score >= UNUSUAL && !rises(&ports));
        assert!(!rises(&ports[..1]));
        // Another one is unusual by itself.
        ports[1] = port(22, 8, 60);
        assert!(rises(&ports));
    }

    #[test]
    fn ports_that_rise_a_little_each_are_their_server_together() {
        let ports = [port(443, 200, 900), port(22, 8, 15), port(25, 12, 21), port(389, 8, 15)];
        assert!(ports[1..].iter().all(|one| one.score < UNUSUAL), "{:?}", ports.each_ref().map(|one| one.score));
        assert!(rises(&ports));
        // Where no port is unusual, nothing is asked.
        assert!(!rises(&ports[1..]));
    }

    #[test]
    fn a_server_that_rises_for_more_than_its_most_unusual_port_is_told() {
        // Four times a quiet port is more unusual than half more of a busy one.
        let of = |busy, whole, surprise| {
            let ports = [port(8080, 10, 40), port(8443, 400, busy), port(389, 2, 2), port(5432, 2, 1)];
            let mut server = series(None, 414, whole);
            server.scored.surprise = surprise;
            rises(&ports.into_iter().chain([server]).collect::<Vec<_>>())
        };
        assert!(of(560, 603, RISES + 0.1));
        assert!(!of(560, 603, RISES - 0.1));
        assert!(!of(410, 453, RISES + 0.1));
    }
}
