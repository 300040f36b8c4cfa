//! Values of queries as literals: numbers, moments, addresses and prefixes.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Operator, lit};
use ipnet::IpNet;
use jobs::query::Scalar;
use tracker::locality::address_key;

use super::filter::{balanced, text_of};
use crate::query::address::parse_network;

/// A number, `None` for what is none.
pub fn number(value: &Scalar) -> Option<Expr> {
    let text = text_of(value);
    if let Ok(whole) = text.parse::<i64>() {
        return Some(lit(whole));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(lit)
}

/// A moment: RFC 3339, a date with or without a time (UTC), or a number in the format's unit (milliseconds unless told).
///
/// # Errors
/// Why it is none.
pub fn time(value: &Scalar, format: Option<&str>) -> Result<Expr, String> {
    let text = text_of(value);
    if text.starts_with("now") || text.contains("||") {
        return Err(format!(
            "{text:?} is relative to the time of the query, and buckets of the past have no such time"
        ));
    }
    let micros = match text.parse::<i64>() {
        Ok(number) => match format {
            Some("epoch_second") => number.checked_mul(1_000_000),
            _ => number.checked_mul(1_000),
        },
        Err(_) => moment(&text),
    };
    let micros = micros.ok_or_else(|| format!("{text:?} is no time such as 2026-11-20T14:00:00Z"))?;
    let zone = Some("UTC".into());
    Ok(lit(ScalarValue::TimestampMicrosecond(Some(micros), zone)))
}

fn moment(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(time.and_utc().timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// The prefixes of these texts; an address is a prefix of its own.
///
/// # Errors
/// The first that is none.
pub fn networks(texts: &[String]) -> Result<Vec<IpNet>, String> {
    texts.iter().map(|text| parse_network(text).ok_or_else(|| text.clone())).collect()
}

/// The stored address lies in one of the prefixes, `None` without any.
pub fn address_range(expr: &Expr, networks: &[IpNet]) -> Option<Expr> {
    let bytes = |key: u128| lit(ScalarValue::Binary(Some(key.to_be_bytes().to_vec())));
    let (mut single, mut any) = (Vec::new(), Vec::new());
    for network in networks {
        let (low, high) = (address_key(network.network()), address_key(network.broadcast()));
        if low == high {
            single.push(bytes(low));
        } else {
            any.push(expr.clone().gt_eq(bytes(low)).and(expr.clone().lt_eq(bytes(high))));
        }
    }
    match single.len() {
        0 => {}
        1 => any.extend(single.pop().map(|one| expr.clone().eq(one))),
        _ => any.push(expr.clone().in_list(single, false)),
    }
    balanced(any, Operator::Or)
}
