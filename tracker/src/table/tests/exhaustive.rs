//! Every sequence of up to four TCP events against a small model of its own, and right sequences with wrong numbers.
//!
//! The model is written from the description of the phase machine, with facts about the whole sequence instead of
//! transitions: it shares no code with the machine.

use super::craft::*;
use crate::packet::Packet;

/// What a side does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Ack,
    Data,
    FinAck,
    Rst,
    RstAck,
}
use Kind::{Ack, Data, FinAck, Rst, RstAck, Syn, SynAck};

const KINDS: [Kind; 7] = [Syn, SynAck, Ack, Data, FinAck, Rst, RstAck];

/// The first sequence number of each side.
const ISN: [u32; 2] = [1000, 900_000];

/// An event: side (0 is the host with the high port) and kind.
type Event = (usize, Kind);

fn packet(talk: &mut Talk, time: i64, (side, kind): Event) -> Packet {
    let (flags, len) = match kind {
        Syn => (SYN, 0),
        SynAck => (SYN_ACK, 0),
        Ack => (ACK, 0),
        Data => (ACK, 10),
        FinAck => (FIN_ACK, 0),
        Rst => (RST, 0),
        RstAck => (RST_ACK, 0),
    };
    // A SYN has one number, however often and whenever it is sent.
    if flags & SYN != 0 {
        return Packet { seq: ISN[side], ..talk.peek(time, side, flags, 0) };
    }
    talk.send(time, side, flags, len)
}

fn packets(events: &[Event]) -> Vec<Packet> {
    let mut talk = Talk::new(61_000);
    talk.next = ISN.map(|isn| isn + 1);
    events.iter().enumerate().map(|(at, &event)| packet(&mut talk, at as i64 * 1000, event)).collect()
}

/// The outcome of a sequence that begins with the client's SYN, by looking for what happened first.
fn model(events: &[Event]) -> &'static str {
    let mut at = 1;
    let find = |from: usize, wanted: &dyn Fn(usize, Event) -> bool| {
        (from..events.len()).find(|&index| wanted(index, events[index]))
    };
    let sent_data = |side: usize, before: usize| events[..before].contains(&(side, Data));
    // A side acknowledges data of the other that it has seen: works without any handshake.
    let works = |index: usize, (side, kind): Event| matches!(kind, Ack | Data | FinAck) && sent_data(1 - side, index);
    // What decides first: an answer of the server, or the client giving up.
    let silent = |before: usize| !events[1..before].iter().any(|&(side, kind)| side == 0 && matches!(kind, Ack | Data));
    let decides = |index: usize, event: Event| match event {
        (1, SynAck | Syn | RstAck) => true,
        (0, Rst | RstAck) => silent(index),
        event => works(index, event),
    };
    let Some(first) = find(at, &decides) else { return unanswered(events) };
    let mut simultaneous = false;
    match events[first] {
        (1, RstAck) => {
            // Refused, unless the server answers after all.
            let Some(answer) =
                find(first + 1, &|index, event| matches!(event, (1, SynAck | Syn)) || works(index, event))
            else {
                return "refused";
            };
            if matches!(events[answer], (1, SynAck | Syn)) {
                simultaneous = events[answer].1 == Syn;
                at = answer + 1;
            } else {
                return established(events, answer);
            }
        }
        (1, SynAck) => at = first + 1,
        (1, Syn) => {
            simultaneous = true;
            at = first + 1;
        }
        (0, Rst | RstAck) => return "aborted_orig",
        _ => return established(events, first),
    }
    let completes = |event: Event| match event {
        (0, Ack | Data | FinAck) => true,
        (0, SynAck) | (1, SynAck | Ack | Data | FinAck) => simultaneous,
        _ => false,
    };
    let decided = find(at, &|_, event| completes(event) || matches!(event.1, Rst | RstAck));
    match decided.map(|index| (index, events[index])) {
        None => "half_open",
        Some((_, (0, Rst | RstAck))) => "half_open_reset_orig",
        Some((_, (1, Rst | RstAck))) => "half_open_reset_resp",
        Some((index, _)) => established(events, index),
    }
}

/// Neither a SYN+ACK nor a RST of the server that counts.
fn unanswered(events: &[Event]) -> &'static str {
    let client = |wanted: &[Kind]| events.iter().any(|&(side, kind)| side == 0 && wanted.contains(&kind));
    let answered = events.iter().any(|&(side, kind)| side == 1 && kind != Rst);
    if client(&[Ack, Data]) && !answered {
        "one_sided_orig"
    } else if client(&[FinAck]) {
        "aborted_orig"
    } else {
        "no_answer"
    }
}

/// Established at `index`: FINs count whenever they were sent, RSTs from here on.
fn established(events: &[Event], index: usize) -> &'static str {
    let mut fins = [false; 2];
    for (at, &(side, kind)) in events.iter().enumerate() {
        if kind == FinAck {
            fins[side] = true;
        }
        if at > index && matches!(kind, Rst | RstAck) && fins != [true; 2] {
            return ["reset_orig", "reset_resp"][side];
        }
        if at >= index && fins == [true; 2] {
            return "closed";
        }
    }
    match fins {
        [true, true] => "closed",
        [true, false] => "half_closed_orig",
        [false, true] => "half_closed_resp",
        [false, false] => "open",
    }
}

fn sequences(length: usize) -> Vec<Vec<Event>> {
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        all = all
            .iter()
            .flat_map(|begun: &Vec<Event>| {
                KINDS.iter().flat_map(|&kind| [(0, kind), (1, kind)]).map(|event| [&begun[..], &[event]].concat())
            })
            .collect();
    }
    all
}

#[test]
fn every_sequence_that_begins_with_a_syn() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for length in 0..4 {
        for rest in sequences(length) {
            let events = [&[(0, Syn)][..], &rest].concat();
            count += 1;
            let mut world = World::new(crate::TableSettings::default());
            world.see_all(packets(&events));
            let got = world.outcomes();
            // A SYN of the server on a session that is over begins one of its own.
            let own = |at: usize| events[at] == (1, Syn) && got[0] == model(&events[..at]);
            let right = if got.len() == 1 { got[0] == model(&events) } else { (1..events.len()).any(own) };
            if !right {
                wrong.push(format!("{events:?}: {got:?}, the model says {}", model(&events)));
            }
        }
    }
    assert_eq!(count, 1 + 14 + 196 + 2744);
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

/// The sequence seen from the client, which is side 0 then: who asks for a connection, or is answered, or has the high
/// port.
fn from_the_client(events: &[Event]) -> Vec<Event> {
    let turned = matches!(events[0], (1, Syn) | (0, SynAck | Rst | RstAck));
    events.iter().map(|&(side, kind)| (if turned { 1 - side } else { side }, kind)).collect()
}

/// The outcome of a sequence without any SYN of its own, whose beginning was missed.
fn begun_late(events: &[Event]) -> &'static str {
    let sent =
        |side: usize, wanted: &dyn Fn(Kind) -> bool| events.iter().any(|&(own, kind)| own == side && wanted(kind));
    let sent_data = |side: usize, before: usize| events[..before].contains(&(side, Data));
    let answers = events[0].1 == SynAck;
    let establishes = |index: usize, (side, kind): Event| {
        matches!(kind, Ack | Data | FinAck) && (answers && side == 0 || !answers && sent_data(1 - side, index))
    };
    if let Some(index) = (1..events.len()).find(|&index| establishes(index, events[index])) {
        return established(events, index);
    }
    let is_reset = |kind| matches!(kind, Rst | RstAck);
    let [client, server] = [0, 1].map(|side| events.iter().filter(|event| event.0 == side).count());
    let rejected = server > 0 && !sent(1, &|kind| !is_reset(kind));
    match events[0].1 {
        SynAck if client == 0 && sent(1, &|kind| kind == Data) => "one_sided_resp",
        SynAck => "backscatter",
        FinAck if rejected => "scan_maimon_rejected",
        FinAck if server == 0 => "scan_maimon",
        Ack if rejected && !sent(0, &|kind| kind == Data) => "scan_ack_rejected",
        Ack if server == 0 && client == 1 => "scan_ack",
        Rst | RstAck if client == 0 => "backscatter",
        _ if server == 0 && client > 1 => "one_sided_orig",
        _ if client == 0 && server > 1 => "one_sided_resp",
        _ => "midstream",
    }
}

#[test]
fn every_sequence_that_begins_with_anything_else() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for length in 1..=4 {
        for events in sequences(length) {
            let seen = from_the_client(&events);
            if seen.iter().any(|event| event.1 == Syn) {
                continue;
            }
            count += 1;
            let (got, model) = (outcome_of(packets(&events)), begun_late(&seen));
            if got != model {
                wrong.push(format!("{events:?}: {got}, the model says {model}"));
            }
        }
    }
    assert_eq!(count, 12 + 144 + 1728 + 20_736);
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn a_syn_within_a_sequence_never_changes_what_was_before_it() {
    for length in 2..=4 {
        for events in sequences(length) {
            let seen = from_the_client(&events);
            let Some(at) = (1..length).find(|&at| seen[at].1 == Syn) else { continue };
            let mut world = World::new(crate::TableSettings::default());
            world.see_all(packets(&events));
            let sessions = world.records.len() + world.table.len();
            let got = world.outcomes();
            assert_eq!(got.len(), sessions);
            // Where the SYN began a session of its own, the one before it is what it was.
            if sessions == 2 && seen[0].1 != Syn && events[at + 1..].iter().all(|event| event.1 != Syn) {
                assert!(got.contains(&begun_late(&seen[..at])), "{events:?}: {got:?}");
            }
        }
    }
}

#[test]
fn wrong_numbers_establish_nothing() {
    // Which packet of the handshake is wrong, and in which number.
    for offset in [1u32, 2, 1000, 1 << 20, 1 << 31, u32::MAX, u32::MAX - 1] {
        let mut talk = Talk::new(61_000);
        let right = talk.handshake(0);
        let mut answer = right.clone();
        answer[1].ack = answer[1].ack.wrapping_add(offset);
        assert_eq!(outcome_of(answer), "no_answer", "SYN+ACK ack {offset}");
        let mut last = right.clone();
        last[2].ack = last[2].ack.wrapping_add(offset);
        assert_eq!(outcome_of(last), "half_open", "ACK ack {offset}");
        // The retransmitted handshake of two hosts that do not hear each other (both resend, nobody acknowledges).
        let twice = [right[0], right[1], right[0], right[1]];
        assert_eq!(outcome_of(twice), "half_open");
        // A forged SYN+ACK before or after the real one changes nothing.
        let forged = Packet { seq: 5, ack: right[1].ack.wrapping_add(offset), ..right[1] };
        assert_eq!(outcome_of([right[0], forged, right[1], right[2]]), "open", "{offset}");
        assert_eq!(outcome_of([right[0], right[1], forged, right[2]]), "open", "{offset}");
    }
}
