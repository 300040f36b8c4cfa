//! The reference of settings and metrics that the API hands out, made of their declarations.

use dashboards::{ConfigKey, ConfigTable, MetricEntry, Reference};

use super::metrics;
use crate::config::{Config, REFERENCE, lists};

/// Every setting with its default and every metric, as they are declared.
pub fn reference() -> Reference {
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let lists = lists();
    let table = |section: &crate::config::section::Section| {
        let list = lists.iter().find(|(table, _)| *table == section.table).map(|(_, keys)| keys);
        let keys = list.or_else(|| defaults.get(section.table).and_then(toml::Value::as_table));
        let default = |key: &str| keys.and_then(|keys| keys.get(key));
        // What may be given several times has no variables.
        let variable = |key: &str| format!("HALFOPEN_{}_{key}", section.table).to_uppercase();
        let key = |(name, about): &(&str, &str)| ConfigKey {
            name: (*name).to_owned(),
            about: plain(about),
            default: default(name).map(ToString::to_string).unwrap_or_default(),
            variable: if list.is_some() { String::new() } else { variable(name) },
        };
        ConfigTable {
            table: if list.is_some() { format!("[{}]", section.table) } else { section.table.to_owned() },
            about: plain(section.about),
            keys: section.keys.iter().map(key).collect(),
        }
    };
    let metric = |metric: &metrics::Metric| MetricEntry {
        name: format!("halfopen_{}{}", metric.name, if metric.counter { "_total" } else { "" }),
        kind: if metric.counter { "counter" } else { "gauge" }.to_owned(),
        help: metric.help.to_owned(),
    };
    Reference {
        config: REFERENCE.iter().map(table).collect(),
        metrics: metrics::REFERENCE.iter().map(metric).collect(),
    }
}

/// Documentation comments as one paragraph.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_declared_is_in_it() {
        let reference = reference();
        let netflow = reference.config.iter().find(|table| table.table == "netflow").unwrap();
        let hold = netflow.keys.iter().find(|key| key.name == "hold").unwrap();
        assert_eq!((hold.default.as_str(), hold.variable.as_str()), ("\"1m 30s\"", "HALFOPEN_NETFLOW_HOLD"));
        let sinks = reference.config.iter().find(|table| table.table == "[sinks]").unwrap();
        let batch = sinks.keys.iter().find(|key| key.name == "batch").unwrap();
        assert_eq!((batch.default.as_str(), batch.variable.as_str()), ("1000", ""));
        assert!(reference.config.iter().all(|table| !table.about.is_empty() && !table.keys.is_empty()));
        assert!(reference.metrics.iter().any(|metric| metric.name == "halfopen_dropped_total"));
        assert_eq!(reference.metrics.len(), metrics::REFERENCE.len());
    }

    /// The Grafana dashboard and the alert rules name metrics that exist.
    #[test]
    fn dashboards_and_alerts_name_known_metrics() {
        let known: Vec<String> = reference().metrics.into_iter().map(|metric| metric.name).collect();
        for text in
            [include_str!("../../../dashboards/ops/grafana.json"), include_str!("../../../dashboards/ops/alerts.yml")]
        {
            let letter = |c: char| c.is_ascii_lowercase() || c == '_';
            let names: Vec<&str> = text
                .match_indices("halfopen_")
                .map(|(at, _)| text[at..].split(|c| !letter(c)).next().unwrap_or_default())
                .collect();
            assert!(names.len() > 8);
            for name in names {
                assert!(known.iter().any(|metric| metric == name), "there is no metric {name}");
            }
        }
    }
}
