//! Rules over sessions: what is tracked, rejected or ignored. A rule names only the side that is known.
//!
//! Text form: `[ACTION] [PROTO] [from WHO] [to WHO]`, where WHO is `any`, a prefix, `port N[-M]`, or a prefix followed by
//! a port. `reject tcp to 10.1.2.3 port 80` rejects TCP to port 80 of 10.1.2.3 from anywhere.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;

use crate::packet::proto;
use crate::record::Endpoint;

/// What happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// It is followed.
    #[default]
    Track,
    /// It counts as refused by policy.
    Reject,
    /// It is not looked at.
    Ignore,
}

/// One side of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// Addresses, any if absent.
    pub net: Option<IpNet>,
    /// Ports, any if absent.
    pub ports: Option<RangeInclusive<u16>>,
}

impl Who {
    /// Whether the endpoint is meant.
    pub fn matches(&self, endpoint: Endpoint) -> bool {
        self.net.is_none_or(|net| net.contains(&endpoint.ip))
            && self.ports.as_ref().is_none_or(|ports| ports.contains(&endpoint.port))
    }
}

/// Which sessions are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// IANA protocol number, any if absent.
    pub proto: Option<u8>,
    /// The client.
    pub from: Who,
    /// The server.
    pub to: Who,
}

impl Match {
    /// Whether the session is meant.
    pub fn matches(&self, proto: u8, client: Endpoint, server: Endpoint) -> bool {
        self.proto.is_none_or(|own| own == proto) && self.from.matches(client) && self.to.matches(server)
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What happens.
    pub action: Action,
    /// To which sessions.
    pub what: Match,
}

/// Why a rule could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read rule {rule:?}: {problem}")]
pub struct RuleError {
    rule: String,
    problem: String,
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "track" => Ok(Self::Track),
            "reject" => Ok(Self::Reject),
            "ignore" => Ok(Self::Ignore),
            other => Err(format!("expected track, reject or ignore, found {other:?}")),
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (first, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let (action, rest) = first.parse().map_or((Action::Track, text), |action| (action, rest));
        Ok(Self { action, what: rest.parse().map_err(|error: RuleError| RuleError { rule: text.into(), ..error })? })
    }
}

impl FromStr for Match {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        read(text).map_err(|problem| RuleError { rule: text.into(), problem })
    }
}

fn read(text: &str) -> Result<Match, String> {
    let mut words = text.split_whitespace().peekable();
    let mut found = Match::default();
    if let Some(word) = words.peek()
        && !matches!(*word, "from" | "to")
    {
        found.proto = proto_of(word)?;
        words.next();
    }
    while let Some(word) = words.next() {
        let side = match word {
            "from" => &mut found.from,
            "to" => &mut found.to,
            other => return Err(format!("expected \"from\" or \"to\", found {other:?}")),
        };
        if *side != Who::default() {
            return Err(format!("{word:?} is given twice"));
        }
        let mut empty = true;
        while let Some(next) = words.next_if(|next| !matches!(*next, "from" | "to")) {
            empty = false;
            match next {
                "any" => {}
                "port" => side.ports = Some(ports_of(words.next().unwrap_or(""))?),
                net => side.net = Some(net_of(net)?),
            }
        }
        if empty {
            return Err(format!("{word:?} names nobody"));
        }
    }
    Ok(found)
}

fn proto_of(word: &str) -> Result<Option<u8>, String> {
    Ok(Some(match word {
        "any" | "ip" => return Ok(None),
        "tcp" => proto::TCP,
        "udp" => proto::UDP,
        "icmp" => proto::ICMP,
        "icmp6" => proto::ICMP6,
        "sctp" => proto::SCTP,
        "esp" => proto::ESP,
        "ah" => proto::AH,
        "gre" => proto::GRE,
        number => number.parse().map_err(|_| format!("unknown protocol {number:?}"))?,
    }))
}

fn ports_of(word: &str) -> Result<RangeInclusive<u16>, String> {
    let (low, high) = word.split_once('-').unwrap_or((word, word));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if low <= high => Ok(low..=high),
        _ => Err(format!("no port or range of ports: {word:?}")),
    }
}

fn net_of(word: &str) -> Result<IpNet, String> {
    word.parse()
        .or_else(|_| word.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| format!("no address or prefix: {word:?}"))
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Track => "track",
            Self::Reject => "reject",
            Self::Ignore => "ignore",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str, port: u16) -> Endpoint {
        Endpoint { ip: ip.parse().unwrap(), port }
    }

    #[test]
    fn a_rule_names_only_the_known_side() {
        let rule: Rule = "reject tcp to 10.1.2.3 port 80".parse().unwrap();
        assert_eq!(rule.action, Action::Reject);
        assert!(rule.what.matches(6, at("198.51.100.7", 40000), at("10.1.2.3", 80)));
        assert!(!rule.what.matches(6, at("198.51.100.7", 40000), at("10.1.2.3", 81)));
        assert!(!rule.what.matches(17, at("198.51.100.7", 40000), at("10.1.2.3", 80)));
        let rule: Rule = "from 10.0.0.0/8 to port 1000-2000".parse().unwrap();
        assert!(rule.what.matches(17, at("10.9.9.9", 1), at("2001:db8::1", 1500)));
        assert!(!rule.what.matches(17, at("11.9.9.9", 1), at("2001:db8::1", 1500)));
        assert_eq!("ignore".parse::<Rule>().unwrap().what, Match::default());
        assert_eq!("ignore icmp6".parse::<Rule>().unwrap().what.proto, Some(58));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, problem) in [
            ("reject tcpp", "unknown protocol"),
            ("tcp to", "names nobody"),
            ("tcp to 10.1.2.3 port 99999", "port"),
            ("tcp to 10.1.2.3 to any to ::1", "twice"),
            ("tcp between", "expected"),
            ("tcp from 300.1.1.1", "address"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains(text), "{error}");
        }
    }
}
