//! The time range that a query's filters leave, found in comparisons of `"end"` with literals.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};
use tracker::Micros;

use crate::store::layout::LATEST;

/// The half-open range of `end` outside of which no row passes all `filters`.
pub fn end_bounds(filters: &[Expr]) -> (Micros, Micros) {
    filters.iter().fold((0, LATEST), |range, filter| {
        let (from, to) = bounds(filter).unwrap_or(range);
        (range.0.max(from), range.1.min(to))
    })
}

fn bounds(filter: &Expr) -> Option<(Micros, Micros)> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Some(end_bounds(&[left.as_ref().clone(), right.as_ref().clone()]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (left, right) = (bounds(left)?, bounds(right)?);
            Some((left.0.min(right.0), left.1.max(right.1)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (op, literal) = if is_end(left) { (*op, right) } else { (op.swap()?, is_end(right).then_some(left)?) };
            compared(op, literal)
        }
        Expr::Between(Between { expr, negated: false, low, high }) if is_end(expr) => {
            Some((micros(low)?.0, micros(high)?.1.saturating_add(1)))
        }
        _ => None,
    }
}

fn compared(op: Operator, literal: &Expr) -> Option<(Micros, Micros)> {
    let (floor, ceiling) = micros(literal)?;
    match op {
        Operator::Eq => Some((floor, ceiling.saturating_add(1))),
        Operator::Gt | Operator::GtEq => Some((floor, LATEST)),
        Operator::Lt | Operator::LtEq => Some((0, ceiling.saturating_add(1))),
        _ => None,
    }
}

fn is_end(expr: &Expr) -> bool {
    match expr {
        // Roll-ups have the start of their hour or day.
        Expr::Column(column) => matches!(column.name.as_str(), "end" | "time"),
        Expr::Cast(cast) => is_end(&cast.expr),
        _ => false,
    }
}

/// The literal in microseconds, rounded down and up.
fn micros(expr: &Expr) -> Option<(Micros, Micros)> {
    let Expr::Literal(value, _) = expr else { return None };
    let exact = |value: i64| (value, value);
    Some(match value {
        ScalarValue::TimestampSecond(Some(v), _) => exact(v.saturating_mul(1_000_000)),
        ScalarValue::TimestampMillisecond(Some(v), _) => exact(v.saturating_mul(1_000)),
        ScalarValue::TimestampMicrosecond(Some(v), _) => exact(*v),
        ScalarValue::TimestampNanosecond(Some(v), _) => (v.div_euclid(1_000), v.div_euclid(1_000) + 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{ident, lit};

    use super::*;
    use crate::store::filter::time_literal;

    #[test]
    fn ranges_narrow_and_alternatives_widen() {
        let after = |time| ident("end").gt_eq(time_literal(time));
        let before = |time| ident("end").lt(time_literal(time));
        assert_eq!(end_bounds(&[]), (0, LATEST));
        assert_eq!(end_bounds(&[after(5), before(9), ident("proto").eq(lit(6u8))]), (5, 10));
        assert_eq!(end_bounds(&[after(5).and(before(9)).or(after(100).and(before(200)))]), (5, 201));
        assert_eq!(end_bounds(&[after(5).or(ident("proto").eq(lit(6u8)))]), (0, LATEST));
        assert_eq!(end_bounds(&[time_literal(7).lt_eq(ident("end"))]), (7, LATEST));
    }
}
