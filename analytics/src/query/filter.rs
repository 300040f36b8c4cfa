//! The filter language: which sessions and anomalies are meant, in one line of text.
//!
//! Owns the meaning of a filter and its text; must not know who asks. The same language is read by the API, the command
//! line and the web UI:
//!
//! ```text
//! filter = and { "or" and }
//! and    = not { [ "and" ] not }
//! not    = "not" not | "(" filter ")" | test
//! test   = field [ ":" | "=" | "!=" ] value { "," value } | value
//! ```
//!
//! Fields are `host`, `client`, `server` (addresses and prefixes), `port`, `client_port` (numbers and ranges), `service`,
//! `exporter`, `outcome`, `class`, `perspective` and `proto`. A value alone says by its form which field it is of.

mod lex;
mod live;
mod parse;
mod record;
mod stored;
mod value;

#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Write as _};
use std::net::IpAddr;

use ipnet::IpNet;
use tracker::locality::address_key;
use tracker::{Outcome, OutcomeClass, Perspective};

/// Which sessions are meant. Reads with [`str::parse`], and prints as text that reads back to the same filter.
///
/// `And` and `Or` hold two or more filters, none of them of the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of these hold.
    And(Vec<Filter>),
    /// At least one of these holds.
    Or(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
    /// One property has one of some values.
    Test(Test),
}

/// One property of a session, and the values of which it must have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The client's or the server's address lies in one of these prefixes.
    Host(Vec<IpNet>),
    /// The client's address does.
    Client(Vec<IpNet>),
    /// The server's address does.
    Server(Vec<IpNet>),
    /// The server's port is in one of these ranges.
    Port(Vec<Ports>),
    /// The client's port is.
    ClientPort(Vec<Ports>),
    /// The IANA name of the server's port, in lower case.
    Service(Vec<String>),
    /// Who reported the session.
    Exporter(Vec<Exporter>),
    /// How the session ended.
    Outcome(Vec<Outcome>),
    /// Class of the outcome.
    Class(Vec<OutcomeClass>),
    /// Which way the session crosses the border.
    Perspective(Vec<Perspective>),
    /// IANA protocol number.
    Proto(Vec<u8>),
}

/// A range of ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The lowest.
    pub low: u16,
    /// The highest.
    pub high: u16,
}

/// Who reported a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exporter {
    /// Exporters with an address in this prefix.
    Network(IpNet),
    /// An interface of this name.
    Name(String),
}

/// Why a text is no filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct FilterError {
    /// Column of the first character that is meant, from 1.
    pub column: usize,
    /// How many characters are meant; 0 at the end of the text.
    pub length: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Filter {
    /// Both this filter and the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let parts = |filter| match filter {
            Self::And(parts) => parts,
            single => vec![single],
        };
        let mut all = parts(self);
        all.extend(parts(other));
        Self::And(all)
    }

    /// Sessions with one of these outcomes' class.
    pub fn class(class: OutcomeClass) -> Self {
        Self::Test(Test::Class(vec![class]))
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text)
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                part.operand(f)?;
            }
            Ok(())
        };
        match self {
            Self::And(parts) => joined(f, parts, "and"),
            Self::Or(parts) => joined(f, parts, "or"),
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.operand(f)
            }
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl Filter {
    /// The text of a filter inside of another one.
    fn operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            Self::Not(_) | Self::Test(_) => self.fmt(f),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(nets) => list(f, "host", nets.iter().map(network)),
            Self::Client(nets) => list(f, "client", nets.iter().map(network)),
            Self::Server(nets) => list(f, "server", nets.iter().map(network)),
            Self::Port(ports) => list(f, "port", ports),
            Self::ClientPort(ports) => list(f, "client_port", ports),
            Self::Service(names) => list(f, "service", names.iter().map(|name| lex::quoted(name))),
            Self::Exporter(exporters) => list(f, "exporter", exporters),
            Self::Outcome(outcomes) => list(f, "outcome", outcomes),
            Self::Class(classes) => list(f, "class", classes),
            Self::Perspective(perspectives) => list(f, "perspective", perspectives),
            Self::Proto(protos) => list(f, "proto", protos.iter().map(|proto| proto_text(*proto))),
        }
    }
}

impl Ports {
    fn contains(self, port: u16) -> bool {
        (self.low..=self.high).contains(&port)
    }
}

impl Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high { write!(f, "{}", self.low) } else { write!(f, "{}-{}", self.low, self.high) }
    }
}

impl Display for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(net) => f.write_str(&network(net)),
            Self::Name(name) => f.write_str(&lex::quoted(name)),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, field: &str, values: impl IntoIterator<Item = impl Display>) -> fmt::Result {
    f.write_str(field)?;
    for (index, value) in values.into_iter().enumerate() {
        f.write_char(if index == 0 { ' ' } else { ',' })?;
        value.fmt(f)?;
    }
    Ok(())
}

/// Whether an address lies in one of these prefixes; IPv4 counts as v4-mapped.
fn within(nets: &[IpNet], ip: IpAddr) -> bool {
    let key = address_key(ip);
    nets.iter().any(|net| (address_key(net.network())..=address_key(net.broadcast())).contains(&key))
}

fn network(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// Keywords of the IANA protocol registry that may stand for a number.
const PROTOCOLS: [(&str, u8); 9] = [
    ("tcp", 6),
    ("udp", 17),
    ("icmp", 1),
    ("ipv6-icmp", 58),
    ("icmp6", 58),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("sctp", 132),
];

fn proto_text(proto: u8) -> String {
    let known = PROTOCOLS.iter().find(|(_, number)| *number == proto);
    known.map_or_else(|| proto.to_string(), |(name, _)| (*name).to_owned())
}
