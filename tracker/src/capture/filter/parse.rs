//! Reading filter expressions: `not` binds closer than `and`, `and` closer than `or`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Expression, Instruction, Side};
use crate::packet::proto;

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: usize = 64;

struct Words<'a> {
    list: Vec<&'a str>,
    at: usize,
    depth: usize,
}

pub(super) fn expression(text: &str) -> Result<Expression, String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace("&&", " and ").replace("||", " or ");
    let spaced = spaced.replace('!', " not ");
    let mut words = Words { list: spaced.split_whitespace().collect(), at: 0, depth: 0 };
    let found = words.or()?;
    match words.next() {
        None => Ok(found),
        Some(word) => Err(format!("unexpected {word:?}")),
    }
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.list.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        self.at += 1;
        self.list.get(self.at - 1).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.take("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.take("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("nested too deep".to_owned());
        }
        let found = if self.take("not") {
            Expression::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.or()?;
            if !self.take(")") {
                return Err("a parenthesis is not closed".to_owned());
            }
            inner
        } else {
            self.primitive()?
        };
        self.depth -= 1;
        Ok(found)
    }

    fn primitive(&mut self) -> Result<Expression, String> {
        let side = match self.peek() {
            Some("src") => Side::Source,
            Some("dst") => Side::Destination,
            _ => Side::Either,
        };
        self.at += usize::from(side != Side::Either);
        let word = self.next().ok_or("the filter ends too early")?;
        if side != Side::Either && !matches!(word, "host" | "net" | "port") {
            return Err(format!("expected \"host\", \"net\" or \"port\", found {word:?}"));
        }
        Ok(match word {
            "ip" => Expression::Ip,
            "ip6" => Expression::Ip6,
            "tcp" => Expression::Protocol(proto::TCP),
            "udp" => Expression::Protocol(proto::UDP),
            "icmp" => Expression::Protocol(proto::ICMP),
            "icmp6" => Expression::Protocol(proto::ICMP6),
            "sctp" => Expression::Protocol(proto::SCTP),
            "proto" => Expression::Protocol(self.value("a protocol number")?),
            "host" => Expression::Net(side, self.value::<IpAddr>("an address")?.into()),
            "net" => Expression::Net(side, self.value::<IpNet>("a prefix")?.trunc()),
            "port" => {
                let text = self.next().unwrap_or("");
                let (low, high) = text.split_once('-').unwrap_or((text, text));
                match (low.parse(), high.parse()) {
                    (Ok(low), Ok(high)) if low <= high => Expression::Ports(side, low, high),
                    _ => return Err(format!("no port or range of ports: {text:?}")),
                }
            }
            "vlan" => match self.peek().and_then(|word| word.parse().ok()) {
                Some(id) if id < 4096 => {
                    self.at += 1;
                    Expression::Vlan(Some(id))
                }
                Some(id) => return Err(format!("no VLAN id: {id}")),
                None => Expression::Vlan(None),
            },
            other => return Err(format!("unknown word {other:?}")),
        })
    }

    fn value<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next().unwrap_or("");
        word.parse().map_err(|_| format!("expected {what}, found {word:?}"))
    }
}

/// Reads a program: a count, then `code jt jf k` for each instruction.
pub(super) fn program(text: &str) -> Result<Vec<Instruction>, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let count: usize = lines.next().and_then(|line| line.parse().ok()).ok_or("it does not begin with a count")?;
    let mut program = Vec::new();
    for line in lines {
        let mut fields = line.split_whitespace();
        let mut field = || fields.next().and_then(|field| field.parse::<u32>().ok());
        let (Some(code), Some(jt), Some(jf), Some(k)) = (field(), field(), field(), field()) else {
            return Err(format!("no instruction: {line:?}"));
        };
        let narrow = |value: u32| u8::try_from(value).map_err(|_| format!("no instruction: {line:?}"));
        let code = u16::try_from(code).map_err(|_| format!("no instruction: {line:?}"))?;
        program.push(Instruction { code, jt: narrow(jt)?, jf: narrow(jf)?, k });
    }
    if program.len() != count || count == 0 {
        return Err(format!("{count} instructions announced, {} found", program.len()));
    }
    Ok(program)
}
