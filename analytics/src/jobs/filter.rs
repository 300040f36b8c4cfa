//! From the query DSL to filters of DataFusion, with Elasticsearch's meaning: a condition holds or it does not.
//!
//! Owns what each kind of query means for each kind of column. Must not know detectors.

use datafusion::common::ScalarValue;
use datafusion::functions::regex::expr_fn::regexp_like;
use datafusion::functions::string::expr_fn::{lower, starts_with};
use datafusion::logical_expr::expr::Like;
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit, when};
use jobs::json::{Node, ReadError};
use jobs::query::{Bool, Match, Pattern, PatternKind, Query, Range, Relation, Scalar, Term, lucene};
use serde_json::Value;

use super::columns::{Column, Kind, Missing, column};
use super::pattern;
use super::values::{address_range, networks, number, time};
use crate::query::functions::cidr_match;

/// Turns queries into filters, and notes what is true of every session.
#[derive(Debug, Default)]
pub struct Compiler {
    /// What the user should know, though it can be run.
    pub notes: Vec<String>,
}

/// A refusal at a place.
fn refuse(path: &str, problem: impl Into<String>) -> ReadError {
    Node::at(&Value::Null, path).refuse(problem)
}

fn keyed(path: &str, field: &str) -> String {
    format!("{path}[{}]", Value::from(field))
}

impl Compiler {
    /// The filter of a query that stands at `path`.
    ///
    /// # Errors
    /// What cannot be run, with the reason.
    pub fn query(&mut self, query: &Query, path: &str) -> Result<Expr, ReadError> {
        let within = |name: &str| format!("{path}.{name}");
        match query {
            Query::MatchAll => Ok(lit(true)),
            Query::MatchNone => Ok(lit(false)),
            Query::Bool(parts) => self.bool(parts, &within("bool")),
            Query::ConstantScore(inner) => self.query(inner, &within("constant_score.filter")),
            Query::Term(term) => term_of(term, &within("term")),
            Query::Terms { field, values } => equal(field, values, false, &within("terms")),
            Query::Exists { field } => self.exists(field, &within("exists")),
            Query::Range(range) => range_of(range, &within("range")),
            Query::Match(Match { field, query, lenient, .. }) => {
                equal(field, std::slice::from_ref(query), *lenient == Some(true), &within("match"))
            }
            Query::MatchPhrase { field, query, .. } => {
                equal(field, std::slice::from_ref(query), false, &within("match_phrase"))
            }
            Query::MultiMatch(multi) => {
                if multi.fields.is_empty() {
                    return Err(refuse(&within("multi_match"), "needs fields"));
                }
                if let Some(kind) = multi.kind.as_deref().filter(|kind| kind.contains("prefix")) {
                    return Err(refuse(&within("multi_match"), format!("type {kind:?} cannot be run")));
                }
                self.query(&lucene::spread(multi), &within("multi_match"))
            }
            Query::Pattern(found) => pattern_of(found, path),
            Query::QueryString(text) => {
                let path = within("query_string");
                let query = lucene::parse(text).map_err(|problem| refuse(&path, problem))?;
                self.query(&query, &path)
            }
            Query::Ids { .. } => Err(refuse(&within("ids"), "sessions have no document ids")),
            Query::Nested { .. } => Err(refuse(&within("nested"), "sessions have no nested objects")),
        }
    }

    fn bool(&mut self, parts: &Bool, path: &str) -> Result<Expr, ReadError> {
        let mut list = |name: &str, queries: &[Query]| -> Result<Vec<Expr>, ReadError> {
            let one = |(index, query): (usize, &Query)| self.query(query, &format!("{path}.{name}[{index}]"));
            queries.iter().enumerate().map(one).collect()
        };
        let mut must = list("must", &parts.must)?;
        must.extend(list("filter", &parts.filter)?);
        let should = list("should", &parts.should)?;
        let must_not = list("must_not", &parts.must_not)?;
        let least = least(parts, path)?;
        if least > 0 {
            must.push(at_least(least as usize, should));
        }
        must.extend(must_not.into_iter().map(|expr| !expr));
        Ok(balanced(must, Operator::And).unwrap_or_else(|| lit(true)))
    }

    fn exists(&mut self, field: &str, path: &str) -> Result<Expr, ReadError> {
        match column(field) {
            Ok(found) => Ok(if found.nullable { found.expr.is_not_null() } else { lit(true) }),
            Err(missing @ Missing::Absent(_)) => {
                // As in Elasticsearch, what no document carries does not exist.
                self.note(format!("{} (so it never exists)", missing.refusal(field)));
                Ok(lit(false))
            }
            Err(missing) => Err(refuse(&format!("{path}.field"), missing.refusal(field))),
        }
    }

    /// Notes something once.
    pub fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The column of a field that stands at `path`.
fn column_at(field: &str, path: &str) -> Result<Column, ReadError> {
    column(field).map_err(|missing| refuse(&keyed(path, field), missing.refusal(field)))
}

fn term_of(term: &Term, path: &str) -> Result<Expr, ReadError> {
    let Term { field, value, case_insensitive } = term;
    let found = column_at(field, path)?;
    if *case_insensitive == Some(true) && found.kind == Kind::Text {
        let equal = lower(found.expr).eq(lit(text_of(value).to_lowercase()));
        return Ok(holds(equal, found.nullable));
    }
    equal(field, std::slice::from_ref(value), false, path)
}

/// The field has one of these values; an address lies in one of these prefixes.
fn equal(field: &str, values: &[Scalar], lenient: bool, path: &str) -> Result<Expr, ReadError> {
    let Column { expr, kind, nullable } = column_at(field, path)?;
    let wrong = |value: &Scalar| {
        let problem = format!("{:?} is not {}, as field {field:?} is", text_of(value), kind.name());
        refuse(&keyed(path, field), problem)
    };
    let any = match kind {
        Kind::Text => in_list(&expr, values.iter().map(|value| lit(text_of(value))).collect()),
        Kind::Number => {
            let numbers: Vec<Option<Expr>> = values.iter().map(number).collect();
            let known: Option<Vec<Expr>> = numbers.iter().cloned().collect();
            match known {
                Some(known) => in_list(&expr, known),
                None if lenient => in_list(&expr, numbers.into_iter().flatten().collect()),
                None => {
                    let odd = values.iter().find(|value| number(value).is_none());
                    return Err(odd.map_or_else(|| refuse(path, "expected numbers"), wrong));
                }
            }
        }
        Kind::Flag => {
            let mut any = Vec::new();
            for value in values {
                match text_of(value).as_str() {
                    "true" => any.push(expr.clone()),
                    "false" => any.push(!expr.clone()),
                    _ if lenient => {}
                    _ => return Err(wrong(value)),
                }
            }
            balanced(any, Operator::Or)
        }
        Kind::Address => {
            let texts: Vec<String> = values.iter().map(text_of).collect();
            let known = networks(&texts).map_err(|odd| wrong(&Scalar::Text(odd)));
            if lenient && known.is_err() { None } else { address_range(&expr, &known?) }
        }
        Kind::AddressText => {
            let texts: Vec<String> = values.iter().map(text_of).collect();
            networks(&texts).map_err(|odd| wrong(&Scalar::Text(odd)))?;
            let one = |text: &String| cidr_match().call(vec![expr.clone(), lit(text.clone())]);
            balanced(texts.iter().map(one).collect(), Operator::Or)
        }
        Kind::Time => {
            let mut any = Vec::new();
            for value in values {
                any.push(expr.clone().eq(time(value, None).map_err(|problem| refuse(path, problem))?));
            }
            balanced(any, Operator::Or)
        }
    };
    let nullable = nullable || kind == Kind::AddressText;
    Ok(any.map_or_else(|| lit(false), |any| holds(any, nullable)))
}

fn range_of(range: &Range, path: &str) -> Result<Expr, ReadError> {
    let field = &range.field;
    let Column { expr, kind, nullable } = column_at(field, path)?;
    let at = keyed(path, field);
    if range.relation == Some(Relation::Contains) {
        return Err(refuse(&at, "relation \"contains\" is for fields that hold ranges"));
    }
    if range.time_zone.as_deref().is_some_and(|zone| !matches!(zone, "UTC" | "Z" | "+00:00")) {
        return Err(refuse(&at, "only time_zone UTC can be run"));
    }
    let bound = |value: &Scalar| -> Result<Expr, ReadError> {
        let wrong = || refuse(&at, format!("bound {:?} is not {}", text_of(value), kind.name()));
        match kind {
            Kind::Text => Ok(lit(text_of(value))),
            Kind::Number => number(value).ok_or_else(wrong),
            Kind::Address => {
                let address = text_of(value).parse::<std::net::IpAddr>().map_err(|_| wrong())?;
                Ok(lit(ScalarValue::Binary(Some(tracker::locality::address_key(address).to_be_bytes().to_vec()))))
            }
            Kind::Time => time(value, range.format.as_deref()).map_err(|problem| refuse(&at, problem)),
            Kind::Flag | Kind::AddressText => Err(refuse(&at, format!("field {field:?} has no order"))),
        }
    };
    let mut all = Vec::new();
    let sides = [
        (&range.gt, Operator::Gt),
        (&range.gte, Operator::GtEq),
        (&range.lt, Operator::Lt),
        (&range.lte, Operator::LtEq),
    ];
    for (value, operator) in sides {
        if let Some(value) = value {
            all.push(binary_expr(expr.clone(), operator, bound(value)?));
        }
    }
    let all = balanced(all, Operator::And);
    Ok(all.map_or_else(|| if nullable { expr.is_not_null() } else { lit(true) }, |all| holds(all, nullable)))
}

fn pattern_of(found: &Pattern, path: &str) -> Result<Expr, ReadError> {
    let name = match found.kind {
        PatternKind::Prefix => "prefix",
        PatternKind::Wildcard => "wildcard",
        PatternKind::Regexp => "regexp",
    };
    let path = format!("{path}.{name}");
    let Column { expr, kind, nullable } = column_at(&found.field, &path)?;
    let at = keyed(&path, &found.field);
    if !matches!(kind, Kind::Text | Kind::AddressText) {
        let hint = if kind == Kind::Address { "; use a term with a prefix such as 10.0.0.0/8" } else { "" };
        return Err(refuse(&at, format!("{name} is for text, and field {:?} is {}{hint}", found.field, kind.name())));
    }
    let insensitive = found.case_insensitive == Some(true);
    let matched = match found.kind {
        PatternKind::Prefix if insensitive => starts_with(lower(expr), lit(found.value.to_lowercase())),
        PatternKind::Prefix => starts_with(expr, lit(found.value.clone())),
        PatternKind::Wildcard => {
            let like = lit(pattern::like(&found.value));
            Expr::Like(Like::new(false, Box::new(expr), Box::new(like), Some('\\'), insensitive))
        }
        PatternKind::Regexp => {
            let regex = pattern::regex(&found.value, found.flags.as_deref(), insensitive);
            let regex = regex.map_err(|problem| refuse(&at, problem))?;
            regexp_like(expr, lit(regex), None)
        }
    };
    Ok(holds(matched, nullable))
}

/// How many of `should` have to match.
fn least(parts: &Bool, path: &str) -> Result<u64, ReadError> {
    let count = parts.should.len() as i64;
    let needed = match &parts.minimum_should_match {
        None if count > 0 && parts.must.is_empty() && parts.filter.is_empty() => 1,
        None => 0,
        Some(text) => {
            let text = text_of(text);
            let wrong =
                || refuse(&format!("{path}.minimum_should_match"), format!("{text:?} is no count and no percentage"));
            match text.strip_suffix('%') {
                Some(percent) => {
                    let percent: i64 = percent.trim().parse().map_err(|_| wrong())?;
                    let share = percent.saturating_abs().min(100) * count / 100;
                    if percent < 0 { count - share } else { share }
                }
                None => {
                    let given: i64 = text.trim().parse().map_err(|_| wrong())?;
                    if given < 0 { count + given.max(-count) } else { given }
                }
            }
        }
    };
    Ok(needed.max(0) as u64)
}

/// At least so many hold.
fn at_least(least: usize, parts: Vec<Expr>) -> Expr {
    if least > parts.len() {
        return lit(false);
    }
    if least == 1 {
        return balanced(parts, Operator::Or).unwrap_or_else(|| lit(false));
    }
    if least == parts.len() {
        return balanced(parts, Operator::And).unwrap_or_else(|| lit(true));
    }
    let one = |part: Expr| when(part, lit(1_i64)).otherwise(lit(0_i64)).unwrap_or_else(|_| lit(0_i64));
    let sum = balanced(parts.into_iter().map(one).collect(), Operator::Plus).unwrap_or_else(|| lit(0_i64));
    sum.gt_eq(lit(least as i64))
}

/// A condition on a column without a value does not hold.
fn holds(condition: Expr, nullable: bool) -> Expr {
    if nullable { condition.is_true() } else { condition }
}

fn in_list(expr: &Expr, mut values: Vec<Expr>) -> Option<Expr> {
    match values.len() {
        0 => None,
        1 => Some(expr.clone().eq(values.remove(0))),
        _ => Some(expr.clone().in_list(values, false)),
    }
}

/// The parts joined in a tree whose depth is the logarithm of their number.
pub fn balanced(mut parts: Vec<Expr>, operator: Operator) -> Option<Expr> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            next.push(match rest.next() {
                Some(right) => binary_expr(left, operator, right),
                None => left,
            });
        }
        parts = next;
    }
    parts.pop()
}

/// A value as text.
pub fn text_of(value: &Scalar) -> String {
    match value {
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}
