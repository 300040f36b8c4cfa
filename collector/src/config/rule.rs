//! Settings that hold for some addresses: `192.0.2.0/24=100`, `10.0.0.0/8=tcp/8443`.
//!
//! Owns how they are written; must not know what they mean.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value for the addresses of a prefix, written `PREFIX=VALUE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct For<T> {
    /// Where it holds.
    pub prefix: IpNet,
    /// What holds.
    pub value: T,
}

/// A port of a transport, written `tcp/443`, or `443` for any transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// IANA protocol number, any when absent.
    pub proto: Option<u8>,
    /// Number.
    pub port: u16,
}

/// A port everywhere or at some addresses, written `tcp/443` or `10.0.0.0/8=tcp/443`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Where; everywhere when absent.
    pub prefix: Option<IpNet>,
    /// Which port.
    pub port: Port,
}

/// Names of transports with ports, and their IANA numbers.
const TRANSPORTS: [(&str, u8); 4] = [("tcp", 6), ("udp", 17), ("sctp", 132), ("dccp", 33)];

fn prefix(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let host = || text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address));
    text.parse().ok().or_else(host).ok_or_else(|| format!("{text:?} is no address or prefix"))
}

impl<T: FromStr> FromStr for For<T>
where
    T::Err: fmt::Display,
{
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (left, right) = text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form PREFIX=VALUE"))?;
        let value = right.trim().parse().map_err(|error| format!("{right:?}: {error}"))?;
        Ok(Self { prefix: prefix(left)?, value })
    }
}

impl<T: fmt::Display> fmt::Display for For<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.prefix, self.value)
    }
}

impl FromStr for Port {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (proto, number) = match text.trim().split_once('/') {
            None => (None, text),
            Some((name, number)) => {
                let known = TRANSPORTS.iter().find(|(known, _)| *known == name);
                (Some(known.ok_or_else(|| format!("{name:?} is none of tcp, udp, sctp, dccp"))?.1), number)
            }
        };
        let port = number.trim().parse().map_err(|_| format!("{number:?} is no port"))?;
        Ok(Self { proto, port })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TRANSPORTS.iter().find(|(_, number)| Some(*number) == self.proto) {
            Some((name, _)) => write!(f, "{name}/{}", self.port),
            None => write!(f, "{}", self.port),
        }
    }
}

impl FromStr for Service {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None => Ok(Self { prefix: None, port: text.parse()? }),
            Some((left, right)) => Ok(Self { prefix: Some(prefix(left)?), port: right.parse()? }),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(prefix) = self.prefix {
            write!(f, "{prefix}=")?;
        }
        write!(f, "{}", self.port)
    }
}

macro_rules! as_text {
    ($name:ty $(, $generic:ident: $bound:path)?) => {
        impl$(<$generic: fmt::Display>)? Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de $(, $generic: $bound)?> Deserialize<'de> for $name
        where
            Self: FromStr<Err = String>,
        {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(For<T>, T: FromStr);
as_text!(Service);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_back_as_they_are_written() {
        for text in ["192.0.2.0/24=100", "2001:db8::/32=1"] {
            assert_eq!(text.parse::<For<u32>>().unwrap().to_string(), text);
        }
        for text in ["tcp/8443", "9000", "10.0.0.0/8=udp/53"] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
        }
        assert_eq!("192.0.2.7 = 10".parse::<For<u32>>().unwrap().to_string(), "192.0.2.7/32=10");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rule = |text: &str| text.parse::<For<u32>>().unwrap_err();
        assert!(rule("192.0.2.0/24").contains("PREFIX=VALUE"));
        assert!(rule("192.0.2.300=1").contains("192.0.2.300"));
        assert!(rule("192.0.2.0/24=many").contains("many"));
        let service = |text: &str| text.parse::<Service>().unwrap_err();
        assert!(service("icmp/8").contains("icmp") && service("tcp/70000").contains("70000"));
    }
}
