//! From scripts to expressions.

use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::functions::math::expr_fn as math;
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit, when};
use jobs::aggregation::script::{Function, Operator as Sign, Script};

/// What a parameter stands for, as a number.
pub(crate) type Resolve<'a> = &'a dyn Fn(&str) -> Expr;

/// The value of a script, none where it is no finite number.
pub(crate) fn value(script: &Script, resolve: Resolve<'_>) -> Expr {
    let number = number(script, resolve);
    let finite = math::isnan(number.clone()).is_not_true();
    when(finite, number).end().unwrap_or_else(|_| lit(ScalarValue::Float64(None)))
}

fn number(script: &Script, of: Resolve<'_>) -> Expr {
    let call = |arguments: &[Script]| arguments.iter().map(|part| number(part, of)).collect::<Vec<_>>();
    match script {
        Script::Number(number) => lit(*number),
        Script::Param(name) => of(name),
        Script::Negative(inner) => lit(0.0) - number(inner, of),
        Script::Binary(sign, left, right) if is_arithmetic(*sign) => {
            let (left, right) = (number(left, of), number(right, of));
            match sign {
                Sign::Add => left + right,
                Sign::Subtract => left - right,
                Sign::Multiply => left * right,
                Sign::Remainder => left % nullif(right, lit(0.0)),
                _ => left / nullif(right, lit(0.0)),
            }
        }
        Script::Choice(test, yes, no) => {
            let choice = when(truth(test, of), number(yes, of)).otherwise(number(no, of));
            choice.unwrap_or_else(|_| lit(ScalarValue::Float64(None)))
        }
        Script::Call(function, arguments) => {
            let mut arguments = call(arguments);
            let first = arguments.remove(0);
            match function {
                Function::Abs => math::abs(first),
                Function::Sqrt => math::sqrt(first),
                Function::Log => math::ln(first),
                Function::Log10 => math::log10(first),
                Function::Floor => math::floor(first),
                Function::Ceil => math::ceil(first),
                Function::Round => math::round(vec![first]),
                Function::Pow => math::power(first, arguments.remove(0)),
                Function::Max | Function::Min => {
                    let second = arguments.remove(0);
                    let sign = if *function == Function::Max { Operator::GtEq } else { Operator::LtEq };
                    let test = binary_expr(first.clone(), sign, second.clone());
                    when(test, first).otherwise(second).unwrap_or_else(|_| lit(ScalarValue::Float64(None)))
                }
            }
        }
        Script::Not(_) | Script::Binary(..) => {
            let one = when(truth(script, of), lit(1.0)).otherwise(lit(0.0));
            one.unwrap_or_else(|_| lit(0.0))
        }
    }
}

const fn is_arithmetic(sign: Sign) -> bool {
    matches!(sign, Sign::Add | Sign::Subtract | Sign::Multiply | Sign::Divide | Sign::Remainder)
}

pub(crate) fn truth(script: &Script, of: Resolve<'_>) -> Expr {
    let compare = |left, operator, right| binary_expr(number(left, of), operator, number(right, of));
    match script {
        Script::Not(inner) => !truth(inner, of),
        Script::Binary(Sign::And, left, right) => truth(left, of).and(truth(right, of)),
        Script::Binary(Sign::Or, left, right) => truth(left, of).or(truth(right, of)),
        Script::Binary(Sign::Less, left, right) => compare(left, Operator::Lt, right),
        Script::Binary(Sign::LessOrEqual, left, right) => compare(left, Operator::LtEq, right),
        Script::Binary(Sign::Greater, left, right) => compare(left, Operator::Gt, right),
        Script::Binary(Sign::GreaterOrEqual, left, right) => compare(left, Operator::GtEq, right),
        Script::Binary(Sign::Equal, left, right) => compare(left, Operator::Eq, right),
        Script::Binary(Sign::NotEqual, left, right) => compare(left, Operator::NotEq, right),
        other => number(other, of).not_eq(lit(0.0)),
    }
}
