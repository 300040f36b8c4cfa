//! Filters on address text, turned into ranges of the stored 16-byte values.
//!
//! `client_ip = '10.0.0.1'`, `IN`, `cidr_match` and any AND, OR, NOT of these; what cannot be turned stays text.

use std::net::IpAddr;

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, ident, lit};
use ipnet::IpNet;
use tracker::locality::address_key;

use crate::query::functions::CIDR_MATCH;

/// Columns that hold addresses.
pub const ADDRESS_COLUMNS: [&str; 2] = ["client_ip", "server_ip"];

/// A prefix from text: an address alone is the prefix of that address.
pub fn parse_network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The stored column lies within the prefix.
pub fn in_network(column: &str, network: IpNet) -> Expr {
    let bytes = |address: IpAddr| lit(ScalarValue::Binary(Some(address_key(address).to_be_bytes().to_vec())));
    let (low, high) = (network.network(), network.broadcast());
    if low == high {
        return ident(column).eq(bytes(low));
    }
    ident(column).gt_eq(bytes(low)).and(ident(column).lt_eq(bytes(high)))
}

/// The filter over stored columns, `None` where it uses the text of an address in another way.
pub fn stored_form(filter: &Expr) -> Option<Expr> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let (left, right) = (stored_form(left)?, stored_form(right)?);
            Some(if *op == Operator::And { left.and(right) } else { left.or(right) })
        }
        Expr::Not(inner) => Some(!stored_form(inner)?),
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Eq | Operator::NotEq), right }) => {
            let sides = address_column(left).zip(text(right)).or_else(|| address_column(right).zip(text(left)));
            let Some((column, value)) = sides else { return without_addresses(filter) };
            let equal = equals(column, value);
            Some(if *op == Operator::Eq { equal } else { !equal })
        }
        Expr::InList(InList { expr, list, negated }) => {
            let Some(column) = address_column(expr) else { return without_addresses(filter) };
            let values: Option<Vec<&str>> = list.iter().map(text).collect();
            let any = values?.into_iter().map(|value| equals(column, value)).reduce(Expr::or)?;
            Some(if *negated { !any } else { any })
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == CIDR_MATCH => {
            let column = address_column(args.first()?)?;
            Some(in_network(column, parse_network(text(args.get(1)?)?)?))
        }
        _ => without_addresses(filter),
    }
}

fn equals(column: &str, value: &str) -> Expr {
    value
        .parse::<IpAddr>()
        .map_or_else(|_| lit(false), |address| in_network(column, IpNet::from(address.to_canonical())))
}

fn address_column(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Column(column) => ADDRESS_COLUMNS.into_iter().find(|name| *name == column.name),
        Expr::Cast(cast) => address_column(&cast.expr),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// The filter unchanged, if it does not look at addresses (nor at another table's columns by way of a sub-query).
fn without_addresses(filter: &Expr) -> Option<Expr> {
    let mut plain = true;
    let walk = filter.apply(|part| {
        plain &= match part {
            Expr::Column(column) => !ADDRESS_COLUMNS.contains(&column.name.as_str()),
            Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) => false,
            _ => true,
        };
        Ok(TreeNodeRecursion::Continue)
    });
    (walk.is_ok() && plain).then(|| unqualified(filter))
}

/// The filter with column names free of table names, as the stored schema has them.
fn unqualified(filter: &Expr) -> Expr {
    let strip = |part: Expr| {
        Ok(match part {
            Expr::Column(column) => datafusion::common::tree_node::Transformed::yes(ident(column.name)),
            other => datafusion::common::tree_node::Transformed::no(other),
        })
    };
    filter.clone().transform(strip).map_or_else(|_| filter.clone(), |done| done.data)
}
