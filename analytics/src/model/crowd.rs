//! Many series at once: how unusual it is that so many rise together in one bucket.
//!
//! Donoho and Jin 2004 in spirit: the best of the m-th smallest of n uniform probabilities, paid for each look.

use statrs::function::beta::beta_reg;

use crate::model::persist::persist;
use crate::model::tail::Calibration;

/// Most series that are looked at together.
const LOOKS: usize = 12;
/// Most series of one group (the ports of a server) that are looked at together.
const GROUP_LOOKS: usize = 6;
/// No single series speaks louder than this (1 in 10,000): what one series shows is its own record.
const ONE_VOICE: f64 = 9.210_34;
/// Share of the series named as rising together that may be there by chance.
const BY_CHANCE: f64 = 0.01;
/// Joint surprises beyond this are incidents and teach nothing of the usual, unless they go on.
const INCIDENT: f64 = 9.210_34;
const LONGEST_INCIDENT: u64 = 96;

/// Past of the joint surprises of a perspective's buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Crowd {
    single: Joint,
    short: Joint,
}

persist!(Crowd { single, short });

impl Crowd {
    /// Joint surprise of the series of one bucket. `groups` holds, by group such as the ports of one server,
    /// each series' surprise of the bucket alone and of the last few buckets; a series belongs to one group.
    pub fn observe(&mut self, groups: &[Vec<(f64, f64)>]) -> Joined {
        let pick = |which: fn(&(f64, f64)) -> f64| -> Vec<Vec<f64>> {
            groups.iter().map(|group| group.iter().map(which).collect()).collect()
        };
        let single = self.single.observe(&pick(|pair| pair.0));
        let short = self.short.observe(&pick(|pair| pair.1));
        let (most, which): (_, fn(&(f64, f64)) -> f64) =
            if single.surprise >= short.surprise { (single, |pair| pair.0) } else { (short, |pair| pair.1) };
        let surprise = (most.surprise - std::f64::consts::LN_2).max(0.0);
        let groups = pick(which);
        Joined { surprise, members: members(&groups, most.group) }
    }
}

/// How surprising many series are together.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// Calibrated surprise `-ln p`.
    pub surprise: f64,
    /// The series that rise, as places of a group and of a series in it: those that chance would not have put there
    /// (Benjamini and Hochberg 1995), at least one.
    pub members: Vec<(usize, usize)>,
}

/// The series that rise, of all or of one group.
fn members(groups: &[Vec<f64>], within: Option<usize>) -> Vec<(usize, usize)> {
    let mut known: Vec<(f64, (usize, usize))> = groups
        .iter()
        .enumerate()
        .filter(|(at, _)| within.is_none_or(|within| within == *at))
        .flat_map(|(at, group)| group.iter().enumerate().map(move |(place, surprise)| (*surprise, (at, place))))
        .collect();
    known.sort_by(|a, b| b.0.total_cmp(&a.0));
    let n = known.len() as f64;
    let expected = |surprise: f64| n * (-surprise).exp();
    let last = known.iter().enumerate().rposition(|(at, one)| expected(one.0) <= BY_CHANCE * (at + 1) as f64);
    known.truncate(last.unwrap_or(0) + 1);
    known.into_iter().map(|(_, place)| place).collect()
}

/// A joint surprise, and the place of the group that is more unusual than everything together, if one is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Most {
    surprise: f64,
    group: Option<usize>,
}

/// Past of one joint surprise.
#[derive(Debug, Clone, PartialEq, Default)]
struct Joint {
    tail: Calibration,
    unusual: u64,
}

persist!(Joint { tail, unusual });

impl Joint {
    fn observe(&mut self, groups: &[Vec<f64>]) -> Most {
        let groups: Vec<Vec<f64>> = groups.iter().map(|g| g.iter().map(|x| x.min(ONE_VOICE)).collect()).collect();
        let mut all: Vec<f64> = groups.iter().flatten().copied().collect();
        let together = joint(&mut all, LOOKS);
        let several = groups.iter().filter(|group| group.len() > 1).count().max(1) as f64;
        let (at, within) = groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.len() > 1)
            .map(|(at, group)| (at, joint(&mut group.clone(), GROUP_LOOKS) - several.ln()))
            .fold((0, 0.0), |most, one| if one.1 > most.1 { one } else { most });
        // Two looks: everything, and group by group.
        let raw = (together.max(within) - std::f64::consts::LN_2).max(0.0);
        let surprise = self.tail.apply(raw);
        self.unusual = if surprise > INCIDENT { self.unusual + 1 } else { 0 };
        if self.unusual == 0 || self.unusual > LONGEST_INCIDENT {
            self.tail.learn(raw);
        }
        Most { surprise, group: (within > together).then_some(at) }
    }
}

/// Surprise `-ln p` of several series looked at together, of which one alone may be what is unusual.
pub fn together(mut surprises: Vec<f64>) -> f64 {
    best(&mut surprises, 1, GROUP_LOOKS)
}

/// Joint surprise; one series alone is its own record.
fn joint(surprises: &mut [f64], looks: usize) -> f64 {
    best(surprises, 2, looks)
}

/// Surprise of the best m-th smallest probability, m from `least` up to `looks`, paid for the looks.
fn best(surprises: &mut [f64], least: usize, looks: usize) -> f64 {
    let n = surprises.len();
    if n == 0 {
        return 0.0;
    }
    surprises.sort_by(|a, b| b.total_cmp(a));
    let looks = looks.min(n);
    let best = surprises[..looks]
        .iter()
        .enumerate()
        .skip(least - 1)
        .map(|(index, surprise)| -ln_order(index + 1, n, *surprise))
        .fold(0.0, f64::max);
    (best - (looks as f64).ln()).max(0.0)
}

/// ln P(the m-th smallest of n uniforms <= e^-surprise).
fn ln_order(m: usize, n: usize, surprise: f64) -> f64 {
    let (m, rest) = (m as f64, (n - m + 1) as f64);
    let p = (-surprise).exp();
    let direct = if p > 0.0 { beta_reg(m, rest, p.min(1.0)) } else { 0.0 };
    if direct > 1e-280 {
        return direct.ln();
    }
    // Leading term of the incomplete beta function: p^m / (m B(m, n-m+1)).
    -m * surprise - m.ln() - statrs::function::beta::ln_beta(m, rest)
}
