//! The two field vocabularies, CODEX and ECS: which field carries which concept.
//!
//! Owns every field name that leaves the product. Must not know jobs or result documents.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A field vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schema {
    /// `ElastiFlow`'s own flow schema.
    Codex,
    /// Elastic Common Schema.
    Ecs,
}

impl Schema {
    /// Both, in the order of the job list.
    pub const ALL: [Self; 2] = [Self::Codex, Self::Ecs];

    /// The name as used in job ids, paths and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::Ecs => "ecs",
        }
    }

    /// The value that means TCP in [`Concept::Transport`].
    pub const fn tcp(self) -> &'static str {
        match self {
            Self::Codex => "TCP",
            Self::Ecs => "tcp",
        }
    }

    /// The concept of a field in either vocabulary; a multi-field such as `x.keyword` is the field itself.
    pub fn concept_of(field: &str) -> Option<Concept> {
        let field = field.strip_suffix(".keyword").unwrap_or(field);
        Self::ALL.into_iter().find_map(|schema| schema.concept(field))
    }

    /// The concept that this vocabulary's field carries, `None` for fields it does not have.
    pub fn concept(self, field: &str) -> Option<Concept> {
        Concept::ALL.iter().copied().find(|concept| concept.field(self) == field)
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Schema {
    type Err = UnknownSchema;

    fn from_str(name: &str) -> Result<Self, UnknownSchema> {
        Self::ALL.into_iter().find(|schema| schema.as_str() == name).ok_or_else(|| UnknownSchema(name.to_owned()))
    }
}

/// A name that no schema has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown schema {0:?}, expected \"ecs\" or \"codex\"")]
pub struct UnknownSchema(pub String);

macro_rules! concepts {
    ($($(#[$doc:meta])* $variant:ident = $codex:literal, $ecs:literal;)+) => {
        /// What a field says, whatever it is called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Concept { $($(#[$doc])* $variant,)+ }

        impl Concept {
            /// Every concept.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The field that carries it.
            pub const fn field(self, schema: Schema) -> &'static str {
                match (self, schema) {
                    $((Self::$variant, Schema::Codex) => $codex, (Self::$variant, Schema::Ecs) => $ecs,)+
                }
            }
        }
    };
}

concepts! {
    /// Time of the record.
    Time = "@timestamp", "@timestamp";
    /// Address of the initiator.
    ClientAddress = "flow.client.ip.addr", "client.ip";
    /// Address of the responder.
    ServerAddress = "flow.server.ip.addr", "server.ip";
    /// Port of the initiator.
    ClientPort = "flow.client.l4.port.id", "client.port";
    /// Port of the responder.
    ServerPort = "flow.server.l4.port.id", "server.port";
    /// Name of the responder's port.
    ServerPortName = "flow.server.l4.port.name", "flow.server.l4.port.name";
    /// Host name of the initiator.
    ClientHost = "flow.client.host.name", "client.domain";
    /// Host name of the responder.
    ServerHost = "flow.server.host.name", "server.domain";
    /// Autonomous system organisation of the initiator; `PRIVATE` for private addresses.
    ClientAsOrg = "flow.client.as.org", "client.as.organization.name";
    /// Autonomous system organisation of the responder; `PRIVATE` for private addresses.
    ServerAsOrg = "flow.server.as.org", "server.as.organization.name";
    /// Label (number and organisation) of the initiator's autonomous system.
    ClientAsLabel = "flow.client.as.label", "flow.client.as.label";
    /// Label (number and organisation) of the responder's autonomous system.
    ServerAsLabel = "flow.server.as.label", "flow.server.as.label";
    /// Cloud provider of the initiator's address.
    ClientCloudProvider = "flow.client.cloud.provider.name", "flow.client.cloud.provider.name";
    /// Cloud provider of the responder's address.
    ServerCloudProvider = "flow.server.cloud.provider.name", "flow.server.cloud.provider.name";
    /// Cloud service of the initiator's address.
    ClientCloudService = "flow.client.cloud.service.name", "flow.client.cloud.service.name";
    /// Cloud service of the responder's address.
    ServerCloudService = "flow.server.cloud.service.name", "flow.server.cloud.service.name";
    /// Address that sent the record's packets.
    SourceAddress = "flow.src.ip.addr", "source.ip";
    /// Address that received the record's packets.
    DestinationAddress = "flow.dst.ip.addr", "destination.ip";
    /// Port that sent.
    SourcePort = "flow.src.l4.port.id", "source.port";
    /// Port that received.
    DestinationPort = "flow.dst.l4.port.id", "destination.port";
    /// Transport protocol.
    Transport = "l4.proto.name", "network.transport";
    /// Whether the session established.
    Established = "l4.session.established", "l4.session.established";
    /// How the session ended.
    Outcome = "l4.session.outcome", "l4.session.outcome";
    /// Kind of export: netflow, ipfix, packet.
    ExportType = "flow.export.type", "event.dataset";
    /// The exporter.
    Exporter = "flow.export.host.name", "host.name";
    /// Locality of the session: `private` when both sides are.
    Locality = "flow.locality", "flow.locality";
    /// Name of a known threat that an address belongs to.
    ThreatName = "sec.threat.name", "sec.threat.name";
    /// Bytes.
    Bytes = "flow.bytes", "network.bytes";
    /// Packets.
    Packets = "flow.packets", "network.packets";
    /// TCP flags as a number.
    TcpFlagBits = "tcp.flags.bits", "tcp.flags.bits";
    /// TCP flags by name.
    TcpFlagTags = "tcp.flags.tags", "tcp.flags.tags";
    /// Ingress interface.
    IngressInterface = "flow.in.netif.name", "observer.ingress.interface.name";
    /// Egress interface.
    EgressInterface = "flow.out.netif.name", "observer.egress.interface.name";
    /// Community id.
    CommunityId = "flow.community.id", "network.community_id";
    /// Number of the initiator's autonomous system.
    ClientAsNumber = "flow.client.as.asn", "client.as.number";
    /// Number of the responder's autonomous system.
    ServerAsNumber = "flow.server.as.asn", "server.as.number";
    /// Country of the initiator's address, ISO 3166-1 alpha-2.
    ClientCountry = "flow.client.geo.country.code", "client.geo.country_iso_code";
    /// Country of the responder's address, ISO 3166-1 alpha-2.
    ServerCountry = "flow.server.geo.country.code", "server.geo.country_iso_code";
    /// City of the initiator's address.
    ClientCity = "flow.client.geo.city.name", "client.geo.city_name";
    /// City of the responder's address.
    ServerCity = "flow.server.geo.city.name", "server.geo.city_name";
    /// Bytes that the initiator sent.
    ClientBytes = "flow.client.bytes", "client.bytes";
    /// Bytes that the responder sent.
    ServerBytes = "flow.server.bytes", "server.bytes";
    /// Packets that the initiator sent.
    ClientPackets = "flow.client.packets", "client.packets";
    /// Packets that the responder sent.
    ServerPackets = "flow.server.packets", "server.packets";
    /// Bytes that the source sent.
    SourceBytes = "flow.src.bytes", "source.bytes";
    /// Bytes that the destination sent.
    DestinationBytes = "flow.dst.bytes", "destination.bytes";
    /// Packets that the source sent.
    SourcePackets = "flow.src.packets", "source.packets";
    /// Packets that the destination sent.
    DestinationPackets = "flow.dst.packets", "destination.packets";
    /// Number of the transport protocol.
    ProtocolNumber = "l4.proto.num", "network.iana_number";
    /// Address of the exporter.
    ExporterAddress = "flow.export.ip.addr", "observer.ip";
    /// Which way the session crosses the border: `inbound`, `outbound`, `internal` or `external`.
    Direction = "flow.direction.name", "network.direction";
    /// Class of the outcome: `established`, `failed`, `probe` or `indeterminate`.
    OutcomeClass = "l4.session.outcome_class", "l4.session.outcome_class";
    /// Perspective: `edge`, `inbound`, `outbound` or `private`.
    Perspective = "flow.perspective", "flow.perspective";
    /// SYN packets that the initiator sent.
    SynCount = "tcp.syn.count", "tcp.syn.count";
    /// Duration, nanoseconds.
    Duration = "flow.duration", "event.duration";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_means_one_thing() {
        for schema in Schema::ALL {
            for &concept in Concept::ALL {
                assert_eq!(schema.concept(concept.field(schema)), Some(concept));
            }
            assert_eq!(schema.concept("no.such.field"), None);
            let known = |concept: &&Concept| Schema::concept_of(concept.field(schema)) != Some(**concept);
            assert_eq!(Concept::ALL.iter().find(known), None, "a name means one thing in both");
        }
    }

    #[test]
    fn names_parse_back() {
        for schema in Schema::ALL {
            assert_eq!(schema.as_str().parse(), Ok(schema));
        }
        assert!("ECS".parse::<Schema>().is_err());
    }
}
