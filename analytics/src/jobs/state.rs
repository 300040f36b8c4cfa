//! The models of a job: fed one bucket at a time, in order, and nothing else.
//!
//! A pure function of the counts, the rules and the events. Must not know stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use jobs::detector::Family;

use super::bucket::Bucket;
use super::count::{Counted, Key};
use super::plan::Plan;
use super::population::Population;
use super::rare::Rarity;
use super::rules::{Lists, Skips};
use super::series::{Judged, Series};
use crate::model::Calendar;
use crate::model::persist::{Persist, persist};

/// Models of a job may take this many bytes unless the job says less.
const MEMORY: usize = 256 << 20;

impl Persist for Key {
    fn put(&self, out: &mut Vec<u8>) {
        for part in [&self.partition, &self.by, &self.over] {
            part.as_deref().map(str::to_owned).put(out);
        }
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        let mut text = || {
            let text: Option<String> = Persist::take(input)?;
            Some(text.map(Arc::from))
        };
        Some(Self { partition: text()?, by: text()?, over: text()? })
    }
}

/// A map as its sorted entries.
fn put_map<V: Persist>(map: &BTreeMap<Key, V>, out: &mut Vec<u8>) {
    (map.len() as u64).put(out);
    for (key, value) in map {
        key.put(out);
        value.put(out);
    }
}

fn take_map<V: Persist>(input: &mut &[u8]) -> Option<BTreeMap<Key, V>> {
    let length = u64::take(input)?;
    if length > input.len() as u64 {
        return None;
    }
    (0..length).map(|_| Some((Key::take(input)?, V::take(input)?))).collect()
}

/// A series with what is known of its presence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub series: Series,
    pub quiet: f64,
    pub present: f64,
}

persist!(Entry { series, quiet, present });

/// The models of one part.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Models {
    pub series: BTreeMap<Key, Entry>,
    pub populations: BTreeMap<Key, Population>,
    pub rarities: BTreeMap<Key, Rarity>,
    /// Buckets in which a by- or over-value showed, for leaving out frequent ones.
    pub shown: BTreeMap<Key, f64>,
}

impl Persist for Models {
    fn put(&self, out: &mut Vec<u8>) {
        put_map(&self.series, out);
        put_map(&self.populations, out);
        put_map(&self.rarities, out);
        put_map(&self.shown, out);
    }
    fn take(input: &mut &[u8]) -> Option<Self> {
        Some(Self {
            series: take_map(input)?,
            populations: take_map(input)?,
            rarities: take_map(input)?,
            shown: take_map(input)?,
        })
    }
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    /// Start of the next bucket, s; nothing has been seen where absent.
    pub next: Option<i64>,
    /// Buckets seen.
    pub buckets: f64,
    /// Series that were not modelled because the models would have taken too much memory.
    pub refused: u64,
    parts: Vec<Models>,
}

persist!(State { next, buckets, refused, parts });

/// A value with what the models make of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scored {
    /// Place of the part in the plan.
    pub part: usize,
    pub key: Key,
    pub actual: f64,
    pub judged: Judged,
    /// It is the population as a whole, against its own past.
    pub whole: bool,
}

/// What is given beside the counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub plan: &'a Plan,
    pub calendar: &'a Calendar,
    pub lists: &'a Lists,
}

impl State {
    /// Bytes in memory, estimated.
    pub fn bytes(&self) -> usize {
        let part = |models: &Models| {
            let series: usize = models.series.values().map(|entry| entry.series.bytes() + 100).sum();
            let rare: usize = models.rarities.values().map(Rarity::bytes).sum();
            series + rare + models.populations.len() * 500 + models.shown.len() * 100
        };
        self.parts.iter().map(part).sum()
    }

    /// Series that are modelled.
    pub fn series(&self) -> usize {
        self.parts.iter().map(|models| models.series.len() + models.populations.len() + models.rarities.len()).sum()
    }

    /// Judges a bucket, then learns it.
    pub fn observe(&mut self, given: Given<'_>, start: i64, counted: &Counted, skips: Skips) -> Vec<Scored> {
        let plan = given.plan;
        self.parts.resize_with(plan.parts.len(), Models::default);
        let moment = given.calendar.moment(start);
        if let Some(missing) = self.next.filter(|next| *next < start) {
            self.skip((start - missing) as f64 / 86_400.0);
        }
        let mut room = memory(plan).saturating_sub(self.bytes());
        let mut scored = Vec::new();
        for (place, part) in plan.parts.iter().enumerate() {
            let empty = Vec::new();
            let rows = counted.parts.get(place).unwrap_or(&empty);
            let rules = plan.definition.analysis.detectors.get(part.detector).map_or(&[][..], |d| d.rules.as_slice());
            let bucket = Bucket { given, part, place, rules, moment: &moment, skips, before: self.buckets };
            let models = &mut self.parts[place];
            let found = match (part.function.family(), &part.over) {
                (Family::Rare, _) => bucket.rare(models, rows),
                (_, Some(_)) => bucket.population(models, rows, &mut room, &mut self.refused),
                (_, None) => bucket.temporal(models, rows, &mut room, &mut self.refused),
            };
            scored.extend(found);
        }
        self.buckets += 1.0;
        self.next = Some(start + i64::from(plan.span));
        if skips.result {
            scored.iter_mut().for_each(|one| silence(&mut one.judged));
        }
        scored
    }

    /// Nothing is known of so many days.
    fn skip(&mut self, days: f64) {
        for entry in self.parts.iter_mut().flat_map(|models| models.series.values_mut()) {
            entry.series.skip(days);
        }
    }
}

fn memory(plan: &Plan) -> usize {
    let text = plan.definition.limits.as_ref().and_then(|limits| limits.model_memory.as_deref());
    text.and_then(bytes).map_or(MEMORY, |limit| limit.min(MEMORY))
}

/// `512mb` in bytes.
fn bytes(text: &str) -> Option<usize> {
    let text = text.trim().to_lowercase();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "mb" | "m" => 20,
        "kb" | "k" => 10,
        "gb" | "g" => 30,
        "tb" => 40,
        "b" => 0,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_shl(unit)
}

pub(super) fn silence(judged: &mut Judged) {
    judged.score = 0.0;
    judged.surprise = 0.0;
}
