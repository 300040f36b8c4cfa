//! An anomaly in one plain sentence.
//!
//! Owns the wording of what happened. Must not know scores, schemas or pages.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use tracker::Outcome;

use crate::result::{AnomalyRecord, Level, OutcomeCount, SeriesKey};

/// The anomaly in one sentence, without a full stop; days and times are those of `zone`.
///
/// `10.2.0.7:443 refused 412 of 430 connection attempts from 38 clients; usual for Tuesday 14:00: 9`
pub fn sentence(record: &AnomalyRecord, zone: Tz) -> String {
    let mut text = what(record);
    if let Some(when) = local(record.timestamp, zone) {
        let typical = quantity(record.expected.typical);
        let _ = write!(text, "; usual for {} {}: {typical}", weekday(when), when.format("%H:%M"));
        if record.explanation.length > 1 {
            since(&mut text, record, when, zone);
        }
    }
    text
}

/// The series in words: `10.2.0.7:443`, `port 443 (https)`, `client 10.1.0.5`, `inbound`.
///
/// A series without what its level counts by stands for all that were too many to be counted one by one.
pub fn series_label(series: &SeriesKey, service: Option<&str>) -> String {
    match (series.level, series.server, series.port, series.client) {
        (Level::ServerPort, Some(ip), Some(port), _) => SocketAddr::new(ip, port).to_string(),
        (Level::Server, Some(ip), _, _) => ip.to_string(),
        (Level::ServerPort | Level::Server, ..) => "other servers".to_owned(),
        (Level::Port, _, Some(port), _) => match service {
            Some(name) => format!("port {port} ({name})"),
            None => format!("port {port}"),
        },
        (Level::Port, ..) => "other ports".to_owned(),
        (Level::Client, _, _, Some(ip)) => format!("client {ip}"),
        (Level::Client, ..) => "other clients".to_owned(),
        (Level::Perspective, ..) => series.perspective.to_string(),
    }
}

/// A count for reading: one decimal below ten, thousands grouped from ten thousand on.
pub fn quantity(value: f64) -> String {
    let value = if value.is_finite() { value.max(0.0) } else { 0.0 };
    if value < 9.95 {
        let tenths = (value * 10.0).round() / 10.0;
        return format!("{tenths}");
    }
    grouped(value.round() as u64)
}

/// A whole number, thousands grouped by commas from ten thousand on.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn what(record: &AnomalyRecord) -> String {
    let failed = record.actual.max(0.0).round() as u64;
    let series = &record.series;
    let label = series_label(series, record.service.as_deref());
    let (place, whom) = (place(series.level, &label), whom(record));
    let noun = match series.level {
        Level::Perspective => format!("{} connection attempt", series.perspective),
        _ => "connection attempt".to_owned(),
    };
    let share = |count: u64| share(count, record.attempts, &noun);
    if !record.explanation.spike {
        let only = if failed == 0 { "none".to_owned() } else { format!("only {}", grouped(failed)) };
        let total = total_of(failed, record.attempts, &noun).unwrap_or_else(|| format!("the {noun}s"));
        return format!("{only} of {total}{place}{whom} failed");
    }
    match (dominant(&record.outcomes, failed), series.level) {
        (Some(main), Level::ServerPort | Level::Server) => {
            format!("{label} {} {}{}{whom}", did(main.outcome), share(main.count), rest(main.count, failed))
        }
        (Some(main), Level::Client) => {
            format!("{label} {} {}{}", suffered(main.outcome), share(main.count), rest(main.count, failed))
        }
        (Some(main), Level::Port | Level::Perspective) => {
            let were = were(main.outcome, main.count);
            format!("{}{place}{whom} {were}{}", share(main.count), rest(main.count, failed))
        }
        (None, _) => {
            let parts: Vec<String> = record.outcomes.iter().take(2).map(|part| tally(*part)).collect();
            let list = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
            format!("{}{place}{whom} failed{list}", share(failed))
        }
    }
}

/// The outcome of at least half of the failed sessions.
fn dominant(outcomes: &[OutcomeCount], failed: u64) -> Option<OutcomeCount> {
    let main = outcomes.iter().max_by_key(|part| part.count)?;
    (main.count > 0 && main.count.saturating_mul(2) >= failed).then_some(*main)
}

/// "412 of 430 connection attempts", "all 430 connection attempts", or without the total where it is unknown.
fn share(count: u64, attempts: u64, noun: &str) -> String {
    match total_of(count, attempts, noun) {
        None if count == 1 => format!("1 {noun}"),
        None => format!("{} {noun}s", grouped(count)),
        Some(_) if attempts == count && count == 1 => format!("the only {noun}"),
        Some(total) if attempts == count => format!("all {total}"),
        Some(total) => format!("{} of {total}", grouped(count)),
    }
}

fn total_of(count: u64, attempts: u64, noun: &str) -> Option<String> {
    let plural = if attempts == 1 { "" } else { "s" };
    (attempts >= count && attempts > 0).then(|| format!("{} {noun}{plural}", grouped(attempts)))
}

fn rest(count: u64, failed: u64) -> String {
    if failed > count { format!(" ({} failed in all)", grouped(failed)) } else { String::new() }
}

/// Where the attempts went or came from, with a leading space.
fn place(level: Level, label: &str) -> String {
    match level {
        Level::ServerPort | Level::Server | Level::Port => format!(" to {label}"),
        Level::Client => format!(" of {label}"),
        Level::Perspective => String::new(),
    }
}

/// Whose attempts they were, with a leading space; nothing where that is said already.
fn whom(record: &AnomalyRecord) -> String {
    if record.series.level == Level::Client || record.clients == 0 || record.actual < 0.5 {
        return String::new();
    }
    let only = record.influencers.iter().find(|influencer| influencer.field == "client_ip");
    match (record.clients, only.and_then(|only| only.value.parse::<IpAddr>().ok())) {
        (1, Some(client)) => format!(" from {client}"),
        (1, None) => " from 1 client".to_owned(),
        (clients, _) => {
            let net = record.influencers.iter().find(|influencer| influencer.field == "client_net");
            let most = net.filter(|net| net.share >= 0.5).map(|net| format!(", mostly of {}", net.value));
            format!(" from {} clients{}", grouped(clients), most.unwrap_or_default())
        }
    }
}

/// What a server did to the attempts that follow.
const fn did(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "refused",
        Outcome::NoAnswer | Outcome::UdpNoReply | Outcome::IcmpNoReply => "did not answer",
        Outcome::Unreachable => "was unreachable for",
        Outcome::AdminBlocked => "was blocked by policy for",
        Outcome::TtlExceeded => "was out of reach (time to live exceeded) for",
        Outcome::AbortedOrig => "was given up on in",
        Outcome::HalfOpen => "left half open",
        Outcome::HalfOpenResetOrig => "had the client reset the handshake in",
        Outcome::HalfOpenResetResp => "reset the handshake of",
        _ => "failed",
    }
}

/// What happened to a client in the attempts that follow.
const fn suffered(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "was refused in",
        Outcome::NoAnswer | Outcome::UdpNoReply | Outcome::IcmpNoReply => "got no answer to",
        Outcome::Unreachable => "found the server unreachable in",
        Outcome::AdminBlocked => "was blocked by policy in",
        Outcome::TtlExceeded => "ran out of time to live in",
        Outcome::AbortedOrig => "gave up",
        Outcome::HalfOpen => "left half open",
        Outcome::HalfOpenResetOrig => "reset the handshake of",
        Outcome::HalfOpenResetResp => "had the handshake reset in",
        _ => "failed in",
    }
}

/// What was done to the attempts named before.
fn were(outcome: Outcome, count: u64) -> String {
    let be = if count == 1 { "was" } else { "were" };
    match outcome {
        Outcome::Refused => format!("{be} refused"),
        Outcome::NoAnswer | Outcome::UdpNoReply | Outcome::IcmpNoReply => "got no answer".to_owned(),
        Outcome::Unreachable => "found the server unreachable".to_owned(),
        Outcome::AdminBlocked => format!("{be} blocked by policy"),
        Outcome::TtlExceeded => "ran out of time to live".to_owned(),
        Outcome::AbortedOrig => format!("{be} given up by the client"),
        Outcome::HalfOpen => format!("{be} left half open"),
        Outcome::HalfOpenResetOrig => format!("{be} reset by the client during the handshake"),
        Outcome::HalfOpenResetResp => format!("{be} reset by the server during the handshake"),
        _ => "failed".to_owned(),
    }
}

/// "150 refused", for a list of several outcomes.
fn tally(part: OutcomeCount) -> String {
    let word = match part.outcome {
        Outcome::Refused => "refused",
        Outcome::NoAnswer | Outcome::UdpNoReply | Outcome::IcmpNoReply => "unanswered",
        Outcome::Unreachable => "unreachable",
        Outcome::AdminBlocked => "blocked by policy",
        Outcome::TtlExceeded => "out of reach",
        Outcome::AbortedOrig => "given up",
        Outcome::HalfOpen => "half open",
        Outcome::HalfOpenResetOrig => "reset by the client",
        Outcome::HalfOpenResetResp => "reset by the server",
        other => other.as_str(),
    };
    format!("{} {word}", grouped(part.count))
}

fn since(text: &mut String, record: &AnomalyRecord, now: DateTime<Tz>, zone: Tz) {
    let back = i64::from(record.explanation.length - 1) * i64::from(record.bucket_span) * 1000;
    let Some(start) = local(record.timestamp.saturating_sub(back), zone) else { return };
    let side = if record.explanation.spike { "high" } else { "low" };
    let _ = write!(text, "; {side} since ");
    if start.date_naive() != now.date_naive() {
        let far = (now.date_naive() - start.date_naive()).num_days() > 6;
        let _ = if far { write!(text, "{} ", start.format("%Y-%m-%d")) } else { write!(text, "{} ", weekday(start)) };
    }
    let _ = write!(text, "{}", start.format("%H:%M"));
}

fn local(millis: i64, zone: Tz) -> Option<DateTime<Tz>> {
    DateTime::<Utc>::from_timestamp_millis(millis).map(|utc| utc.with_timezone(&zone))
}

fn weekday(when: DateTime<Tz>) -> &'static str {
    match when.weekday() {
        chrono::Weekday::Mon => "Monday",
        chrono::Weekday::Tue => "Tuesday",
        chrono::Weekday::Wed => "Wednesday",
        chrono::Weekday::Thu => "Thursday",
        chrono::Weekday::Fri => "Friday",
        chrono::Weekday::Sat => "Saturday",
        chrono::Weekday::Sun => "Sunday",
    }
}
