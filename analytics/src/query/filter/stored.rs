//! A filter as a condition over the stored columns of sessions.
//!
//! Owns what each test means in columns; conditions on addresses and ports become ranges that Parquet statistics answer.

use datafusion::logical_expr::{Expr, ident, lit};

use super::{Exporter, Filter, Ports, Test, network};
use crate::query::address::in_network;
use crate::query::functions::reported_by;

impl Filter {
    /// The condition over the columns of [`tracker::session_schema`]. It is never null.
    pub(crate) fn expr(&self) -> Expr {
        match self {
            Self::And(parts) => balanced(parts.iter().map(Self::expr).collect(), Expr::and),
            Self::Or(parts) => balanced(parts.iter().map(Self::expr).collect(), Expr::or),
            Self::Not(inner) => !inner.expr(),
            Self::Test(test) => test.expr(),
        }
    }
}

impl Test {
    fn expr(&self) -> Expr {
        match self {
            Self::Host(nets) => any(nets, |net| in_network("client_ip", *net).or(in_network("server_ip", *net))),
            Self::Client(nets) => any(nets, |net| in_network("client_ip", *net)),
            Self::Server(nets) => any(nets, |net| in_network("server_ip", *net)),
            Self::Port(ports) => any(ports, |range| range.expr("server_port")),
            Self::ClientPort(ports) => any(ports, |range| range.expr("client_port")),
            Self::Service(names) => {
                ident("service").is_not_null().and(any(names, |name| ident("service").eq(lit(name.as_str()))))
            }
            Self::Exporter(exporters) => any(exporters, exporter),
            Self::Outcome(outcomes) => any(outcomes, |outcome| ident("outcome").eq(lit(outcome.as_str()))),
            Self::Class(classes) => any(classes, |class| ident("outcome_class").eq(lit(class.as_str()))),
            Self::Perspective(names) => any(names, |name| ident("perspective").eq(lit(name.as_str()))),
            Self::Proto(protos) => any(protos, |proto| ident("proto").eq(lit(*proto))),
        }
    }
}

impl Ports {
    fn expr(self, column: &str) -> Expr {
        if self.low == self.high {
            return ident(column).eq(lit(self.low));
        }
        ident(column).gt_eq(lit(self.low)).and(ident(column).lt_eq(lit(self.high)))
    }
}

/// Reported by this exporter, alone or among others.
fn exporter(exporter: &Exporter) -> Expr {
    let pattern = match exporter {
        Exporter::Network(net) => network(net),
        Exporter::Name(name) => name.clone(),
    };
    let among = |column: &str| reported_by().call(vec![ident(column), lit(pattern.as_str())]);
    among("observer").or(ident("observers").is_not_null().and(among("observers")))
}

fn any<T>(values: &[T], test: impl Fn(&T) -> Expr) -> Expr {
    balanced(values.iter().map(test).collect(), Expr::or)
}

/// Joined as a tree of little depth, because plans are walked recursively.
fn balanced(mut parts: Vec<Expr>, join: fn(Expr, Expr) -> Expr) -> Expr {
    while parts.len() > 1 {
        let mut rest = parts.into_iter();
        let mut joined = Vec::new();
        while let Some(left) = rest.next() {
            joined.push(match rest.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
        parts = joined;
    }
    parts.pop().unwrap_or_else(|| lit(true))
}
