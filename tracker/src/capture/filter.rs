//! What the kernel lets through to a capture: a small filter language, compiled to classic BPF.
//!
//! Primitives: `ip`, `ip6`, `tcp`, `udp`, `icmp`, `icmp6`, `sctp`, `proto N`, `[src|dst] host A`, `[src|dst] net P`,
//! `[src|dst] port N[-M]`, `vlan [N]`; joined by `and`, `or`, `not` and parentheses. Behind IPv6 extension headers and in
//! later fragments ports are not found. Must not know sockets.

mod code;
mod parse;

pub use code::Instruction;

use crate::parse::LinkType;

/// Which side of a packet a primitive looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
    Either,
}

/// A filter expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Ip,
    Ip6,
    Protocol(u8),
    Net(Side, ipnet::IpNet),
    Ports(Side, u16, u16),
    Vlan(Option<u16>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

/// Why a filter could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The text is no filter.
    #[error("filter {text:?}: {problem}")]
    Syntax {
        /// The filter.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// The program is longer than the kernel takes.
    #[error("the filter needs {0} instructions, the kernel takes 4096")]
    TooLong(usize),
}

/// A filter, ready to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Expression(Expression),
    Program(Vec<Instruction>),
}

impl Filter {
    /// Reads a filter expression.
    ///
    /// # Errors
    /// The text is none.
    pub fn new(text: &str) -> Result<Self, FilterError> {
        let expression =
            parse::expression(text).map_err(|problem| FilterError::Syntax { text: text.to_owned(), problem })?;
        Ok(Self { kind: Kind::Expression(expression) })
    }

    /// Reads a ready program, as `tcpdump -ddd` prints it: the number of instructions, then one per line.
    ///
    /// # Errors
    /// The text is none.
    pub fn from_program(text: &str) -> Result<Self, FilterError> {
        let program = parse::program(text).map_err(|problem| FilterError::Syntax { text: text.to_owned(), problem })?;
        Ok(Self { kind: Kind::Program(program) })
    }

    /// The program for interfaces of this link type.
    ///
    /// # Errors
    /// It is too long.
    pub fn program(&self, _link: LinkType) -> Result<Vec<Instruction>, FilterError> {
        let program = match &self.kind {
            Kind::Program(program) => program.clone(),
            // Network header and protocol are the kernel's own: the link layer does not matter.
            Kind::Expression(expression) => code::compile(expression),
        };
        if program.len() > 4096 { Err(FilterError::TooLong(program.len())) } else { Ok(program) }
    }
}

#[cfg(test)]
mod tests;
