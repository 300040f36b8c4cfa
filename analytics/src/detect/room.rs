//! Room for models: what is forgotten, and when. What has the most evidence stays.

use std::collections::BTreeMap;

use jobs::{Level, SeriesKey};
use tracker::Perspective;

use crate::detect::world::{Rules, SeriesModel, View, World};

/// Sights of newcomers kept for each series that may be modelled.
const SIGHTS: usize = 4;
/// Days of silence that halve what a series' past is worth.
const STALE: f64 = 3.0;
/// Once memory is short, it is brought down to this share, so that not every bucket has to make room.
const ENOUGH: f64 = 0.9;

/// How much is known of a series: its failures, the older the less.
fn evidence(model: &SeriesModel) -> f64 {
    model.count.events() * 0.5_f64.powf(model.count.quiet_days() / STALE)
}

/// Forgets what was silent for long and, per level, what has the least evidence beyond the limit.
pub fn prune(view: &mut View, start: i64, rules: Rules) {
    view.series.retain(|_, model| model.count.quiet_days() < rules.prune_days);
    view.newcomers.forget(start - (rules.prune_days * 86_400.0) as i64, SIGHTS * rules.max_series);
    if view.series.len() <= rules.max_series {
        return;
    }
    let mut levels: BTreeMap<Level, Vec<(f64, SeriesKey)>> = BTreeMap::new();
    for (key, model) in &view.series {
        levels.entry(key.level).or_default().push((evidence(model), key.clone()));
    }
    for mut members in levels.into_values().filter(|members| members.len() > rules.max_series) {
        members.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (_, key) in members.drain(rules.max_series..) {
            view.series.remove(&key);
            view.evicted += 1;
        }
    }
}

/// Forgets the series with the least evidence until all models together fit into `memory` bytes.
pub fn make(world: &mut World, memory: usize) {
    let mut bytes: usize = world.views.values().map(View::bytes).sum();
    if bytes <= memory {
        return;
    }
    let enough = (memory as f64 * ENOUGH) as usize;
    let mut members: Vec<(f64, Perspective, SeriesKey)> = Vec::new();
    for (perspective, view) in &world.views {
        let replaceable = view.series.iter().filter(|(key, _)| key.level != Level::Perspective);
        members.extend(replaceable.map(|(key, model)| (evidence(model), *perspective, key.clone())));
    }
    members.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.2.cmp(&b.2)));
    for (_, perspective, key) in members {
        if bytes <= enough {
            break;
        }
        if let Some(view) = world.views.get_mut(&perspective)
            && let Some(model) = view.series.remove(&key)
        {
            bytes = bytes.saturating_sub(model.bytes() + size_of::<SeriesKey>());
            view.evicted += 1;
        }
    }
}
