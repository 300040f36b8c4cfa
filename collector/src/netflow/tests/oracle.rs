//! The parser crate as a differential oracle: random templates and records read alike by both, and by both of our forms.

use netflow_parser::variable_versions::{ipfix, v9 as nine};
use netflow_parser::{FieldValue, NetflowPacket, NetflowParser};
use proptest::prelude::*;
use serde_json::Value;

use super::build::*;

/// Elements that both readers take as numbers or addresses, with the widths they may have.
const ELEMENTS: &[(u16, &[u16])] = &[
    (1, &[1, 2, 4, 8]),
    (2, &[1, 2, 4, 8]),
    (7, &[2]),
    (8, &[4]),
    (10, &[2, 4]),
    (11, &[2]),
    (12, &[4]),
    (14, &[2, 4]),
    (15, &[4]),
    (16, &[2, 4]),
    (17, &[2, 4]),
    (27, &[16]),
    (28, &[16]),
    (34, &[4]),
    (56, &[6]),
    (58, &[2]),
    (80, &[6]),
    (148, &[4, 8]),
    (231, &[4, 8]),
    (232, &[4, 8]),
    (278, &[4]),
];

/// What the oracle reads, where it reads a number or an address.
fn theirs(value: &FieldValue) -> Option<Value> {
    match value {
        FieldValue::DataNumber(number) => number.as_u64().map(Value::from),
        FieldValue::Ip4Addr(ip) => Some(ip.to_string().into()),
        FieldValue::Ip6Addr(ip) => Some(ip.to_string().into()),
        FieldValue::MacAddr(mac) => Some(mac.map(|octet| format!("{octet:02x}")).join(":").into()),
        _ => None,
    }
}

/// The values of every data record of a message, as the oracle reads them.
fn oracle(message: &[u8]) -> Vec<Vec<Option<Value>>> {
    let mut parser = NetflowParser::builder().with_max_records_per_flowset(65_535).build().unwrap();
    let parsed = parser.parse_bytes(message);
    let mut records = Vec::new();
    match &parsed.packets[0] {
        NetflowPacket::IPFix(packet) => {
            for set in &packet.flowsets {
                if let ipfix::FlowSetBody::Data(data) = &set.body {
                    records.extend(data.fields.iter().map(|r| r.iter().map(|(_, value)| theirs(value)).collect()));
                }
            }
        }
        NetflowPacket::V9(packet) => {
            for set in &packet.flowsets {
                if let nine::FlowSetBody::Data(data) = &set.body {
                    records.extend(data.fields.iter().map(|r| r.iter().map(|(_, value)| theirs(value)).collect()));
                }
            }
        }
        other => panic!("{other:?}"),
    }
    records
}

fn shape() -> impl Strategy<Value = Vec<(u16, u16)>> {
    proptest::sample::subsequence(ELEMENTS.to_vec(), 1..ELEMENTS.len()).prop_shuffle().prop_flat_map(|elements| {
        elements
            .into_iter()
            .map(|(id, widths)| proptest::sample::select(widths).prop_map(move |width| (id, width)))
            .collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn both_read_the_same_values(fields in shape(), seed in proptest::collection::vec(1_u8.., 400), nine in any::<bool>()) {
        let length: usize = fields.iter().map(|(_, width)| usize::from(*width)).sum();
        let count = (seed.len() / length).clamp(1, 5);
        let body: Vec<u8> = seed.iter().copied().cycle().take(length * count).collect();
        let specs: Vec<_> = fields.iter().map(|&(id, width)| (id, width, None)).collect();
        let message = if nine {
            v9(&[set(0, &template(256, &specs)), set(256, &body)])
        } else {
            ipfix(&[set(2, &template(256, &specs)), set(256, &body)])
        };
        let ours = objects(&mut decoder(), &message);
        let theirs = oracle(&message);
        prop_assert_eq!(ours.len(), count);
        prop_assert_eq!(ours.len(), theirs.len());
        let mut compared = 0;
        for (object, record) in ours.iter().zip(theirs) {
            // Fields follow six columns of the message.
            for ((name, mine), value) in object.iter().skip(6).zip(record) {
                if let Some(value) = value {
                    prop_assert_eq!(mine, &value, "{}", name);
                    compared += 1;
                }
            }
        }
        // In v9 it leaves some newer elements as octets.
        prop_assert!(nine || compared > 0);
    }

    #[test]
    fn plans_take_what_is_shown(fields in shape(), seed in proptest::collection::vec(1_u8.., 400), text in "[a-z]{0,20}", at in any::<proptest::sample::Index>()) {
        // Addresses so that it is a flow, and a text of any length somewhere.
        let mut fields: Vec<_> = fields.into_iter().filter(|(id, _)| !matches!(id, 8 | 12 | 27 | 28)).collect();
        fields.extend([(8, 4), (12, 4)]);
        let place = at.index(fields.len() + 1);
        fields.insert(place, (371, 65535));
        let mut record = Vec::new();
        let mut octets = seed.iter().copied().cycle();
        for &(_, width) in &fields {
            if width == 65535 {
                record.push(text.len() as u8);
                record.extend(text.as_bytes());
            } else {
                record.extend(octets.by_ref().take(usize::from(width)));
            }
        }
        let specs: Vec<_> = fields.iter().map(|&(id, width)| (id, width, None)).collect();
        let message = ipfix(&[set(2, &template(256, &specs)), set(256, &record.repeat(2))]);
        let (taken, shown) = (flows(&mut decoder(), &message), objects(&mut decoder(), &message));
        prop_assert_eq!((taken.len(), shown.len()), (2, 2));
        for (flow, object) in taken.iter().zip(&shown) {
            let number = |name: &str| object.get(name).and_then(Value::as_u64);
            prop_assert_eq!(object["sourceIPv4Address"].as_str().unwrap(), flow.src.ip.to_string());
            prop_assert_eq!(object["destinationIPv4Address"].as_str().unwrap(), flow.dst.ip.to_string());
            prop_assert_eq!(number("sourceTransportPort").unwrap_or(0), u64::from(flow.src.port));
            prop_assert_eq!(number("destinationTransportPort").unwrap_or(0), u64::from(flow.dst.port));
            prop_assert_eq!(number("ingressInterface"), flow.input_interface.map(u64::from));
            prop_assert_eq!(number("bgpSourceAsNumber"), flow.src_as.map(u64::from));
            prop_assert_eq!(number("newConnectionDeltaCount"), flow.new_connections);
            prop_assert_eq!(number("packetDeltaCount").unwrap_or(0), flow.forward.packets);
            let octets = number("octetDeltaCount").or(number("initiatorOctets")).unwrap_or(0);
            prop_assert_eq!(octets, flow.forward.bytes);
            prop_assert_eq!(number("responderOctets"), flow.reverse.map(|reverse| reverse.bytes));
        }
    }

    #[test]
    fn plan_and_json_read_the_same(flags in any::<u8>(), repeat in 1_usize..50) {
        let message = ipfix(&[set(2, &template(256, PLAIN)), set(256, &plain(flags).repeat(repeat))]);
        let records = flows(&mut decoder(), &message);
        let shown = objects(&mut decoder(), &message);
        prop_assert_eq!(records.len(), shown.len());
        for (flow, object) in records.iter().zip(&shown) {
            prop_assert_eq!(object["tcpControlBits"].as_u64(), flow.forward.flags.map(u64::from));
            let address = flow.src.ip.to_string();
            prop_assert_eq!(object["sourceIPv4Address"].as_str(), Some(address.as_str()));
            prop_assert_eq!(object["octetDeltaCount"].as_u64(), Some(flow.forward.bytes));
        }
    }
}
