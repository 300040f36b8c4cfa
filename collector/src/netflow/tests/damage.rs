//! Damaged input: nothing panics, and the counts still balance.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::build::{PLAIN, decoder, ipfix, plain, set, source, template, v9};
use super::corpus::{contexts, corpus, files};
use crate::netflow::{Decoder, DecoderTotals, DropReason};

fn feed(decoder: &mut Decoder, bytes: &[u8]) {
    let mut flows = Vec::new();
    decoder.decode(source(), 0, bytes, &mut flows);
    decoder.decode_json(source(), 0, bytes, &mut |_| {});
}

fn balanced(totals: &DecoderTotals) -> bool {
    let counts = &totals.sources;
    let waiting =
        totals.waiting_sets + counts.drops.get(DropReason::PendingExpired) + counts.drops.get(DropReason::PendingFull);
    counts.data_sets == counts.data_sets_decoded + waiting
        && counts.records == counts.flow_records + counts.options_records + counts.drops.get(DropReason::NotAFlow)
}

#[test]
fn every_file_cut_at_every_length() {
    let Some(folder) = corpus() else { return };
    for context in contexts(&folder) {
        let files = files(&folder, &context);
        for cut in 0..files.len() {
            for length in 0..files[cut].len() {
                let mut decoder = decoder();
                for file in &files[..cut] {
                    feed(&mut decoder, file);
                }
                feed(&mut decoder, &files[cut][..length]);
                assert!(balanced(&decoder.totals()), "{} cut at {length}", context["context"]);
            }
        }
    }
}

/// Where a message may end without anything telling that it was longer: v9 says no length, so at the end of every set.
fn ends(file: &[u8]) -> BTreeSet<usize> {
    let half =
        |at: usize| file.get(at..at + 2).map_or(0, |octets| usize::from(u16::from_be_bytes([octets[0], octets[1]])));
    let (mut ends, mut at) = (BTreeSet::new(), 0);
    while at < file.len() {
        at += match half(at) {
            5 => 24 + half(at + 2) * 48,
            9 => 20,
            10 => half(at + 2).max(16),
            _ => half(at + 2).max(4),
        };
        ends.insert(at);
    }
    ends
}

#[test]
fn what_a_cut_takes_away_is_counted() {
    let Some(folder) = corpus() else { return };
    let read = |files: &[&[u8]]| {
        let (mut decoder, mut records) = (decoder(), 0_usize);
        for file in files {
            decoder.decode_json(source(), 0, file, &mut |_| records += 1);
        }
        decoder.finish();
        (records, decoder.totals().drops.total())
    };
    for context in contexts(&folder) {
        let files = files(&folder, &context);
        for (index, file) in files.iter().enumerate() {
            let before: Vec<&[u8]> = files[..index].iter().map(Vec::as_slice).collect();
            let with = |last| read(&[before.as_slice(), &[last]].concat());
            let (whole, _) = with(file.as_slice());
            let (_, dropped_before) = read(&before);
            let ends = ends(file);
            for length in 1..file.len() {
                let (records, dropped) = with(&file[..length]);
                assert!(records <= whole, "{} {index} cut at {length}", context["context"]);
                // A few zeros after the last set read as padding.
                let last = ends.range(..=length).next_back().copied().unwrap_or(0);
                let told = dropped > dropped_before || file[last..length].iter().all(|&octet| octet == 0);
                assert!(records == whole || told, "{} {index} cut at {length}", context["context"]);
            }
        }
    }
}

#[test]
fn every_file_with_flipped_bits() {
    let Some(folder) = corpus() else { return };
    // A fixed linear congruential sequence: the same damage in every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for context in contexts(&folder) {
        let files = files(&folder, &context);
        for _ in 0..200 {
            let mut decoder = decoder();
            for file in &files {
                let mut damaged = file.clone();
                for _ in 0..=random(6) {
                    let at = random(damaged.len());
                    damaged[at] ^= 1 << random(8);
                }
                feed(&mut decoder, &damaged);
            }
            assert!(balanced(&decoder.totals()), "{}", context["context"]);
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_counted(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 0_u16..12) {
        let mut message = version.to_be_bytes().to_vec();
        message.extend(&bytes);
        let mut decoder = decoder();
        feed(&mut decoder, &message);
        let totals = decoder.totals();
        prop_assert!(balanced(&totals));
        prop_assert_eq!(totals.datagrams, 2);
        prop_assert!(totals.datagrams_used == 2 || totals.drops.total() >= 2);
    }

    #[test]
    fn random_sets_after_a_real_template(body in proptest::collection::vec(any::<u8>(), 0..300), id in 0_u16..300) {
        for message in [
            ipfix(&[set(2, &template(256, PLAIN)), set(256, &plain(2)), set(id, &body)]),
            v9(&[set(0, &template(256, PLAIN)), set(256, &plain(2)), set(id, &body)]),
        ] {
            let mut decoder = decoder();
            feed(&mut decoder, &message);
            prop_assert!(balanced(&decoder.totals()));
            prop_assert!(decoder.totals().sources.records >= 2);
        }
    }
}

#[test]
fn reasons() {
    let reason = |bytes: &[u8]| {
        let mut decoder = decoder();
        let mut flows = Vec::new();
        decoder.decode(source(), 0, bytes, &mut flows);
        decoder.totals().drops.iter().map(|(reason, _)| reason).collect::<Vec<_>>()
    };
    assert_eq!(reason(&[]), [DropReason::HeaderTruncated]);
    assert_eq!(reason(&[0, 9]), [DropReason::HeaderTruncated]);
    assert_eq!(reason(b"hello, world, this is no export"), [DropReason::UnknownVersion]);
    assert_eq!(reason(&ipfix(&[vec![1, 0, 0, 3]])), [DropReason::SetLengthInvalid]);
    assert_eq!(reason(&ipfix(&[vec![1, 0, 0, 200, 1, 2]])), [DropReason::SetTruncated]);
    assert_eq!(reason(&ipfix(&[set(77, &[])])), [DropReason::SetIdReserved]);
    assert_eq!(reason(&ipfix(&[set(2, &template(256, &[(8, 0, None)]))])), [DropReason::TemplateInvalid]);
    assert_eq!(reason(&ipfix(&[set(2, &template(255, PLAIN))])), [DropReason::TemplateInvalid]);
    let mut long = ipfix(&[]);
    long[3] = 200;
    assert_eq!(reason(&long), [DropReason::MessageTruncated]);
    let cut = [set(2, &template(256, PLAIN)), set(256, &plain(2)[..15])];
    assert_eq!(reason(&ipfix(&cut)), [DropReason::RecordTruncated]);
    let statistics = [set(2, &template(256, &[(10, 4, None), (1, 4, None)])), set(256, &[1; 8])];
    assert_eq!(reason(&ipfix(&statistics)), [DropReason::NotAFlow]);
}
