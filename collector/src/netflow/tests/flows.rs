//! Flow records: what is made of times, directions, events and addresses.

use super::build::*;
use crate::netflow::time::SECOND;
use crate::netflow::{FirewallEvent, FlowEnd, FlowRecord};
use tracker::record::ExportType;

const NOW: i64 = EXPORTED as i64 * SECOND;

/// One IPFIX record with the plain fields and these: id, enterprise, octets.
fn with(extra: &[(u16, Option<u32>, Vec<u8>)]) -> FlowRecord {
    let mut fields = PLAIN.to_vec();
    let mut record = plain(0x1b);
    for (id, enterprise, bytes) in extra {
        fields.push((*id, bytes.len() as u16, *enterprise));
        record.extend(bytes);
    }
    let found = flows(&mut decoder(), &ipfix(&[set(2, &template(256, &fields)), set(256, &record)]));
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

fn be<const N: usize>(number: u64) -> Vec<u8> {
    number.to_be_bytes()[8 - N..].to_vec()
}

fn times(start: (u16, Vec<u8>), end: (u16, Vec<u8>)) -> (i64, i64, bool) {
    let flow = with(&[(start.0, None, start.1), (end.0, None, end.1)]);
    (flow.start - NOW, flow.end - NOW, flow.time_repaired)
}

#[test]
fn every_form_of_time() {
    let seconds = u64::from(EXPORTED);
    let expected = (-3 * SECOND, -SECOND, false);
    let ntp = |ago: u64| be::<8>((seconds - ago + 2_208_988_800) << 32);
    assert_eq!(times((150, be::<4>(seconds - 3)), (151, be::<4>(seconds - 1))), expected);
    assert_eq!(times((152, be::<8>(seconds * 1000 - 3000)), (153, be::<8>(seconds * 1000 - 1000))), expected);
    assert_eq!(times((154, ntp(3)), (155, ntp(1))), expected);
    assert_eq!(times((156, ntp(3)), (157, ntp(1))), expected);
    assert_eq!(times((158, be::<4>(3_000_000)), (159, be::<4>(1_000_000))), expected);
    assert_eq!(times((152, be::<8>(seconds * 1000 - 3000)), (161, be::<4>(2000))), expected);
    assert_eq!(times((150, be::<4>(seconds - 3)), (162, be::<4>(2_000_000))), expected);
    // sysUpTime in IPFIX counts from the start of the exporter, where it is told, else back from the export.
    let boot = (160, None, be::<8>(seconds * 1000 - 100_000));
    let flow = with(&[boot, (22, None, be::<4>(97_000)), (21, None, be::<4>(99_000))]);
    assert_eq!((flow.start - NOW, flow.end - NOW), (-3 * SECOND, -SECOND));
    assert_eq!(times((22, be::<4>(97_000)), (21, be::<4>(99_000))), (-2 * SECOND, 0, false));
}

#[test]
fn times_that_cannot_be_true_give_way_to_the_export_time() {
    let future = u64::from(EXPORTED) + 4_294_967;
    assert_eq!(times((150, be::<4>(future)), (151, be::<4>(future + 2))), (-2 * SECOND, 0, true));
    assert_eq!(times((150, be::<4>(1)), (151, be::<4>(2))), (-SECOND, 0, true));
    let seconds = u64::from(EXPORTED);
    assert_eq!(times((150, be::<4>(1)), (151, be::<4>(seconds))), (0, 0, true));
}

#[test]
fn an_exporter_in_the_future_or_in_1970_is_put_to_the_time_of_receipt() {
    let message = ipfix(&[set(2, &template(256, PLAIN)), set(256, &plain(2))]);
    let mut out = Vec::new();
    let early = NOW - 30 * 86_400 * SECOND;
    decoder().decode(source(), early, &message, &mut out);
    assert_eq!(out[0].end, early);
    // A replay of old data keeps its own time.
    out.clear();
    decoder().decode(source(), NOW + 900 * 86_400 * SECOND, &message, &mut out);
    assert_eq!(out[0].end, NOW);
}

#[test]
fn a_biflow_has_both_directions() {
    let reverse = Some(29305);
    let flow =
        with(&[(1, reverse, be::<4>(60)), (2, reverse, be::<4>(1)), (6, reverse, vec![0x14]), (136, None, vec![3])]);
    let back = flow.reverse.unwrap();
    assert_eq!((back.packets, back.bytes, back.flags), (1, 60, Some(0x14)));
    assert_eq!((flow.ended, flow.export_type), (FlowEnd::Detected, ExportType::Ipfix));
    assert_eq!(flow.forward.flags, Some(0x1b));
    assert_eq!(with(&[(239, None, vec![2])]).source_initiates, Some(false));
}

#[test]
fn yaf_flags_of_first_and_other_packets() {
    let cert = Some(6871);
    let flow = with(&[(14, cert, vec![2]), (15, cert, vec![0x18]), (0x400e, cert, vec![0x12])]);
    assert_eq!((flow.forward.initial_flags, flow.forward.flags), (Some(2), Some(0x1b)));
    assert_eq!(flow.reverse.unwrap().initial_flags, Some(0x12));
}

#[test]
fn asa_events_in_v9() {
    let fields = [
        (8, 4, None),
        (12, 4, None),
        (7, 2, None),
        (11, 2, None),
        (4, 1, None),
        (40005, 1, None),
        (33002, 2, None),
        (323, 8, None),
        (231, 4, None),
        (232, 4, None),
        (40001, 4, None),
        (40003, 2, None),
    ];
    let mut record = vec![10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 1, 0xbb, 6, 3, 3, 0xe9];
    record.extend((u64::from(EXPORTED) * 1000 - 500).to_be_bytes());
    record.extend([0, 0, 0, 40, 0, 0, 0, 0, 192, 0, 2, 55, 0x11, 0x11]);
    let found = flows(&mut decoder(), &v9(&[set(0, &template(256, &fields)), set(256, &record)]));
    let flow = &found[0];
    assert!(flow.nsel);
    assert_eq!((flow.firewall, flow.firewall_reason), (Some(FirewallEvent::Denied), Some(1001)));
    assert_eq!((flow.forward.bytes, flow.reverse.unwrap().bytes, flow.forward.flags), (40, 0, None));
    assert_eq!((flow.end - NOW, flow.source_initiates), (-SECOND / 2, Some(true)));
    assert_eq!(flow.nat_src.unwrap().port, 0x1111);
    // PAN-OS sends 233 alone.
    assert!(!with(&[(233, None, vec![1])]).nsel);
}

#[test]
fn icmp_by_its_fields_or_in_the_port() {
    let fields = [(27, 16, None), (28, 16, None), (139, 2, None), (4, 1, None)];
    let mut record = vec![0x20; 32];
    record.extend([128, 0, 58]);
    let found = flows(&mut decoder(), &ipfix(&[set(2, &template(256, &fields)), set(256, &record)]));
    assert_eq!((found[0].icmp, found[0].dst.port, found[0].proto), (Some((128, 0)), 0, 58));
    assert!(found[0].src.ip.is_ipv6());
    let mut v5 = v5(1, 0);
    v5[24 + 38] = 1;
    v5[24 + 34..24 + 36].copy_from_slice(&[3, 1]);
    let found = flows(&mut decoder(), &v5);
    assert_eq!((found[0].icmp, found[0].dst.port), (Some((3, 1)), 0));
}

/// A v5 message of so many equal records.
fn v5(count: u16, sampling: u16) -> Vec<u8> {
    let mut message = vec![0, 5];
    message.extend(count.to_be_bytes());
    message.extend(UPTIME.to_be_bytes());
    message.extend(EXPORTED.to_be_bytes());
    message.extend([0; 8]);
    message.extend([1, 2]);
    message.extend(sampling.to_be_bytes());
    for _ in 0..count {
        let mut record = vec![0_u8; 48];
        record[..8].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        record[19] = 5;
        record[22..24].copy_from_slice(&[1, 0xf4]);
        record[24..28].copy_from_slice(&(UPTIME - 3_000).to_be_bytes());
        record[28..32].copy_from_slice(&(UPTIME - 1_000).to_be_bytes());
        record[32..36].copy_from_slice(&[0x9c, 0x40, 1, 0xbb]);
        record[37..39].copy_from_slice(&[0x1b, 6]);
        message.extend(record);
    }
    message
}

#[test]
fn v5_and_its_sampling() {
    let found = flows(&mut decoder(), &v5(30, 0x4064));
    let flow = &found[29];
    assert_eq!((flow.start - NOW, flow.end - NOW), (-3 * SECOND, -SECOND));
    assert_eq!((flow.forward.packets, flow.forward.bytes, flow.forward.flags), (5, 500, Some(0x1b)));
    assert_eq!((flow.domain, flow.sampling, flow.export_type), (0x102, 100, ExportType::Netflow));
    assert_eq!((flow.src.port, flow.dst.port, flow.proto), (40_000, 443, 6));
    assert_eq!(flows(&mut decoder(), &v5(40, 0)).len(), 40);
    assert_eq!(flows(&mut decoder(), &[v5(2, 0), v5(3, 0)].concat()).len(), 5);
    assert_eq!(flows(&mut decoder(), &v5(2, 0)[..24 + 48 + 20]).len(), 1);
}

#[test]
fn v7_has_a_router_at_the_end() {
    let mut message = v5(1, 0);
    message[1] = 7;
    message.extend([192, 0, 2, 9]);
    let shown = objects(&mut decoder(), &message);
    assert_eq!(shown[0]["ipv4RouterSc"], "192.0.2.9");
    assert_eq!((shown[0]["version"].as_u64(), shown[0]["tcpControlBits"].as_u64()), (Some(7), Some(0x1b)));
}

#[test]
fn structured_data_is_read() {
    // A basic list of interfaces, a list of plain flows, and a list of such lists (RFC 6313).
    let fields =
        [(8, 4, None), (12, 4, None), (291, 65535, None), (292, 65535, None), (293, 65535, None), (4, 1, None)];
    let with_length = |list: Vec<u8>| [vec![list.len() as u8], list].concat();
    let basic = with_length(vec![3, 0, 10, 0, 2, 0, 7, 0, 9]);
    let records = with_length([vec![4, 1, 0], plain(2), plain(0x12)].concat());
    let lists = with_length([vec![255, 1, 0, 0, 26], plain(4)].concat());
    let record = [vec![10, 0, 0, 1, 10, 0, 0, 2], basic, records, lists, vec![17]].concat();
    let message = ipfix(&[set(2, &[template(256, PLAIN), template(257, &fields)].concat()), set(257, &record)]);
    let shown = &objects(&mut decoder(), &message)[0];
    assert_eq!(shown["basicList"]["semantic"], "allOf");
    assert_eq!(shown["basicList"]["element"], "ingressInterface");
    assert_eq!(shown["basicList"]["values"].as_array().unwrap().len(), 2);
    assert_eq!(shown["subTemplateList"]["records"][1]["tcpControlBits"], 0x12);
    assert_eq!(shown["subTemplateMultiList"]["lists"][0]["records"][0]["tcpControlBits"], 4);
    assert_eq!(flows(&mut decoder(), &message)[0].proto, 17);
    // What is not whole is shown as it came, and costs nothing else.
    let damaged = [vec![10, 0, 0, 1, 10, 0, 0, 2], with_length(vec![3, 0, 10, 0, 2, 0]), vec![0, 0, 6]].concat();
    let message = ipfix(&[set(2, &template(257, &fields)), set(257, &damaged)]);
    let shown = &objects(&mut decoder(), &message)[0];
    assert_eq!((shown["basicList"].as_str(), shown["protocolIdentifier"].as_u64()), (Some("0x03000a000200"), Some(6)));
}
