//! Alert rules: when somebody is told that something began, goes on or is over.
//!
//! Owns what is going on for each rule and series, and keeps it over a restart. Must not know how anybody is told. Time is
//! that of the buckets, so that what was missed while the program was down is judged as it would have been.

pub mod document;
#[cfg(test)]
pub mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use analytics::Found;
use dashboards::Silence;
use jobs::{AnomalyRecord, JobId, Prefix, Schema, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracker::Perspective;

use super::silence::means;
use crate::config::{Alert, Config};
use document::{Status, Words};

/// Series that one rule follows at the same time, at most; the others wait until one of these is over.
const MOST: usize = 10_000;
/// Messages of one rule for one bucket and perspective, at most; the others follow with the next bucket, the worst first.
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
    /// Start of the last bucket judged in each perspective, ms.
    judged: BTreeMap<Perspective, i64>,
    /// By fingerprint.
    series: BTreeMap<String, Going>,
}

/// One series that a rule follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Going {
    /// Perspective.
    pub perspective: Perspective,
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
    }

    /// Judges one bucket of one perspective; buckets of a perspective come by rising time. `now` is in ms.
    pub fn judge(&self, state: &mut State, found: &Found, silences: &[Silence], now: i64) -> Vec<Notice> {
        let bucket = found.bucket();
        let records: Vec<&AnomalyRecord> =
            found.records().filter(|(_, primary)| *primary).map(|(record, _)| record).collect();
        let at = At {
            start: bucket.timestamp,
            span: i64::from(bucket.bucket_span) * 1_000,
            perspective: bucket.perspective,
            now,
        };
        let rules = self.rules.iter().filter(|rule| self.covers(rule, at.perspective));
        rules.flat_map(|rule| self.judge_one(rule, state, &records, silences, at)).collect()
    }

    fn jobs(&self, perspective: Perspective) -> Vec<String> {
        Schema::ALL.map(|schema| JobId::of(&self.words.prefix, schema, perspective).to_string()).to_vec()
    }

    fn covers(&self, rule: &Alert, perspective: Perspective) -> bool {
        let jobs = self.jobs(perspective);
        (rule.perspectives.is_empty() || rule.perspectives.iter().any(|view| view.0 == perspective))
            && (rule.jobs.is_empty() || rule.jobs.iter().any(|job| jobs.contains(job)))
    }

    fn judge_one(
        &self,
        rule: &Alert,
        state: &mut State,
        records: &[&AnomalyRecord],
        silences: &[Silence],
        at: At,
    ) -> Vec<Notice> {
        let state = state.rules.entry(rule.name.clone()).or_default();
        let judged = state.judged.get(&at.perspective).copied();
        if judged.is_some_and(|judged| at.start < judged) {
            // Late data changed the past: the results say so, nobody is called for it.
            return Vec::new();
        }
        let again = judged == Some(at.start);
        state.judged.insert(at.perspective, at.start);
        let threshold = rule.severity.threshold();
        let hits: HashMap<String, &AnomalyRecord> = records
            .iter()
            .filter(|record| record.record_score.value() >= threshold && !record.is_interim)
            .map(|record| (document::fingerprint(&rule.name, &record.series), *record))
            .collect();
        let jobs = self.jobs(at.perspective);
        for (fingerprint, record) in &hits {
            let silence = silences.iter().find(|silence| means(silence, &rule.name, &jobs, record));
            let body = self.words.firing(rule, fingerprint, record, at);
            note(state, fingerprint, record, silence, body, at);
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
        hits: &HashMap<String, &AnomalyRecord>,
        silences: &[Silence],
        at: At,
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        let known: HashSet<&str> =
            silences.iter().filter(|silence| silence.active).map(|silence| silence.id.as_str()).collect();
        let quiet = i64::try_from(rule.quiet.0.as_millis()).unwrap_or(i64::MAX);
        for (fingerprint, going) in &mut state.series {
            if going.perspective != at.perspective || hits.contains_key(fingerprint) {
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
    fn due(&self, rule: &Alert, state: &mut RuleState, at: At) -> Vec<Notice> {
        let age = i64::try_from(rule.max_age.0.as_millis()).unwrap_or(i64::MAX);
        if at.end().saturating_add(age) < at.now {
            return Vec::new();
        }
        let quiet = i64::try_from(rule.quiet.0.as_millis()).unwrap_or(i64::MAX);
        let is_due = |going: &Going| {
            let severity = jobs::Score::new(going.worst).severity();
            let silent =
                going.told.is_some_and(|(told, then)| at.end() < told.saturating_add(quiet) && severity <= then);
            going.perspective == at.perspective
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
pub struct At {
    /// Its start, ms.
    pub start: i64,
    /// Its length, ms.
    pub span: i64,
    /// Its perspective.
    pub perspective: Perspective,
    /// Now, ms.
    pub now: i64,
}

impl At {
    /// Its end, ms.
    pub const fn end(&self) -> i64 {
        self.start + self.span
    }
}

/// Notes that a series was unusual in this bucket.
fn note(
    state: &mut RuleState,
    fingerprint: &str,
    record: &AnomalyRecord,
    silence: Option<&Silence>,
    mut body: Map<String, Value>,
    at: At,
) {
    let score = record.record_score.value();
    let full = state.series.len() >= MOST;
    let going = match state.series.get_mut(fingerprint) {
        Some(going) => going,
        None if full => return,
        None => state.series.entry(fingerprint.to_owned()).or_insert_with(|| Going {
            perspective: at.perspective,
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
