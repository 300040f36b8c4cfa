//! The user's word against the model's: custom rules and planned events.

use std::collections::{BTreeMap, BTreeSet};

use jobs::detector::{Action, AppliesTo, Comparison, Rule};
use serde::{Deserialize, Serialize};

use super::count::Key;
use super::plan::Part;

/// Lists of values that rules refer to, by id.
pub type Lists = BTreeMap<String, BTreeSet<String>>;

/// A planned event of a calendar, such as maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedEvent {
    /// What is planned.
    pub description: String,
    /// Start, ms since the epoch.
    pub start_time: i64,
    /// End, ms since the epoch, exclusive.
    pub end_time: i64,
    /// No results are made of buckets that it touches.
    #[serde(default = "yes")]
    pub skip_result: bool,
    /// Nothing is learnt of buckets that it touches.
    #[serde(default = "yes")]
    pub skip_model_update: bool,
}

const fn yes() -> bool {
    true
}

/// What is left out of a bucket or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Skips {
    pub result: bool,
    pub update: bool,
}

impl Skips {
    pub fn or(self, other: Self) -> Self {
        Self { result: self.result || other.result, update: self.update || other.update }
    }
}

/// The events that touch a bucket.
fn touching(events: &[PlannedEvent], start: i64, span: u32) -> impl Iterator<Item = &PlannedEvent> {
    let (from, to) = (start * 1000, (start + i64::from(span)) * 1000);
    events.iter().filter(move |event| event.start_time < to && event.end_time > from)
}

/// What the events that touch a bucket leave out.
pub(crate) fn skipped(events: &[PlannedEvent], start: i64, span: u32) -> Skips {
    let skips = |event: &PlannedEvent| Skips { result: event.skip_result, update: event.skip_model_update };
    touching(events, start, span).map(skips).fold(Skips::default(), Skips::or)
}

/// What the events that touch a bucket leave out, and what they are.
pub(crate) fn planned(events: &[PlannedEvent], start: i64, span: u32) -> (Skips, Vec<String>) {
    let named = touching(events, start, span).map(|event| event.description.clone()).collect();
    (skipped(events, start, span), named)
}

/// What the rules leave out of a value. Without an expectation, conditions on it do not hold.
pub(crate) fn ruled(
    rules: &[Rule],
    part: &Part,
    key: &Key,
    lists: &Lists,
    start: i64,
    actual: f64,
    typical: Option<f64>,
) -> Skips {
    let mut skips = Skips::default();
    for rule in rules {
        let scoped = rule.scope.iter().all(|(field, filter)| {
            let value = value_of(part, key, field);
            let listed = lists.get(&filter.filter_id).zip(value).is_some_and(|(list, value)| on_list(list, value));
            listed == filter.include
        });
        let holds = |condition: &jobs::detector::Condition| {
            let seen = match condition.applies_to {
                AppliesTo::Actual => Some(actual),
                AppliesTo::Typical => typical,
                AppliesTo::DiffFromTypical => typical.map(|typical| (actual - typical).abs()),
                AppliesTo::Time => Some(start as f64),
            };
            seen.is_some_and(|seen| match condition.comparison {
                Comparison::Gt => seen > condition.value,
                Comparison::Gte => seen >= condition.value,
                Comparison::Lt => seen < condition.value,
                Comparison::Lte => seen <= condition.value,
            })
        };
        if scoped && rule.conditions.iter().all(holds) {
            let does = |action| rule.actions.contains(&action);
            skips = skips.or(Skips { result: does(Action::SkipResult), update: does(Action::SkipModelUpdate) });
        }
    }
    skips
}

fn value_of<'a>(part: &Part, key: &'a Key, field: &str) -> Option<&'a str> {
    let named = |name: &Option<String>| name.as_deref() == Some(field);
    if named(&part.partition) {
        key.partition.as_deref()
    } else if named(&part.by) {
        key.by.as_deref()
    } else if named(&part.over) {
        key.over.as_deref()
    } else {
        None
    }
}

/// A value is on a list by itself, by a wildcard at either end, or as an address in a listed prefix.
fn on_list(list: &BTreeSet<String>, value: &str) -> bool {
    list.contains(value)
        || list.iter().any(|item| match (item.strip_prefix('*'), item.strip_suffix('*')) {
            (Some(end), None) => value.ends_with(end),
            (None, Some(start)) => value.starts_with(start),
            _ => match (item.parse::<ipnet::IpNet>(), value.parse::<std::net::IpAddr>()) {
                (Ok(network), Ok(address)) => network.contains(&address),
                _ => false,
            },
        })
}
