//! The parser crate as a differential oracle: random templates and records read alike by both.

use netflow_parser::variable_versions::ipfix::FlowSetBody;
use netflow_parser::{FieldValue, NetflowPacket, NetflowParser};
use proptest::prelude::*;

use super::build::{PLAIN, decoder, flows, ipfix, objects, plain, set, template};

/// Unsigned elements of the registry that both readers take as plain numbers, with the widths they may have.
const ELEMENTS: &[(u16, &[u16])] = &[
    (1, &[1, 2, 4, 8]),
    (2, &[1, 2, 4, 8]),
    (7, &[2]),
    (11, &[2]),
    (10, &[2, 4]),
    (14, &[2, 4]),
    (16, &[2, 4]),
    (17, &[2, 4]),
    (34, &[4]),
    (58, &[2]),
    (148, &[4, 8]),
    (231, &[4, 8]),
    (232, &[4, 8]),
    (278, &[4]),
];

fn number(value: &FieldValue) -> Option<u64> {
    match value {
        FieldValue::DataNumber(number) => number.as_u64(),
        _ => None,
    }
}

fn shape() -> impl Strategy<Value = Vec<(u16, u16)>> {
    proptest::sample::subsequence(ELEMENTS.to_vec(), 1..ELEMENTS.len()).prop_flat_map(|elements| {
        elements
            .into_iter()
            .map(|(id, widths)| proptest::sample::select(widths).prop_map(move |width| (id, width)))
            .collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn both_read_the_same_numbers(fields in shape(), seed in proptest::collection::vec(any::<u8>(), 400)) {
        let length: usize = fields.iter().map(|(_, width)| usize::from(*width)).sum();
        let count = (seed.len() / length).clamp(1, 5);
        let mut body: Vec<u8> = seed.iter().copied().cycle().take(length * count).collect();
        body[0] |= 1;
        let specs: Vec<_> = fields.iter().map(|&(id, width)| (id, width, None)).collect();
        let message = ipfix(&[set(2, &template(256, &specs)), set(256, &body)]);
        let ours = objects(&mut decoder(), &message);
        let mut parser = NetflowParser::default();
        let parsed = parser.parse_bytes(&message);
        let NetflowPacket::IPFix(theirs) = &parsed.packets[0] else { panic!("no ipfix") };
        let records: Vec<_> = theirs
            .flowsets
            .iter()
            .filter_map(|set| match &set.body { FlowSetBody::Data(data) => Some(&data.fields), _ => None })
            .flatten()
            .collect();
        prop_assert_eq!(ours.len(), records.len());
        for (object, record) in ours.iter().zip(records) {
            // Fields follow six columns of the message.
            for ((name, mine), (_, value)) in object.iter().skip(6).zip(record) {
                if let Some(number) = number(value) {
                    prop_assert_eq!(mine.as_u64(), Some(number), "{}", name);
                }
            }
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
