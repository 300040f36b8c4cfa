//! What outlives the process, and what is given up in time.

use std::time::Duration;

use proptest::prelude::*;

use super::build::*;
use crate::netflow::state::{StateError, decode, encode};
use crate::netflow::{Decoder, DecoderSettings, DropReason};

const FIELDS: &[(u16, u16, Option<u32>)] = &[(8, 4, None), (12, 4, None), (4, 1, None), (10, 2, None), (48, 1, None)];
const SECOND: i64 = 1_000_000;
const NOW: i64 = EXPORTED as i64 * SECOND;

fn data() -> Vec<u8> {
    vec![10, 0, 0, 1, 10, 0, 0, 2, 6, 0, 3, 1]
}

/// Templates, a sampler and the name of an interface.
fn definitions() -> Vec<Vec<u8>> {
    let mut sampler = 300_u16.to_be_bytes().to_vec();
    sampler.extend([0, 2, 0, 1]);
    sampler.extend(specs(&[(48, 1, None), (50, 4, None)]));
    let mut interface = 301_u16.to_be_bytes().to_vec();
    interface.extend([0, 2, 0, 1]);
    interface.extend(specs(&[(10, 2, None), (82, 65535, None)]));
    let mut name = vec![0, 3, 4];
    name.extend(b"ge-3");
    vec![
        set(2, &template(256, FIELDS)),
        set(3, &[sampler, interface].concat()),
        set(300, &[1, 0, 0, 3, 232]),
        set(301, &name),
    ]
}

fn at(decoder: &mut Decoder, now: i64, message: &[u8]) -> Vec<crate::netflow::FlowRecord> {
    let mut out = Vec::new();
    decoder.decode(source(), now, message, &mut out);
    out
}

/// A decoder that knows what this one knows, by way of octets.
fn restarted(decoder: &Decoder) -> Decoder {
    let mut next = Decoder::new(DecoderSettings::default());
    next.restore(decode(&encode(&decoder.state()).unwrap()).unwrap());
    next
}

#[test]
fn a_restart_costs_no_record_sampler_or_name() {
    let mut before = decoder();
    at(&mut before, NOW, &ipfix(&definitions()));
    let mut after = restarted(&before);
    let flows = at(&mut after, NOW + SECOND, &ipfix(&[set(256, &data())]));
    assert_eq!((flows.len(), flows[0].sampling, flows[0].input_interface), (1, 1_000, Some(3)));
    assert_eq!(after.interface_names().map(|(_, index, name)| (index, name)).collect::<Vec<_>>(), [(3, "ge-3")]);
    assert_eq!(after.totals().drops.total(), 0);
    // And a restart after that one, without a word of the exporter between.
    assert_eq!(at(&mut restarted(&restarted(&after)), NOW, &ipfix(&[set(256, &data())])).len(), 1);
}

#[test]
fn what_changes_is_told() {
    let mut decoder = decoder();
    let mut last = decoder.changes();
    let mut changed = |decoder: &Decoder| std::mem::replace(&mut last, decoder.changes()) != decoder.changes();
    at(&mut decoder, NOW, &ipfix(&definitions()));
    assert!(changed(&decoder));
    at(&mut decoder, NOW + 1, &ipfix(&definitions()));
    at(&mut decoder, NOW + 2, &ipfix(&[set(256, &data())]));
    assert!(!changed(&decoder), "a refresh is nothing new");
    at(&mut decoder, NOW + 3, &ipfix(&[set(300, &[1, 0, 0, 0, 9])]));
    assert!(changed(&decoder));
    at(&mut decoder, NOW + 4, &ipfix(&[set(2, &[1, 0, 0, 0])]));
    assert!(changed(&decoder));
    assert_eq!(decoder.totals().sources.templates_withdrawn, 1);
}

#[test]
fn templates_that_are_not_sent_again_cease_to_hold() {
    let settings = DecoderSettings { template_lifetime: Duration::from_mins(1), ..DecoderSettings::default() };
    let mut decoder = Decoder::new(settings);
    at(&mut decoder, NOW, &ipfix(&definitions()));
    assert_eq!(at(&mut decoder, NOW + 60 * SECOND, &ipfix(&[set(256, &data())])).len(), 1);
    assert_eq!(at(&mut decoder, NOW + 61 * SECOND, &ipfix(&[set(256, &data())])).len(), 0, "it waits");
    decoder.tick(NOW + 62 * SECOND);
    let totals = decoder.totals();
    assert_eq!((totals.sources.templates_expired, totals.waiting_sets), (3, 1));
    let flows = at(&mut decoder, NOW + 63 * SECOND, &ipfix(&definitions()));
    assert_eq!(flows.len(), 1, "and is read when the template is sent again");
    assert_eq!(decoder.totals().drops.total(), 0);
}

#[test]
fn waiting_has_an_end_and_a_count() {
    let mut decoder = Decoder::new(DecoderSettings { max_pending_age: Duration::from_secs(10), ..Default::default() });
    at(&mut decoder, NOW, &ipfix(&[set(256, &data())]));
    at(&mut decoder, NOW + 5 * SECOND, &ipfix(&[set(256, &data())]));
    decoder.tick(NOW + 11 * SECOND);
    assert_eq!(decoder.totals().waiting_sets, 1);
    assert_eq!(decoder.totals().drops.get(DropReason::PendingExpired), 1);
    assert_eq!(at(&mut decoder, NOW + 12 * SECOND, &ipfix(&definitions())).len(), 1);
    decoder.finish();
    assert_eq!(decoder.totals().waiting_sets, 0);
}

/// Many small sets weigh what they take in memory, and an exporter that sends nothing else harms nobody.
#[test]
fn what_waits_is_bounded_by_its_memory() {
    let limit = 100_000;
    let mut decoder = Decoder::new(DecoderSettings { max_pending_bytes: limit, ..Default::default() });
    let tiny: Vec<Vec<u8>> = (0..100).map(|_| set(999, &[0])).collect();
    for n in 0..100 {
        at(&mut decoder, NOW + n, &ipfix(&tiny));
    }
    let totals = decoder.totals();
    assert!(totals.waiting_sets > 100 && totals.waiting_sets < 1_000, "{totals:?}");
    assert_eq!(totals.sources.data_sets, totals.waiting_sets + totals.drops.get(DropReason::PendingExpired));
    assert!(decoder.sources().all(|source| source.pending.weight() <= limit));
}

#[test]
fn names_are_bounded() {
    let settings = DecoderSettings { max_samplers: 5, max_names_total: 7, ..DecoderSettings::default() };
    let mut decoder = Decoder::new(settings);
    for domain in 0..9 {
        let samplers: Vec<u8> = (0..9).flat_map(|id| [id, 0, 0, 0, 9]).collect();
        at(&mut decoder, NOW, &ipfix_numbered(domain, 0, &definitions()));
        at(&mut decoder, NOW, &ipfix_numbered(domain, 0, &[set(300, &samplers)]));
    }
    let entries: usize = decoder.sources().map(|source| source.options.entries()).sum();
    // The bound is looked at once per message.
    assert!((7..=12).contains(&entries), "{entries}");
}

#[test]
fn another_version_and_damage_are_told_apart() {
    let mut before = decoder();
    at(&mut before, NOW, &ipfix(&definitions()));
    let whole = encode(&before.state()).unwrap();
    assert_eq!(decode(b"halfopen exporters 9\nxxxxxxxxxxxx").unwrap_err(), StateError::Version);
    assert_eq!(decode(b"").unwrap_err(), StateError::Version);
    assert!(decode(&whole).is_ok());
}

proptest! {
    /// A file that is cut or changed anywhere is refused, and nothing panics.
    #[test]
    fn damage_is_noticed(cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut before = decoder();
        at(&mut before, NOW, &ipfix(&definitions()));
        let whole = encode(&before.state()).unwrap();
        prop_assert!(decode(&whole[..cut.index(whole.len())]).is_err());
        let mut flipped = whole.clone();
        let at = flip.index(whole.len());
        flipped[at] ^= 1 << bit;
        prop_assert!(decode(&flipped).is_err());
    }
}
