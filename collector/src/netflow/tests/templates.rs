//! Templates: learning, redefinition, withdrawal, data before template, options, scopes, limits.

use super::build::*;
use crate::netflow::pending::Waiting;
use crate::netflow::{Decoder, DecoderSettings, DropReason};

fn learn(decoder: &mut Decoder) {
    flows(decoder, &ipfix(&[set(2, &template(256, PLAIN))]));
}

#[test]
fn data_waits_for_its_template() {
    let mut decoder = decoder();
    assert!(flows(&mut decoder, &ipfix(&[set(256, &[plain(2), plain(0x12)].concat())])).is_empty());
    assert_eq!(decoder.totals().waiting_sets, 1);
    let found = flows(&mut decoder, &ipfix(&[set(2, &template(256, PLAIN))]));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].forward.flags, Some(0x12));
    assert_eq!((decoder.totals().waiting_sets, decoder.totals().drops.total()), (0, 0));
}

#[test]
fn waiting_data_is_bounded() {
    let settings = DecoderSettings { max_pending_bytes: 100 + size_of::<Waiting>(), ..DecoderSettings::default() };
    let mut decoder = Decoder::new(settings);
    for _ in 0..10 {
        flows(&mut decoder, &ipfix(&[set(256, &[1; 60])]));
    }
    flows(&mut decoder, &ipfix(&[set(256, &[1; 101])]));
    let drops = decoder.totals().drops;
    assert_eq!((drops.get(DropReason::PendingExpired), drops.get(DropReason::PendingFull)), (9, 1));
    decoder.finish();
    assert_eq!(decoder.totals().drops.get(DropReason::PendingExpired), 10);
    assert_eq!(decoder.totals().waiting_sets, 0);
}

#[test]
fn a_template_can_be_redefined_and_withdrawn() {
    let mut decoder = decoder();
    learn(&mut decoder);
    let other = [(12, 4, None), (8, 4, None), (4, 1, None)];
    flows(&mut decoder, &ipfix(&[set(2, &template(256, &other))]));
    let found = flows(&mut decoder, &ipfix(&[set(256, &[10, 0, 0, 9, 10, 0, 0, 8, 6])]));
    assert_eq!(found[0].src.ip.to_string(), "10.0.0.8");
    assert_eq!(decoder.totals().sources.templates_redefined, 1);
    flows(&mut decoder, &ipfix(&[set(2, &[1, 0, 0, 0])]));
    assert!(flows(&mut decoder, &ipfix(&[set(256, &plain(2))])).is_empty());
    learn(&mut decoder);
    flows(&mut decoder, &ipfix(&[set(2, &[0, 2, 0, 0])]));
    assert!(flows(&mut decoder, &ipfix(&[set(256, &plain(2))])).is_empty());
    assert_eq!(decoder.totals().sources.templates_withdrawn, 2);
}

#[test]
fn domains_and_exporters_do_not_share_templates() {
    let mut decoder = decoder();
    learn(&mut decoder);
    let data = [set(256, &plain(2))];
    assert!(flows(&mut decoder, &ipfix_numbered(8, 0, &data)).is_empty());
    let mut out = Vec::new();
    decoder.decode("192.0.2.2:4000".parse().unwrap(), 0, &ipfix(&data), &mut out);
    assert!(out.is_empty());
    // Another port of the same address is the same exporter, also as a v4-mapped address.
    decoder.decode("[::ffff:192.0.2.1]:9".parse().unwrap(), 0, &ipfix(&data), &mut out);
    assert_eq!(out.len(), 1);
}

#[test]
fn ports_tell_exporters_apart_where_configured() {
    let settings =
        DecoderSettings { port_sensitive: vec!["192.0.2.0/24".parse().unwrap()], ..DecoderSettings::default() };
    let mut decoder = Decoder::new(settings);
    learn(&mut decoder);
    let mut out = Vec::new();
    decoder.decode("192.0.2.1:4001".parse().unwrap(), 0, &ipfix(&[set(256, &plain(2))]), &mut out);
    assert!(out.is_empty());
    decoder.decode(source(), 0, &ipfix(&[set(256, &plain(2))]), &mut out);
    assert_eq!(out[0].exporter.to_string(), "192.0.2.1:4000");
}

#[test]
fn limits() {
    let settings = DecoderSettings { max_templates: 2, max_fields: 8, max_exporters: 1, ..DecoderSettings::default() };
    let mut decoder = Decoder::new(settings);
    let three: Vec<u8> = (256..259).flat_map(|id| template(id, PLAIN)).collect();
    flows(&mut decoder, &ipfix(&[set(2, &three)]));
    let long: Vec<_> = (0..9).map(|_| (1, 4, None)).collect();
    flows(&mut decoder, &ipfix(&[set(2, &template(300, &long))]));
    assert_eq!(decoder.totals().drops.get(DropReason::TemplateLimit), 2);
    // A source that has sent records keeps its place.
    flows(&mut decoder, &ipfix(&[set(256, &plain(2))]));
    flows(&mut decoder, &ipfix_numbered(99, 0, &[]));
    assert_eq!(decoder.totals().drops.get(DropReason::TooManyExporters), 1);
}

#[test]
fn variable_length_and_empty_fields() {
    let fields = [(8, 4, None), (12, 4, None), (371, 65535, None), (4, 1, None)];
    let mut data = vec![10, 0, 0, 1, 10, 0, 0, 2, 0, 6];
    data.extend([10, 0, 0, 3, 10, 0, 0, 4, 3, b'b', b'o', b'b', 17]);
    data.extend([10, 0, 0, 5, 10, 0, 0, 6, 255, 0, 2, b'h', b'i', 1, 0, 0]);
    let sets = [set(2, &template(256, &fields)), set(256, &data)];
    // H3C writes the IPFIX marker into v9 templates.
    for message in [ipfix(&sets), v9(&[set(0, &template(256, &fields)), sets[1].clone()])] {
        let found = flows(&mut decoder(), &message);
        assert_eq!(found.iter().map(|flow| flow.proto).collect::<Vec<_>>(), [6, 17, 1]);
        let shown = objects(&mut decoder(), &message);
        assert_eq!(shown.iter().map(|o| o["userName"].as_str().unwrap()).collect::<Vec<_>>(), ["", "bob", "hi"]);
    }
}

#[test]
fn more_than_a_thousand_records_and_several_messages_in_one_buffer() {
    let many: Vec<u8> = (0..2_000).flat_map(|_| plain(2)).collect();
    let first = ipfix(&[set(2, &template(256, PLAIN)), set(256, &many)]);
    assert_eq!(flows(&mut decoder(), &first).len(), 2_000);
    let ipfixes = [first, ipfix_numbered(9, 0, &[set(2, &template(256, PLAIN)), set(256, &plain(2))])].concat();
    let found = flows(&mut decoder(), &ipfixes);
    assert_eq!((found.len(), found[2_000].domain), (2_001, 9));
    let one = |sequence| v9_numbered(7, sequence, &[set(0, &template(256, PLAIN)), set(256, &plain(2))]);
    assert_eq!(flows(&mut decoder(), &[one(1), one(2), one(3)].concat()).len(), 3);
}

#[test]
fn zero_filled_tails_are_padding() {
    let mut message = v9(&[set(0, &[template(256, PLAIN), vec![0; 60]].concat()), set(256, &plain(2))]);
    message.extend([0; 40]);
    let mut decoder = decoder();
    assert_eq!(flows(&mut decoder, &message).len(), 1);
    assert_eq!(decoder.totals().drops.total(), 0);
    let padded = ipfix(&[set(256, &[plain(2), vec![0; 66]].concat())]);
    learn(&mut decoder);
    assert_eq!(flows(&mut decoder, &padded).len(), 1);
}

#[test]
fn samplers_are_told_apart_by_id() {
    let mut fields = PLAIN.to_vec();
    fields.push((48, 1, None));
    let options = |id: u8, interval: u32| {
        let mut record = vec![id];
        record.extend(interval.to_be_bytes());
        record
    };
    // An options template scoped by sampler id (IPFIX), then two samplers.
    let mut definition = 300_u16.to_be_bytes().to_vec();
    definition.extend([0, 2, 0, 1]);
    definition.extend(specs(&[(48, 1, None), (50, 4, None)]));
    let data: Vec<u8> = [1_u8, 2, 3].iter().flat_map(|id| [plain(2), vec![*id]].concat()).collect();
    let message = ipfix(&[
        set(3, &definition),
        set(300, &[options(1, 100), options(2, 1_000)].concat()),
        set(2, &template(256, &fields)),
        set(256, &data),
    ]);
    let mut decoder = decoder();
    let sampling: Vec<u32> = flows(&mut decoder, &message).iter().map(|flow| flow.sampling).collect();
    assert_eq!(sampling, [100, 1_000, 1]);
    assert_eq!(decoder.totals().sources.options_records, 2);
}

#[test]
fn v9_options_give_the_interval_for_all() {
    let mut definition = 300_u16.to_be_bytes().to_vec();
    definition.extend([0, 4, 0, 8]);
    definition.extend(specs(&[(1, 4, None), (34, 4, None), (35, 1, None)]));
    let message = v9(&[
        set(1, &definition),
        set(300, &[0, 0, 0, 0, 0, 0, 0, 64, 2]),
        set(0, &template(256, PLAIN)),
        set(256, &plain(2)),
    ]);
    assert_eq!(flows(&mut decoder(), &message)[0].sampling, 64);
    let shown = objects(&mut decoder(), &message);
    assert_eq!((shown[0]["scopeSystem"].as_u64(), shown[0]["samplingInterval"].as_u64()), (Some(0), Some(64)));
    let sampling = vec![("192.0.2.1/32".parse().unwrap(), 10), ("0.0.0.0/0".parse().unwrap(), 3)];
    let mut decoder = Decoder::new(DecoderSettings { sampling, ..DecoderSettings::default() });
    assert_eq!(flows(&mut decoder, &message)[0].sampling, 10);
}

#[test]
fn lost_data_shows_in_the_sequence() {
    let mut decoder = decoder();
    learn(&mut decoder);
    let data = |sequence, count: usize| ipfix_numbered(7, sequence, &[set(256, &plain(2).repeat(count))]);
    flows(&mut decoder, &data(0, 10));
    flows(&mut decoder, &data(30, 1));
    let lost = |decoder: &Decoder| decoder.sources().map(|source| source.sequences[2].lost()).sum::<u64>();
    assert_eq!(lost(&decoder), 20);
    flows(&mut decoder, &data(10, 20));
    assert_eq!(lost(&decoder), 0);
}

#[test]
fn all_templates_together_are_bounded() {
    let mut decoder = Decoder::new(DecoderSettings { max_fields_total: 20, ..DecoderSettings::default() });
    for domain in 0..3 {
        flows(&mut decoder, &ipfix_numbered(domain, 0, &[set(2, &template(256, PLAIN))]));
    }
    assert_eq!(decoder.totals().drops.get(DropReason::TemplateLimit), 1);
    // A withdrawn template makes room.
    flows(&mut decoder, &ipfix_numbered(0, 0, &[set(2, &[1, 0, 0, 0])]));
    flows(&mut decoder, &ipfix_numbered(2, 0, &[set(2, &template(256, PLAIN))]));
    assert_eq!(decoder.totals().drops.get(DropReason::TemplateLimit), 1);
}

#[test]
fn the_clock_skew_is_what_the_exporter_says() {
    let mut decoder = decoder();
    let mut out = Vec::new();
    let export = i64::from(EXPORTED) * 1_000_000;
    decoder.decode(source(), export - 86_400_000_000 * 3, &ipfix(&[]), &mut out);
    assert_eq!(decoder.sources().next().unwrap().clock_skew, Some(86_400_000_000 * 3));
}
