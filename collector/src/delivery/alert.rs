//! Alert rules: when somebody is told that something began, goes on or is over.
//!
//! Owns what is going on for each rule and series, and keeps it over a restart. Must not know how anybody is told. Time is
//! that of the buckets, so that what was missed while the program was down is judged as it would have been.

pub mod document;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use analytics::{Anomaly, Finder, Found};
use dashboards::Silence;
use jobs::{Prefix, Schema, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::silence::means;
use crate::config::{Alert, Config};
use document::{Status, Words};

/// Series that one rule follows at the same time, at most; the others wait until one of these is over.
const MOST: usize = 10_000;
/// Messages of one rule for one bucket and job, at most; the others follow with the next bucket, the worst first.
const AT_ONCE: usize = 20;

/// A message for some sinks.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Names of the sinks.
    pub sinks: Vec<String>,
    /// Id of the message.
    pub id: String,
    /// Id of the job.
    pub job: String,
    /// Start of the bucket, ms.
    pub time: i64,
    /// The message.
    pub body: Map<String, Value>,
}

/// What is going on, for every rule.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct State {
    rules: BTreeMap<String, RuleState>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct RuleState {
    /// Start of the last bucket judged of each finder, ms.
    judged: BTreeMap<String, i64>,
    /// By fingerprint.
    series: BTreeMap<String, Going>,
}

/// One series that a rule follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Going {
    /// Name of who found it.
    #[serde(alias = "perspective")]
    pub finder: String,
    /// Start of the first unusual bucket, ms.
    pub since: i64,
    /// Start of the last unusual bucket, ms.
    pub last: i64,
    /// Unusual buckets.
    pub buckets: u32,
    /// Buckets since then without anything unusual.
    pub calm: u32,
    /// Score at its worst.
    pub worst: f64,
    /// When somebody was last told (end of the bucket, ms), and the severity then.
    pub told: Option<(i64, Severity)>,
    /// Somebody was told of this and not yet that it is over.
    pub open: bool,
    /// It is over; it is remembered so that the quiet period holds.
    pub over: bool,
    /// The silence that keeps it quiet.
    pub silenced_by: Option<String>,
    /// The message about the last unusual bucket.
    pub document: Map<String, Value>,
}

/// The rules and what they need to know.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Alert>,
    words: Words,
}

impl Rules {
    /// The rules of this configuration.
    pub fn new(config: &Config, prefix: &Prefix) -> Self {
        let words = Words {
            prefix: prefix.clone(),
            zone: config.detection.time_zone,
            public_url: config.delivery.public_url.trim_end_matches('/').to_owned(),
        };
        Self { rules: config.alerts.clone(), words }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Forgets rules that are no more.
    pub fn tidy(&self, state: &mut State) {
        state.rules.retain(|name, _| self.rules.iter().any(|rule| rule.name == *name));
        // Perspectives used to be written with a capital.
        for rule in state.rules.values_mut() {
            rule.judged = std::mem::take(&mut rule.judged).into_iter().map(|(k, at)| (k.to_lowercase(), at)).collect();
            rule.series.values_mut().for_each(|going| going.finder.make_ascii_lowercase());
        }
    }

    /// Judges one bucket of one job; buckets of a job come by rising time. `now` is in ms.
    pub fn judge(&self, state: &mut State, found: &Found, silences: &[Silence], now: i64) -> Vec<Notice> {
        let finder = found.finder();
        let at = At {
            start: found.timestamp(),
            span: i64::from(found.bucket_span()) * 1_000,
            finder: &finder,
            name: &finder.name(),
            now,
        };
        let anomalies = found.anomalies();
        let rules = self.rules.iter().filter(|rule| self.covers(rule, &finder));
        rules.flat_map(|rule| self.judge_one(rule, state, &anomalies, silences, at)).collect()
    }

    fn covers(&self, rule: &Alert, finder: &Finder) -> bool {
        let perspective = finder.perspective();
        let ids = Schema::ALL.map(|schema| finder.job(&self.words.prefix, schema));
        (rule.perspectives.is_empty() || rule.perspectives.iter().any(|view| Some(view.0) == perspective))
            && (rule.jobs.is_empty() || rule.jobs.iter().any(|job| ids.iter().any(|id| id.as_str() == job)))
    }

    fn judge_one(
        &self,
        rule: &Alert,
        state: &mut State,
        anomalies: &[Anomaly<'_>],
        silences: &[Silence],
        at: At<'_>,
    ) -> Vec<Notice> {
        let state = state.rules.entry(rule.name.clone()).or_default();
        let judged = state.judged.get(at.name).copied();
        if judged.is_some_and(|judged| at.start < judged) {
            // Late data changed the past: the results say so, nobody is called for it.
            return Vec::new();
        }
        let again = judged == Some(at.start);
        state.judged.insert(at.name.to_owned(), at.start);
        let threshold = rule.severity.threshold();
        let hits: HashMap<String, &Anomaly<'_>> = anomalies
            .iter()
            .filter(|anomaly| anomaly.score().value() >= threshold && !anomaly.is_interim())
            .map(|anomaly| (document::fingerprint(&rule.name, at.name, anomaly), anomaly))
            .collect();
        for (fingerprint, anomaly) in &hits {
            let concerned =
                |silence: &&Silence| means(silence, &rule.name, at.finder, &self.words.prefix, anomaly.subject());
            let silence = silences.iter().find(concerned);
            let body = self.words.firing(rule, fingerprint, anomaly, at);
            note(state, fingerprint, anomaly.score().value(), silence, body, at);
        }
        let mut notices = if again { Vec::new() } else { self.calm(rule, state, &hits, silences, at) };
        notices.extend(self.due(rule, state, at));
        notices
    }

    /// What was not unusual in this bucket: it comes to an end.
    fn calm(
        &self,
        rule: &Alert,
        state: &mut RuleState,
        hits: &HashMap<String, &Anomaly<'_>>,
        silences: &[Silence],
        at: At<'_>,
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        let known: HashSet<&str> =
            silences.iter().filter(|silence| silence.active).map(|silence| silence.id.as_str()).collect();
        let quiet = i64::try_from(rule.quiet.0.as_millis()).unwrap_or(i64::MAX);
        for (fingerprint, going) in &mut state.series {
            if going.finder != at.name || hits.contains_key(fingerprint) {
                continue;
            }
            going.calm += 1;
            going.over |= going.calm >= if going.open { rule.recovery_buckets } else { 1 };
            if going.over && std::mem::take(&mut going.open) {
                let silenced = going.silenced_by.as_deref().is_some_and(|id| known.contains(id));
                if rule.recovery && !silenced {
                    notices.push(self.words.notice(rule, fingerprint, Status::Recovered, going, at));
                }
            }
        }
        let remembered = |going: &Going| going.told.is_some_and(|(told, _)| at.end() < told.saturating_add(quiet));
        state.series.retain(|_, going| !going.over || remembered(going));
        notices
    }

    /// Whom somebody is to be told of now, the worst first.
    fn due(&self, rule: &Alert, state: &mut RuleState, at: At<'_>) -> Vec<Notice> {
        let age = i64::try_from(rule.max_age.0.as_millis()).unwrap_or(i64::MAX);
        if at.end().saturating_add(age) < at.now {
            return Vec::new();
        }
        let quiet = i64::try_from(rule.quiet.0.as_millis()).unwrap_or(i64::MAX);
        let is_due = |going: &Going| {
            let severity = jobs::Score::new(going.worst).severity();
            let silent =
                going.told.is_some_and(|(told, then)| at.end() < told.saturating_add(quiet) && severity <= then);
            going.finder == at.name
                && going.last == at.start
                && going.silenced_by.is_none()
                && going.buckets >= rule.min_buckets
                && !silent
        };
        let mut due: Vec<(&String, &mut Going)> = state.series.iter_mut().filter(|(_, going)| is_due(going)).collect();
        due.sort_by(|a, b| b.1.worst.total_cmp(&a.1.worst).then_with(|| a.0.cmp(b.0)));
        if due.len() > AT_ONCE {
            tracing::warn!(
                rule = rule.name,
                due = due.len(),
                told = AT_ONCE,
                "more alerts than anybody reads; the others follow"
            );
        }
        due.into_iter()
            .take(AT_ONCE)
            .map(|(fingerprint, going)| {
                going.told = Some((at.end(), jobs::Score::new(going.worst).severity()));
                going.open = true;
                self.words.notice(rule, fingerprint, Status::Firing, going, at)
            })
            .collect()
    }
}

/// The bucket that is judged, and when.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Its start, ms.
    pub start: i64,
    /// Its length, ms.
    pub span: i64,
    /// Whose it is.
    pub finder: &'a Finder,
    /// Name of the finder.
    pub name: &'a str,
    /// Now, ms.
    pub now: i64,
}

impl At<'_> {
    /// Its end, ms.
    pub const fn end(&self) -> i64 {
        self.start + self.span
    }
}

/// Notes that a series was unusual in this bucket.
fn note(
    state: &mut RuleState,
    fingerprint: &str,
    score: f64,
    silence: Option<&Silence>,
    mut body: Map<String, Value>,
    at: At<'_>,
) {
    let full = state.series.len() >= MOST;
    let going = match state.series.get_mut(fingerprint) {
        Some(going) => going,
        None if full => return,
        None => state.series.entry(fingerprint.to_owned()).or_insert_with(|| Going {
            finder: at.name.to_owned(),
            since: at.start,
            last: i64::MIN,
            buckets: 0,
            calm: 0,
            worst: 0.0,
            told: None,
            open: false,
            over: false,
            silenced_by: None,
            document: Map::new(),
        }),
    };
    if std::mem::take(&mut going.over) {
        (going.since, going.buckets, going.worst) = (at.start, 0, 0.0);
    }
    going.buckets += u32::from(going.last != at.start);
    going.last = at.start;
    going.calm = 0;
    going.worst = going.worst.max(score);
    going.silenced_by = silence.map(|silence| silence.id.clone());
    body.insert("buckets".to_owned(), going.buckets.into());
    body.insert("since".to_owned(), document::time(going.since).into());
    going.document = body;
}

impl State {
    /// What is going on, with the rule and the fingerprint.
    pub fn going(&self) -> impl Iterator<Item = (&str, &str, &Going)> {
        self.rules.iter().flat_map(|(name, rule)| {
            rule.series
                .iter()
                .filter(|(_, going)| !going.over)
                .map(move |(fingerprint, going)| (name.as_str(), fingerprint.as_str(), going))
        })
    }
}
