//! Fields of a filter and the forms of their values.
//!
//! Owns names of fields, what a value looks like, and what is said of a wrong one; must not know where they stand.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use tracker::{Outcome, OutcomeClass, Perspective};

use super::{Exporter, Filter, PROTOCOLS, Ports, Test};
use crate::query::address::parse_network;

/// A property that a test can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Either side's address.
    Host,
    /// The client's address.
    Client,
    /// The server's address.
    Server,
    /// The server's port.
    Port,
    /// The client's port.
    ClientPort,
    /// Name of the server's port.
    Service,
    /// Who reported it.
    Exporter,
    /// How it ended.
    Outcome,
    /// Class of that.
    Class,
    /// Which way it crosses the border.
    Perspective,
    /// Protocol.
    Proto,
}

impl Field {
    /// Every name by which a field goes; the first of each is the one that is printed.
    const NAMES: [(&'static str, Self); 25] = [
        ("host", Self::Host),
        ("ip", Self::Host),
        ("addr", Self::Host),
        ("address", Self::Host),
        ("net", Self::Host),
        ("client", Self::Client),
        ("client_ip", Self::Client),
        ("src", Self::Client),
        ("server", Self::Server),
        ("server_ip", Self::Server),
        ("dst", Self::Server),
        ("port", Self::Port),
        ("server_port", Self::Port),
        ("dport", Self::Port),
        ("client_port", Self::ClientPort),
        ("sport", Self::ClientPort),
        ("service", Self::Service),
        ("exporter", Self::Exporter),
        ("observer", Self::Exporter),
        ("outcome", Self::Outcome),
        ("class", Self::Class),
        ("outcome_class", Self::Class),
        ("perspective", Self::Perspective),
        ("proto", Self::Proto),
        ("protocol", Self::Proto),
    ];

    /// The field of this name.
    pub fn named(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, field)| *field)
    }

    /// The name that is printed.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

/// A value of a field, or what is wrong with it.
pub fn value(field: Field, text: &str) -> Result<Filter, String> {
    let test = match field {
        Field::Host | Field::Client | Field::Server => return address(field, text),
        Field::Port => Test::Port(vec![ports(text)?]),
        Field::ClientPort => Test::ClientPort(vec![ports(text)?]),
        Field::Service if text.is_empty() => return Err("expected the name of a service, such as https".to_owned()),
        Field::Service => Test::Service(vec![text.to_lowercase()]),
        Field::Exporter => Test::Exporter(vec![match net(text) {
            Some(network) => Exporter::Network(network),
            None if text.is_empty() => return Err("expected an address, a prefix or an interface".to_owned()),
            None => Exporter::Name(text.to_owned()),
        }]),
        Field::Outcome => Test::Outcome(vec![named(text, "outcome", Outcome::ALL)?]),
        Field::Class => Test::Class(vec![named(text, "class", &OutcomeClass::ALL)?]),
        Field::Perspective => match Perspective::ALL.iter().find(|known| text.eq_ignore_ascii_case(known.short())) {
            Some(known) => Test::Perspective(vec![*known]),
            None => Test::Perspective(vec![named(text, "perspective", Perspective::ALL)?]),
        },
        Field::Proto => Test::Proto(vec![proto(text).ok_or_else(|| {
            format!("{text:?} is no protocol: expected tcp, udp, icmp, another IANA keyword or a number up to 255")
        })?]),
    };
    Ok(Filter::Test(test))
}

/// An address, a prefix, or an address with a port.
fn address(field: Field, text: &str) -> Result<Filter, String> {
    let of = |network| {
        Filter::Test(match field {
            Field::Client => Test::Client(vec![network]),
            Field::Server => Test::Server(vec![network]),
            _ => Test::Host(vec![network]),
        })
    };
    if let Some(network) = net(text) {
        return Ok(of(network));
    }
    let Some((network, port)) = endpoint(text) else {
        return Err(format!(
            "{text:?} is no address: expected one such as 10.2.0.7, a prefix such as 10.2.0.0/16, or 10.2.0.7:443"
        ));
    };
    let port = vec![Ports { low: port, high: port }];
    Ok(match field {
        Field::Client => of(network).and(Filter::Test(Test::ClientPort(port))),
        _ => Filter::Test(Test::Server(vec![network])).and(Filter::Test(Test::Port(port))),
    })
}

/// A value without a field: its form tells which one is meant.
pub fn bare(text: &str) -> Option<Filter> {
    let known = |field| value(field, text).ok();
    let port = text.strip_prefix(':').and_then(|port| value(Field::Port, port).ok());
    port.or_else(|| known(Field::Host))
        .or_else(|| known(Field::Port))
        .or_else(|| known(Field::Class))
        .or_else(|| known(Field::Outcome))
        .or_else(|| known(Field::Perspective))
        .or_else(|| text.chars().any(char::is_alphabetic).then(|| known(Field::Proto)).flatten())
        .or_else(|| is_service(text).then(|| known(Field::Service)).flatten())
}

fn is_service(text: &str) -> bool {
    let text = text.to_lowercase();
    [6, 17].into_iter().any(|proto| {
        (0..=u16::MAX).any(|port| tracker::service::service_name(proto, port).is_some_and(|name| name == text))
    })
}

fn net(text: &str) -> Option<IpNet> {
    let network = parse_network(text)?.trunc();
    // A prefix of v4-mapped addresses is one of IPv4 addresses.
    Some(match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => IpNet::new(v4.into(), v6.prefix_len() - 96).unwrap_or(network),
            None => network,
        },
        _ => network,
    })
}

/// `10.2.0.7:443` or `[2001:db8::7]:443`.
fn endpoint(text: &str) -> Option<(IpNet, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address: IpAddr = match address.strip_prefix('[') {
        Some(inner) => IpAddr::V6(inner.strip_suffix(']')?.parse().ok()?),
        None => IpAddr::V4(address.parse().ok()?),
    };
    Some((IpNet::from(address.to_canonical()), number(port)?))
}

fn number(text: &str) -> Option<u16> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn ports(text: &str) -> Result<Ports, String> {
    let range = text.split_once('-').unwrap_or((text, text));
    let (Some(low), Some(high)) = (number(range.0), number(range.1)) else {
        return Err(format!("{text:?} is no port: expected a number up to 65535 or a range such as 8000-8100"));
    };
    if low > high { Err(format!("the range {text} ends before it begins")) } else { Ok(Ports { low, high }) }
}

fn proto(text: &str) -> Option<u8> {
    let known = PROTOCOLS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    known.map(|(_, number)| *number).or_else(|| number(text)?.try_into().ok())
}

/// A value by its stored name; `-` may stand for `_`.
fn named<T: Copy + Display + FromStr>(text: &str, what: &str, all: &[T]) -> Result<T, String> {
    let name = text.to_lowercase().replace('-', "_");
    name.parse().map_err(|_| {
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        match nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("{text:?} is no {what}: did you mean {near}?"),
            None => format!("{text:?} is no {what}: expected {}", names.join(", ")),
        }
    })
}

/// What is said of a word that is neither field nor value.
pub fn unknown(word: &str) -> String {
    let fields = Field::NAMES.iter().map(|(name, _)| *name);
    let outcomes = Outcome::ALL.iter().map(|outcome| outcome.as_str());
    match nearest(&word.to_lowercase(), fields.chain(outcomes).chain(["established", "failed"])) {
        Some(near) => format!("{word:?} is not understood: did you mean {near}?"),
        None => format!("{word:?} is no field, address, port, outcome, perspective, protocol or service"),
    }
}

/// The name that is up to two changed characters away.
fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > 32 {
        return None;
    }
    let most = if text.len() < 5 { 1 } else { 2 };
    names.map(|name| (distance(text, name), name)).filter(|(far, _)| *far <= most).min().map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
