//! What holds for any sequence of records.

use proptest::prelude::*;

use super::build::*;
use crate::netflow::{FlowEnd, FlowRecord, Traffic};
use crate::stitch::{StitchSettings, Stitcher};

fn record() -> impl Strategy<Value = FlowRecord> {
    let reasons = [FlowEnd::Unknown, FlowEnd::Idle, FlowEnd::Active, FlowEnd::Detected];
    (
        (0_u16..64, 0_u64..20, 0_u64..3_000, proptest::option::of(0_u16..64)),
        (0_u16..3, any::<bool>(), 0_i64..400, 0_i64..100, proptest::sample::select(reasons.to_vec())),
        (0_u8..3, 0_u16..3, proptest::sample::select(vec![6_u8, 17, 1, 47]), 1_u32..3),
    )
        .prop_map(
            |(
                (flags, packets, bytes, reverse),
                (port, swap, start, length, reason),
                (exporter, vlan, proto, sampling),
            )| {
                let mut flow = tcp("").traffic(packets, bytes).port(40_000 + port).because(reason);
                flow.forward.flags = (flags < 60).then_some(flags);
                flow.reverse = reverse.map(|flags| Traffic { packets, bytes, flags: Some(flags), initial_flags: None });
                flow.vlan = (vlan > 0).then_some(vlan);
                (flow.proto, flow.sampling) = (proto, sampling);
                flow.icmp = (proto == 1).then_some((8, 0));
                let flow = if swap { flow.answer() } else { flow };
                flow.from(&format!("192.0.2.{}", exporter + 1)).at(start * S, length * S)
            },
        )
}

proptest! {
    #[test]
    fn every_record_and_session_is_accounted_for(
        flows in proptest::collection::vec(record(), 1..60), certain in any::<bool>(), max in 1_usize..40,
    ) {
        let settings = StitchSettings { emit_certain: certain, max_sessions: max, ..StitchSettings::default() };
        let mut stitcher = Stitcher::new(settings);
        let mut out = Vec::new();
        let mut now = 0;
        for flow in &flows {
            now = flow.exported.max(now);
            stitcher.expire(now, &mut out);
            stitcher.on_flows(&[*flow], now, &mut out);
            prop_assert!(stitcher.len() <= max);
        }
        stitcher.finish(&mut out);
        let counters = stitcher.counters();
        prop_assert_eq!(counters.flows, flows.len() as u64);
        prop_assert_eq!(counters.flows, counters.opened + counters.joined + counters.ignored());
        prop_assert_eq!((counters.opened, counters.held), (counters.emitted, 0));
        prop_assert_eq!(out.len() as u64, counters.emitted);
        for session in &out {
            prop_assert!(session.start <= session.end);
            prop_assert!(session.sampling == 1 || !session.outcome.is_failed());
        }
    }

    #[test]
    fn records_may_come_in_blocks_of_any_size(
        blocks in proptest::collection::vec(proptest::collection::vec(record(), 0..40), 1..6), certain in any::<bool>(),
    ) {
        let settings = StitchSettings { emit_certain: certain, ..StitchSettings::default() };
        let made = |size: usize| {
            let (mut stitcher, mut out, mut now) = (Stitcher::new(settings.clone()), Vec::new(), 0);
            for block in &blocks {
                now = block.iter().map(|flow| flow.exported).fold(now, i64::max);
                stitcher.expire(now, &mut out);
                block.chunks(size).for_each(|flows| stitcher.on_flows(flows, now, &mut out));
            }
            stitcher.finish(&mut out);
            (out, stitcher.counters())
        };
        prop_assert_eq!(made(1), made(40));
    }

    #[test]
    fn the_order_of_a_pair_does_not_matter(flags in (0_u16..64, 0_u16..64), packets in (1_u64..20, 1_u64..20)) {
        let ask = tcp("").traffic(packets.0, packets.0 * 60);
        let answer = tcp("").traffic(packets.1, packets.1 * 60).answer();
        let with = |mut flow: FlowRecord, flags| { flow.forward.flags = Some(flags); flow };
        let (ask, answer) = (with(ask, flags.0), with(answer, flags.1));
        let judge = |flows: [&FlowRecord; 2]| {
            let mut stitcher = Stitcher::new(StitchSettings { emit_certain: false, ..StitchSettings::default() });
            let mut out = Vec::new();
            for flow in flows {
                stitcher.on_flows(&[*flow], flow.exported, &mut out);
            }
            stitcher.finish(&mut out);
            out.into_iter().map(|s| (s.session_id, s.client, s.outcome, s.sent, s.received)).collect::<Vec<_>>()
        };
        prop_assert_eq!(judge([&ask, &answer]), judge([&answer, &ask]));
    }
}
