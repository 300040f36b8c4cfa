//! Which sessions a reader wants, and the filter as an expression over the stored columns.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ident, lit};
use ipnet::IpNet;
use tracker::{Micros, Outcome, OutcomeClass, Perspective};

use crate::query::address::in_network;
use crate::query::filter::Filter;

/// Which sessions are wanted: all conditions that are set hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFilter {
    /// Ends at or after this, microseconds.
    pub from: Micros,
    /// Ends before this, microseconds.
    pub to: Micros,
    /// Perspective.
    pub perspective: Option<Perspective>,
    /// Outcome.
    pub outcome: Option<Outcome>,
    /// Class of the outcome.
    pub class: Option<OutcomeClass>,
    /// Client within this prefix.
    pub client: Option<IpNet>,
    /// Server within this prefix.
    pub server: Option<IpNet>,
    /// Server port.
    pub server_port: Option<u16>,
    /// Observer (exporter address or interface).
    pub observer: Option<String>,
    /// IANA protocol number.
    pub proto: Option<u8>,
    /// What else must hold.
    pub filter: Option<Filter>,
}

impl SessionFilter {
    /// Everything that ended in `from..to`.
    pub fn between(from: Micros, to: Micros) -> Self {
        Self {
            from,
            to,
            perspective: None,
            outcome: None,
            class: None,
            client: None,
            server: None,
            server_port: None,
            observer: None,
            proto: None,
            filter: None,
        }
    }

    /// The filter over the columns of [`tracker::session_schema`].
    pub(crate) fn expr(&self) -> Expr {
        let time = ident("end").gt_eq(time_literal(self.from)).and(ident("end").lt(time_literal(self.to)));
        match self.timeless() {
            Expr::Literal(..) => time,
            conditions => time.and(conditions),
        }
    }

    /// The same without the range of time.
    pub(crate) fn timeless(&self) -> Expr {
        let equals = |name: &str, value: Option<Expr>| value.map(|value| ident(name).eq(value));
        let conditions = [
            equals("perspective", self.perspective.map(|p| lit(p.as_str()))),
            equals("outcome", self.outcome.map(|o| lit(o.as_str()))),
            equals("outcome_class", self.class.map(|c| lit(c.as_str()))),
            self.client.map(|net| in_network("client_ip", net)),
            self.server.map(|net| in_network("server_ip", net)),
            equals("server_port", self.server_port.map(lit)),
            equals("observer", self.observer.as_deref().map(lit)),
            equals("proto", self.proto.map(lit)),
            self.filter.as_ref().map(Filter::expr),
        ];
        conditions.into_iter().flatten().fold(lit(true), |all, condition| match all {
            Expr::Literal(..) => condition,
            all => all.and(condition),
        })
    }
}

/// A moment as a literal of the stored time type.
pub(crate) fn time_literal(time: Micros) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time), Some("UTC".into())))
}
