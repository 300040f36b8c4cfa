//! A filter asked of an anomaly.
//!
//! An anomaly is about many sessions. It passes a test when its series is about the value or, where the series leaves
//! that open, when the anomaly is due to it; of outcomes it passes those in which sessions of it ended.

use std::net::IpAddr;

use ipnet::IpNet;
use jobs::AnomalyRecord;

use super::{Exporter, Filter, Test, network, within};
use crate::query::functions::reports;

const TCP: u8 = 6;

impl Filter {
    /// Whether an anomaly is meant.
    pub fn matches(&self, record: &AnomalyRecord) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Not(inner) => !inner.matches(record),
            Self::Test(test) => test.matches(record),
        }
    }
}

impl Test {
    fn matches(&self, record: &AnomalyRecord) -> bool {
        let series = &record.series;
        match self {
            Self::Host(nets) => {
                address(record, "client_ip", series.client, nets) || address(record, "server_ip", series.server, nets)
            }
            Self::Client(nets) => address(record, "client_ip", series.client, nets),
            Self::Server(nets) => address(record, "server_ip", series.server, nets),
            Self::Port(ranges) => {
                let among = |port: u16| ranges.iter().any(|range| range.contains(port));
                match series.port {
                    Some(port) => among(port),
                    None => due_to(record, "server_port").filter_map(|port| port.parse().ok()).any(among),
                }
            }
            Self::ClientPort(_) => false,
            Self::Service(names) => record.service.as_ref().is_some_and(|name| names.contains(name)),
            Self::Exporter(exporters) => exporters.iter().any(|exporter| {
                let pattern = match exporter {
                    Exporter::Network(net) => network(net),
                    Exporter::Name(name) => name.clone(),
                };
                due_to(record, "observer").any(|observer| reports(observer, &pattern))
            }),
            Self::Outcome(outcomes) => record.outcomes.iter().any(|part| outcomes.contains(&part.outcome)),
            Self::Class(classes) => record.outcomes.iter().any(|part| classes.contains(&part.outcome.class())),
            Self::Perspective(names) => names.contains(&series.perspective),
            Self::Proto(protos) => protos.contains(&TCP),
        }
    }
}

fn address(record: &AnomalyRecord, field: &'static str, own: Option<IpAddr>, nets: &[IpNet]) -> bool {
    match own {
        Some(ip) => within(nets, ip),
        None => due_to(record, field).filter_map(|value| value.parse().ok()).any(|ip| within(nets, ip)),
    }
}

fn due_to<'a>(record: &'a AnomalyRecord, field: &'static str) -> impl Iterator<Item = &'a str> {
    record.influencers.iter().filter(move |part| part.field == field).map(|part| part.value.as_str())
}
