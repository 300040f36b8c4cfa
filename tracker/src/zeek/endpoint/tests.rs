//! A connection whose cold part is made on demand is told in the same words as one that has it from the start.

use proptest::prelude::*;

use super::super::history::History;
use super::*;

/// One side of a made-up exchange: how its segments differ from what comes next.
fn segments() -> impl Strategy<Value = Vec<(usize, Segment)>> {
    let flags = prop_oneof![
        4 => Just(flag::ACK),
        2 => Just(flag::SYN),
        1 => Just(flag::SYN | flag::ACK),
        3 => Just(flag::FIN | flag::ACK),
        2 => Just(flag::RST),
        1 => Just(flag::RST | flag::ACK),
        1 => 0_u16..64,
    ];
    let seq = prop_oneof![6 => 0_u32..6, 1 => Just(u32::MAX), 1 => (1_u32 << 20) - 2..(1 << 20) + 4, 1 => any::<u32>()];
    let one = (0_usize..2, flags, seq.clone(), seq, prop_oneof![3 => Just(0_u32), 2 => 1_u32..4], 0_u16..4);
    let base = prop_oneof![Just(1_000_u32), Just(u32::MAX - 2), Just(u32::MAX), any::<u32>()];
    (base.clone(), base, prop::collection::vec(one, 1..14)).prop_map(|(low, high, all)| {
        let bases = [low, high];
        let segment = |(from, flags, seq, ack, len, window): (usize, u16, u32, u32, u32, u16)| {
            let (seq, ack) = (bases[from].wrapping_add(seq), bases[1 - from].wrapping_add(ack));
            (from, Segment { flags, seq, ack, window, len })
        };
        all.into_iter().map(segment).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn what_is_made_on_demand_comes_in_time(segments in segments()) {
        let (mut ends, mut history, mut on_demand) = ([End::default(); 2], History::default(), None);
        let (mut all_ends, mut all_history, mut always) = ([End::default(); 2], History::default(), Extra::default());
        for (from, segment) in &segments {
            if on_demand.is_none() && Conn::needs_extra(&ends, history, *from, segment, false) {
                on_demand = Some(Extra::of(&ends));
            }
            let lazy = Conn { ends: &mut ends, history: &mut history, extra: on_demand.as_mut() }.segment(*from, segment);
            let mut eager = Conn { ends: &mut all_ends, history: &mut all_history, extra: Some(&mut always) };
            prop_assert_eq!(lazy, eager.segment(*from, segment));
            prop_assert_eq!(summary(&ends, history, on_demand.as_ref()), summary(&all_ends, all_history, Some(&always)));
        }
    }
}
