//! One part of one bucket: series against their past, members against members, what is rarely seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jobs::detector::{Action, ExcludeFrequent, Rule};

use super::count::{Key, Row, counts_nothing};
use super::plan::Part;
use super::rules::{Skips, ruled};
use super::series::{Judged, Series};
use super::state::{Entry, Given, Models, Scored, silence};
use crate::model::{Moment, counts};

/// Share of buckets from which a value is frequent.
const FREQUENT: f64 = 0.5;
/// Groups of a population job, at most.
const MOST_GROUPS: usize = 20_000;

/// One part of one bucket.
pub(super) struct Bucket<'a> {
    pub given: Given<'a>,
    pub part: &'a Part,
    /// Place of the part in the plan.
    pub place: usize,
    pub rules: &'a [Rule],
    pub moment: &'a Moment,
    pub skips: Skips,
    /// Buckets seen before.
    pub before: f64,
}

impl Bucket<'_> {
    fn days(&self) -> f64 {
        self.moment.days
    }

    /// How long a series may be quiet before it is forgotten, days.
    fn window(&self) -> f64 {
        let span = f64::from(self.given.plan.span) / 86_400.0;
        let set = self.given.plan.definition.analysis.model_prune_window;
        set.map_or_else(|| (20.0 * span).max(30.0), |window| window.as_seconds() as f64 / 86_400.0)
    }

    fn ruled(&self, key: &Key, actual: f64, typical: Option<f64>) -> Skips {
        ruled(self.rules, self.part, key, self.given.lists, self.moment.start, actual, typical)
    }

    /// Judges a value of a series; rules may keep it from being learnt or told.
    fn one(&self, series: &mut Series, key: &Key, actual: f64) -> Judged {
        let may_skip =
            self.skips.update || self.rules.iter().any(|rule| rule.actions.contains(&Action::SkipModelUpdate));
        let before = may_skip.then(|| series.clone());
        let mut judged = series.observe(self.moment, actual);
        if !self.rules.is_empty() || may_skip {
            let ruled = self.ruled(key, actual, Some(judged.expected.typical));
            if let Some(before) = before.filter(|_| ruled.update || self.skips.update) {
                *series = before;
                series.skip(self.days());
            }
            if ruled.result {
                silence(&mut judged);
            }
        }
        judged
    }

    /// Each series against its own past.
    pub fn temporal(&self, models: &mut Models, rows: &[Row], room: &mut usize, refused: &mut u64) -> Vec<Scored> {
        let seen: BTreeMap<&Key, f64> = rows.iter().map(|row| (&row.key, row.value)).collect();
        let whole = Key::default();
        let unsplit = self.part.by.is_none() && self.part.partition.is_none();
        let zero = counts_nothing(self.part.function);
        if unsplit && zero && !models.series.contains_key(&whole) {
            self.admit(models, &whole, room, refused);
        }
        for key in seen.keys() {
            if !models.series.contains_key(*key) {
                self.admit(models, key, room, refused);
            }
        }
        let mut scored = Vec::new();
        for (key, entry) in &mut models.series {
            let value = seen.get(key).copied().or(zero.then_some(0.0));
            entry.quiet = if seen.contains_key(key) { 0.0 } else { entry.quiet + self.days() };
            entry.present += f64::from(u8::from(seen.contains_key(key)));
            match value {
                Some(actual) => {
                    let mut judged = self.one(&mut entry.series, key, actual);
                    if self.is_frequent(entry.present, ExcludeFrequent::By) {
                        silence(&mut judged);
                    }
                    scored.push(Scored { part: self.place, key: key.clone(), actual, judged, whole: false });
                }
                None => entry.series.skip(self.days()),
            }
        }
        let window = self.window();
        models.series.retain(|key, entry| entry.quiet <= window || *key == whole);
        scored
    }

    fn admit(&self, models: &mut Models, key: &Key, room: &mut usize, refused: &mut u64) {
        let series = Series::new(self.part.function, self.given.plan.span, self.before, self.days());
        let size = Series::grown(self.part.function);
        if *room < size {
            *refused += 1;
            return;
        }
        *room -= size;
        models.series.insert(key.clone(), Entry { series, quiet: 0.0, present: 0.0 });
    }

    fn is_frequent(&self, present: f64, kind: ExcludeFrequent) -> bool {
        let detector = self.given.plan.definition.analysis.detectors.get(self.part.detector);
        let asked = detector.and_then(|detector| detector.exclude_frequent);
        (asked == Some(kind) || asked == Some(ExcludeFrequent::All)) && present > FREQUENT * (self.before + 1.0)
    }

    /// Members against members, and where values add up the whole population against its own past.
    pub fn population(&self, models: &mut Models, rows: &[Row], room: &mut usize, refused: &mut u64) -> Vec<Scored> {
        let mut groups: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            groups.entry(Key { over: None, ..row.key.clone() }).or_default().push(row);
        }
        let mut scored = Vec::new();
        for (group, members) in &groups {
            let values: Vec<f64> = members.iter().map(|row| row.value).collect();
            let ruled = |place: usize, value: f64| self.ruled(&members[place].key, value, None);
            let learns = |place: usize, value: f64| !self.skips.update && !ruled(place, value).update;
            if models.populations.len() >= MOST_GROUPS && !models.populations.contains_key(group) {
                *refused += 1;
                continue;
            }
            let population = models.populations.entry(group.clone()).or_default();
            let judged = population.observe(self.part.function, self.days(), &values, &learns);
            for (row, mut judged) in members.iter().zip(judged) {
                if self.ruled(&row.key, row.value, Some(judged.expected.typical)).result {
                    silence(&mut judged);
                }
                let over = Key { over: row.key.over.clone(), ..Key::default() };
                if self.excludes(ExcludeFrequent::Over) {
                    let present = models.shown.entry(over).or_default();
                    *present += 1.0;
                    if self.is_frequent(*present, ExcludeFrequent::Over) {
                        silence(&mut judged);
                    }
                }
                let (key, actual) = (row.key.clone(), row.value);
                scored.push(Scored { part: self.place, key, actual, judged, whole: false });
            }
        }
        if adds_up(self.part) {
            scored.extend(self.wholes(models, &groups, room, refused));
        }
        let known: BTreeSet<Key> = models.series.keys().cloned().collect();
        models
            .populations
            .retain(|group, _| groups.contains_key(group) || !adds_up(self.part) || known.contains(group));
        scored
    }

    fn excludes(&self, kind: ExcludeFrequent) -> bool {
        let detector = self.given.plan.definition.analysis.detectors.get(self.part.detector);
        let asked = detector.and_then(|detector| detector.exclude_frequent);
        asked == Some(kind) || asked == Some(ExcludeFrequent::All)
    }

    /// Populations as wholes: an outage in which every member fails a little shows here alone.
    fn wholes(
        &self,
        models: &mut Models,
        groups: &BTreeMap<Key, Vec<&Row>>,
        room: &mut usize,
        refused: &mut u64,
    ) -> Vec<Scored> {
        let rows: Vec<Row> = groups
            .iter()
            .map(|(group, members)| Row {
                key: group.clone(),
                value: members.iter().map(|row| row.value).sum(),
                documents: members.iter().map(|row| row.documents).sum(),
            })
            .collect();
        let mut scored = self.temporal(models, &rows, room, refused);
        scored.iter_mut().for_each(|one| one.whole = true);
        scored
    }

    pub fn rare(&self, models: &mut Models, rows: &[Row]) -> Vec<Scored> {
        let mut groups: BTreeMap<Key, BTreeMap<Arc<str>, (f64, f64)>> = BTreeMap::new();
        for row in rows {
            let group = Key { partition: row.key.partition.clone(), ..Key::default() };
            let by = row.key.by.clone().unwrap_or_else(|| Arc::from(""));
            let found = groups.entry(group).or_default().entry(by).or_default();
            // Over a population, a value is as common as the number of members that have it.
            *found = (found.0 + 1.0, found.1 + row.documents);
        }
        let span = f64::from(self.given.plan.span) / 86_400.0;
        let mut scored = Vec::new();
        for (group, values) in groups {
            let key = |by: &Arc<str>| Key { by: Some(Arc::clone(by)), ..group.clone() };
            let learnt: Vec<(Arc<str>, f64)> = values
                .iter()
                .filter(|(by, found)| !self.ruled(&key(by), found.1, None).update)
                .map(|(by, found)| (Arc::clone(by), found.0))
                .collect();
            if self.skips.update {
                continue;
            }
            let rarity = models.rarities.entry(group.clone()).or_default();
            let judged = rarity.observe(&learnt, self.window() / span);
            for ((by, _), mut judged) in learnt.iter().zip(judged) {
                let (key, actual) = (key(by), values.get(by).map_or(0.0, |found| found.1));
                if self.ruled(&key, actual, Some(judged.expected.typical)).result {
                    silence(&mut judged);
                }
                scored.push(Scored { part: self.place, key, actual, judged, whole: false });
            }
        }
        scored
    }
}

/// Whether the members' values add up to that of the whole.
fn adds_up(part: &Part) -> bool {
    (counts(part.function) || part.function.description().ends_with("sum"))
        && part.function.description() != "distinct_count"
}
