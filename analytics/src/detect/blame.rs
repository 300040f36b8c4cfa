//! Who is to blame: the few values of a field without which a bucket would be usual.
//!
//! Must not know what the values are, but for clients and their networks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use statrs::function::gamma::gamma_lr;

use crate::detect::world::ScoredSeries;

/// Most values that are to blame together; where it takes more, it is everybody.
const FEW: usize = 3;
/// Each of them has this share of the excess at least.
const EACH: f64 = 0.2;
/// Share of the excess that they have together: most of it, or half where what is left happens as often as this.
const TOGETHER: f64 = 0.7;
const HALF: f64 = 0.5;
const USUAL: f64 = 0.05;
/// Failures of a value that are not known to be usual of it, and how rarely as many as seen may follow by chance.
const UNKNOWN: f64 = 0.1;
const BY_CHANCE: f64 = 1e-3;
/// Who usually has this share of a series' failures is not to blame for more of them: everybody is, or what they all go to.
/// That is not known of a single client that fails so many times its usual.
const MOSTLY: f64 = 0.5;
const OUTBURST: f64 = 8.0;
/// Networks of clients that are told apart: prefix lengths of IPv4 and IPv6.
const NETWORK: (u8, u8) = (24, 64);
/// So many clients of a network are the network.
const SEVERAL: usize = 3;
/// Share of all failures from which a bucket that is usual by itself has somebody to blame, and from which networks are:
/// many clients that fail for the first time are also what a service with new users looks like, and those may well be of
/// one network.
const NEARLY_ALL: f64 = 0.75;

/// What one value of a field has to do with a bucket.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    /// Failed sessions with it.
    pub failed: u64,
    /// How many of them are usual of it in this series.
    pub usual: f64,
    /// Its usual share of the perspective's failures.
    pub share: f64,
}

impl Part {
    /// Failures beyond those that the value would have had if it had risen as all others did.
    ///
    /// In a rise of everybody the busiest rises most; it is not to blame for that.
    fn more(&self, one: &ScoredSeries) -> f64 {
        let (failed, expected) = (one.tally.failed as f64, one.scored.expected.typical);
        let others = (failed - self.failed as f64).max(0.0) + 1.0;
        let rise = (others / ((expected - self.usual).max(0.0) + 1.0)).max(1.0);
        let due = self.usual * rise;
        let chance = if self.failed == 0 { 1.0 } else { gamma_lr(self.failed as f64, due + UNKNOWN) };
        if chance <= BY_CHANCE { (self.failed as f64 - due).max(0.0) } else { 0.0 }
    }

    /// Whether it usually is most of what fails there; next to nothing has no usual.
    fn mostly(&self, one: &ScoredSeries) -> bool {
        let usual = one.scored.expected.typical;
        usual >= 1.0 && self.usual >= MOSTLY * usual
    }
}

/// The values to blame for a bucket, each with its share of the excess: the fewest of those with most of it without
/// which little would be left; none where that takes more than [`FEW`].
pub fn blamed<T: Clone + Ord>(one: &ScoredSeries, parts: &BTreeMap<T, Part>) -> Vec<(T, Part, f64)> {
    let failed = one.tally.failed as f64;
    // A scan is told by where it went; how often it failed there may be usual.
    let excess = failed - if one.by_breadth { 0.0 } else { one.scored.expected.typical };
    if excess < 1.0 {
        return Vec::new();
    }
    // A bucket that is usual by itself says little of who is behind the hours around it.
    let usual = !one.by_breadth && one.scored.chance_of(failed) >= USUAL;
    let mut ranked: Vec<(&T, &Part, f64)> =
        parts.iter().map(|(value, part)| (value, part, part.more(one))).filter(|(.., more)| *more > 0.0).collect();
    ranked.sort_by(|a, b| b.2.total_cmp(&a.2).then_with(|| a.0.cmp(b.0)));
    let mut sum = 0.0;
    for (at, (.., more)) in ranked.iter().enumerate().take(FEW) {
        if *more < EACH * excess {
            break;
        }
        sum += more;
        let needed = if one.scored.chance_of(failed - sum) >= USUAL { HALF } else { TOGETHER };
        if sum >= needed * excess {
            let all: u64 = ranked[..=at].iter().map(|(_, part, _)| part.failed).sum();
            if usual && (all as f64) < NEARLY_ALL * failed {
                break;
            }
            let due = |more: f64| (more / excess).min(1.0);
            return ranked[..=at].iter().map(|(value, part, more)| ((*value).clone(), **part, due(*more))).collect();
        }
    }
    Vec::new()
}

/// Networks and clients to blame, as text. Where three or more clients of a network are behind most of what it failed, it
/// is named and not they; where every client is of one network, it tells nothing. `absent` gives what is usual here of
/// clients of a network that have not failed in this bucket.
pub fn blamed_clients(
    one: &ScoredSeries,
    clients: &BTreeMap<IpAddr, Part>,
    absent: &dyn Fn(&IpNet) -> f64,
) -> (Named, Named) {
    let mut networks: BTreeMap<IpNet, (Part, Vec<f64>)> = BTreeMap::new();
    for (client, part) in clients {
        let length = if client.is_ipv4() { NETWORK.0 } else { NETWORK.1 };
        let Ok(network) = IpNet::new(*client, length) else { continue };
        let (sum, each) = networks.entry(network.trunc()).or_default();
        sum.failed += part.failed;
        sum.usual += part.usual;
        sum.share = (sum.share + part.share).min(1.0);
        each.push(part.failed as f64 - part.usual);
    }
    networks.iter_mut().for_each(|(network, (part, _))| part.usual += absent(network));
    let several = networks.len() > 1;
    let is_network = |network: &IpNet| {
        networks.get(network).is_some_and(|(_, each)| {
            let mut each = each.clone();
            each.sort_by(|a, b| b.total_cmp(a));
            let sum: f64 = each.iter().filter(|more| **more > 0.0).sum();
            // The first two have not nearly all of it.
            each.len() >= SEVERAL && each[..SEVERAL - 1].iter().sum::<f64>() < 0.9 * sum
        })
    };
    let may_be = |part: &Part| several && !part.mostly(one);
    let parts =
        networks.iter().map(|(network, (part, _))| (*network, *part)).filter(|(_, part)| may_be(part)).collect();
    let text = |(value, part, due): (IpNet, Part, f64)| (value.to_string(), part, due);
    let blamed_networks = blamed(one, &parts);
    if !blamed_networks.is_empty() && blamed_networks.iter().all(|(network, ..)| is_network(network)) {
        let sum: u64 = blamed_networks.iter().map(|(_, part, _)| part.failed).sum();
        if (sum as f64) < NEARLY_ALL * one.tally.failed as f64 {
            return (Vec::new(), Vec::new());
        }
        return (blamed_networks.into_iter().map(text).collect(), Vec::new());
    }
    let bursts = |part: &Part| part.failed as f64 >= OUTBURST * part.usual;
    let some = clients.iter().filter(|(_, part)| bursts(part) || !part.mostly(one));
    let named = blamed(one, &some.map(|(client, part)| (*client, *part)).collect());
    (Vec::new(), named.into_iter().map(|(client, part, due)| (client.to_string(), part, due)).collect())
}

/// Values with what they have to do with a bucket and their share of its excess.
pub type Named = Vec<(String, Part, f64)>;
