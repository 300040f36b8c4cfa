//! Any datagrams, one after another: nothing panics, and the counts balance.
//!
//! An input is a sequence of datagrams, each after its length in two octets. Each is decoded twice, as flow records, which
//! are stitched, and as JSON; templates stay from one to the next.
#![no_main]

use std::net::SocketAddr;

use collector::netflow::{Decoder, DecoderSettings, DropReason};
use collector::stitch::{StitchSettings, Stitcher};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let source = SocketAddr::from(([192, 0, 2, 1], 2055));
    let (mut flows_decoder, mut json_decoder) = (decoder(), decoder());
    let mut stitcher = Stitcher::new(StitchSettings { max_sessions: 64, ..StitchSettings::default() });
    let (mut flows, mut sessions, mut objects, mut now) = (Vec::new(), Vec::new(), 0_u64, 0);
    let mut rest = input;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (datagram, next) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        rest = next;
        let before = flows.len();
        now = now.max(flows_decoder.decode(source, 0, datagram, &mut flows).unwrap_or(0));
        stitcher.on_flows(&flows[before..], now, &mut sessions);
        stitcher.expire(now, &mut sessions);
        json_decoder.decode_json(source, 0, datagram, &mut |_| objects += 1);
    }
    stitcher.finish(&mut sessions);
    let counters = stitcher.counters();
    assert_eq!(counters.flows, flows.len() as u64);
    assert_eq!(counters.flows, counters.opened + counters.joined + counters.ignored());
    assert_eq!((counters.opened, counters.held), (sessions.len() as u64, 0));

    let seen = balanced(&mut flows_decoder);
    assert_eq!(seen, balanced(&mut json_decoder), "both forms read the same records");
    assert_eq!(objects, seen);
});

fn decoder() -> Decoder {
    Decoder::new(DecoderSettings { max_pending_bytes: 1 << 16, ..DecoderSettings::default() })
}

/// Checks that nothing was lost without a count; the number of records.
fn balanced(decoder: &mut Decoder) -> u64 {
    decoder.finish();
    let totals = decoder.totals();
    let counts = &totals.sources;
    let not_flows = counts.drops.get(DropReason::NotAFlow);
    assert_eq!(counts.records, counts.flow_records + counts.options_records + not_flows);
    let given_up = counts.drops.get(DropReason::PendingExpired) + counts.drops.get(DropReason::PendingFull);
    assert_eq!(counts.data_sets, counts.data_sets_decoded + given_up);
    counts.records
}
