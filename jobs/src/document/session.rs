//! The document of a session, in either vocabulary.

use serde_json::{Map, Value};
use tracker::record::HostInfo;
use tracker::{Micros, OutcomeClass, Perspective, SessionRecord};

use super::{Document, Documents, port_name};
use crate::schema::{Concept, Schema};

impl Documents {
    /// A session as a document. Its id is that of the session, so that a later record of the same one replaces it.
    pub fn session(&self, session: &SessionRecord) -> Document {
        let ecs = self.schema == Schema::Ecs;
        let mut body = Map::new();
        let mut put = |field: &str, value: Value| {
            if !value.is_null() {
                body.insert(field.to_owned(), value);
            }
        };
        let field = |concept: Concept| concept.field(self.schema);
        put(field(Concept::Time), time(session.end).into());
        let (start, end) =
            if ecs { ("event.start", "event.end") } else { ("flow.start.timestamp", "flow.end.timestamp") };
        put(start, time(session.start).into());
        put(end, time(session.end).into());
        put(if ecs { "event.duration" } else { "flow.duration" }, ((session.end - session.start) * 1_000).into());
        put("session_id", format!("{:016x}", session.session_id).into());
        put(field(Concept::ClientAddress), session.client.ip.to_string().into());
        put(field(Concept::ServerAddress), session.server.ip.to_string().into());
        put(field(Concept::SourceAddress), session.client.ip.to_string().into());
        put(field(Concept::DestinationAddress), session.server.ip.to_string().into());
        for (concept, port) in [
            (Concept::ClientPort, session.client.port),
            (Concept::SourcePort, session.client.port),
            (Concept::ServerPort, session.server.port),
            (Concept::DestinationPort, session.server.port),
        ] {
            put(field(concept), port.into());
        }
        let service = tracker::service::service_name(session.proto, session.server.port);
        put(field(Concept::ServerPortName), port_name(session.server.port, service).into());
        put(field(Concept::Transport), self.transport(session.proto).into());
        put(if ecs { "network.iana_number" } else { "l4.proto.id" }, session.proto.into());
        let class = session.outcome.class();
        put(field(Concept::Established), (class == OutcomeClass::Established).into());
        put(field(Concept::Outcome), session.outcome.as_str().into());
        put("l4.session.outcome_class", class.as_str().into());
        put("l4.session.end_reason", session.end_reason.as_str().into());
        put("l4.session.confidence", session.confidence.as_str().into());
        put("l4.session.perspective", session.perspective.as_str().into());
        let locality = if session.perspective == Perspective::Private { "private" } else { "public" };
        put(field(Concept::Locality), locality.into());
        put(field(Concept::ExportType), session.export_type.as_str().into());
        put(field(Concept::Exporter), Value::from(&*session.observer));
        put(field(Concept::Bytes), (session.sent.bytes.saturating_add(session.received.bytes)).into());
        put(field(Concept::Packets), (session.sent.packets.saturating_add(session.received.packets)).into());
        let sides = if ecs { ["client", "server"] } else { ["flow.client", "flow.server"] };
        for (side, totals) in sides.iter().zip([session.sent, session.received]) {
            put(&format!("{side}.bytes"), totals.bytes.into());
            put(&format!("{side}.packets"), totals.packets.into());
        }
        let flags = session.sent.tcp_flags.into_iter().chain(session.received.tcp_flags).reduce(|a, b| a | b);
        put(field(Concept::TcpFlagBits), flags.map_or(Value::Null, Value::from));
        put(field(Concept::IngressInterface), session.input_interface.map_or(Value::Null, |i| i.to_string().into()));
        put(field(Concept::EgressInterface), session.output_interface.map_or(Value::Null, |i| i.to_string().into()));
        put("zeek.conn_state", session.conn_state.map_or(Value::Null, Value::from));
        put("zeek.history", session.history.as_deref().map_or(Value::Null, Value::from));
        put(
            if ecs { "network.vlan.id" } else { "flow.vlan.id" },
            session.vlan.map_or(Value::Null, |v| v.to_string().into()),
        );
        for (info, host, org) in [
            (&session.client_info, Concept::ClientHost, Concept::ClientAsOrg),
            (&session.server_info, Concept::ServerHost, Concept::ServerAsOrg),
        ] {
            let HostInfo { as_org, host: name, .. } = info;
            put(field(host), name.as_deref().map_or(Value::Null, Value::from));
            put(field(org), as_org.as_deref().map_or(Value::Null, Value::from));
        }
        Document { id: format!("session_{:016x}", session.session_id), body }
    }

    fn transport(&self, proto: u8) -> String {
        let name = match proto {
            1 => "icmp",
            6 => "tcp",
            17 => "udp",
            58 => "ipv6-icmp",
            132 => "sctp",
            other => return other.to_string(),
        };
        if self.schema == Schema::Ecs { name.to_owned() } else { name.to_uppercase() }
    }
}

/// ISO 8601 with microseconds, in UTC.
fn time(micros: Micros) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tracker::{Endpoint, Outcome};

    use super::*;
    use crate::id::Prefix;

    #[test]
    fn both_vocabularies_say_the_same() {
        let client = Endpoint { ip: IpAddr::from([192, 0, 2, 9]), port: 50_000 };
        let server = Endpoint { ip: IpAddr::from([10, 2, 0, 7]), port: 443 };
        let mut session = SessionRecord::new(0xabc, 1_763_700_000_000_000, 6, client, server);
        session.end += 1_500_000;
        session.outcome = Outcome::Refused;
        session.sent.tcp_flags = Some(2);
        session.received.tcp_flags = Some(0x14);
        let of = |schema| Documents::new(schema, Prefix::default()).session(&session);
        let (ecs, codex) = (of(Schema::Ecs), of(Schema::Codex));
        assert_eq!((ecs.id.as_str(), &ecs.id), ("session_0000000000000abc", &codex.id));
        for (document, schema) in [(&ecs.body, Schema::Ecs), (&codex.body, Schema::Codex)] {
            assert_eq!(document[Concept::ServerAddress.field(schema)], "10.2.0.7");
            assert_eq!(document[Concept::ServerPortName.field(schema)], "https");
            assert_eq!(document[Concept::Established.field(schema)], false);
            assert_eq!(document[Concept::TcpFlagBits.field(schema)], 0x16);
            assert_eq!(document["@timestamp"], "2025-11-21T04:40:01.500000Z");
            assert_eq!(document["l4.session.outcome"], "refused");
        }
        assert_eq!((&ecs.body["network.transport"], &codex.body["l4.proto.name"]), (&"tcp".into(), &"TCP".into()));
    }
}
