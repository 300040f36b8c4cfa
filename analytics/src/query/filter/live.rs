//! A filter asked of a session that is still being followed.
//!
//! The same language as of stored sessions, over what a session table knows while it looks through its entries.

use tracker::service::service_name;
use tracker::table::{Condition, Glance};

use super::{Exporter, Filter, Test, network, within};
use crate::query::functions::reports;

impl Condition for Filter {
    fn holds(&self, glance: &Glance<'_>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(glance)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(glance)),
            Self::Not(inner) => !inner.holds(glance),
            Self::Test(test) => test.holds(glance),
        }
    }
}

impl Test {
    fn holds(&self, glance: &Glance<'_>) -> bool {
        let (client, server) = (glance.client, glance.server);
        match self {
            Self::Host(nets) => within(nets, client.ip) || within(nets, server.ip),
            Self::Client(nets) => within(nets, client.ip),
            Self::Server(nets) => within(nets, server.ip),
            Self::Port(ranges) => ranges.iter().any(|range| range.contains(server.port)),
            Self::ClientPort(ranges) => ranges.iter().any(|range| range.contains(client.port)),
            Self::Service(names) => {
                service_name(glance.proto, server.port).is_some_and(|own| names.iter().any(|name| name == own))
            }
            Self::Exporter(exporters) => exporters.iter().any(|exporter| match exporter {
                Exporter::Network(net) => reports(glance.observer, &network(net)),
                Exporter::Name(name) => reports(glance.observer, name),
            }),
            Self::Outcome(outcomes) => outcomes.contains(&glance.outcome),
            Self::Class(classes) => classes.contains(&glance.outcome.class()),
            Self::Perspective(names) => names.contains(&glance.perspective),
            Self::Proto(protos) => protos.contains(&glance.proto),
        }
    }
}
