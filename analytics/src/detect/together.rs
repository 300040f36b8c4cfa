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

/// The servers of a bucket whose ports rise together: beside the most unusual port another one is unusual by itself, or
/// the others are taken together, however few of the server's failures they have.
pub fn risen_together(series: &[ScoredSeries]) -> BTreeSet<IpAddr> {
    let mut servers: BTreeMap<IpAddr, Vec<&ScoredSeries>> = BTreeMap::new();
    for one in series.iter().filter(|one| one.key.level == Level::ServerPort && one.scored.ready) {
        one.key.server.inspect(|server| servers.entry(*server).or_default().push(one));
    }
    servers.retain(|_, ports| {
        ports.sort_by(|a, b| b.surprise.total_cmp(&a.surprise));
        let others = ports.iter().skip(1);
        others.clone().any(|one| one.score >= UNUSUAL) || together(others.map(|one| one.surprise).collect()) >= RISES
    });
    servers.into_keys().collect()
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

    /// A port that fails about `usual` times a bucket, in a bucket in which it failed so often.
    fn port(port: u16, usual: u64, failed: u64) -> ScoredSeries {
        let perspective = Perspective::Private;
        let key =
            SeriesKey { perspective, level: Level::ServerPort, server: Some(SERVER), port: Some(port), client: None };
        let calendar = Calendar::new(chrono_tz::Tz::UTC, 900);
        let tally = |failed| Tally { attempts: failed, failed, clients: 9, servers: 1, ports: 1, ..Tally::default() };
        let mut model = SeriesModel::new(&key, tally(usual), 0.0, 1.0 / 96.0);
        let mut observe = |at: u64, failed: u64| {
            let mut counts = PerspectiveCounts::default();
            counts.series.insert(key.clone(), tally(failed));
            model.observe(&key, &calendar.moment(1_772_409_600 + at as i64 * 900), &counts, 1.0).unwrap()
        };
        for at in 0..700 {
            observe(at, usual * 3 / 4 + noise(at * u64::from(port), usual / 2 + 1));
        }
        observe(700, failed)
    }

    fn rises(ports: &[ScoredSeries]) -> bool {
        risen_together(ports).contains(&SERVER)
    }

    #[test]
    fn one_port_is_not_its_server() {
        let mut ports = vec![port(443, 200, 900), port(22, 8, 9), port(25, 12, 11), port(389, 8, 8)];
        assert!(!rises(&ports));
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
    }
}
