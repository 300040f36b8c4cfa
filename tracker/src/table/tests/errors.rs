//! ICMP errors, wrong checksums, fragments, RST out of the window.

use super::craft::*;
use crate::packet::{Packet, Quoted, proto};
use crate::settings::TableSettings;

/// An ICMP error of a router about a packet.
fn error(about: &Packet, time: i64, kind: u8, code: u8) -> Packet {
    let v6 = about.src[..12] != [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let mut packet = between(time, ("192.0.2.1", 0), ("10.0.0.1", 0), if v6 { proto::ICMP6 } else { proto::ICMP });
    (packet.kind, packet.code) = (kind, code);
    packet.quoted = Some(Quoted {
        src: about.src,
        dst: about.dst,
        proto: about.proto,
        sport: about.sport,
        dport: about.dport,
        seq: (about.proto == proto::TCP).then_some(about.seq),
    });
    packet
}

#[test]
fn an_error_that_answers_a_syn_decides_at_the_end() {
    for (kind, code, outcome) in [
        (3, 0, "unreachable"),
        (3, 1, "unreachable"),
        (3, 3, "unreachable"),
        (3, 4, "no_answer"),
        (3, 9, "admin_blocked"),
        (3, 10, "admin_blocked"),
        (3, 13, "admin_blocked"),
        (11, 0, "ttl_exceeded"),
        (5, 1, "no_answer"),
    ] {
        let syn = Talk::new(1).send(0, 0, SYN, 0);
        assert_eq!(outcome_of([syn, error(&syn, 9, kind, code)]), outcome, "{kind}/{code}");
    }
}

#[test]
fn the_same_for_ipv6() {
    for (kind, code, outcome) in [
        (1, 0, "unreachable"),
        (1, 1, "admin_blocked"),
        (1, 4, "unreachable"),
        (1, 5, "admin_blocked"),
        (1, 6, "admin_blocked"),
        (3, 0, "ttl_exceeded"),
        (2, 0, "no_answer"),
    ] {
        let mut talk = Talk { client: ("2001:db8::1", 9), server: ("2001:db8::2", 80), ..Talk::new(9) };
        let syn = talk.send(0, 0, SYN, 0);
        assert_eq!(outcome_of([syn, error(&syn, 9, kind, code)]), outcome, "{kind}/{code}");
    }
}

#[test]
fn an_error_is_soft_while_the_handshake_goes_on() {
    let mut talk = Talk::new(1);
    let syn = talk.send(0, 0, SYN, 0);
    let answer = talk.send(20, 1, SYN_ACK, 0);
    let last = talk.send(30, 0, ACK, 0);
    assert_eq!(outcome_of([syn, error(&syn, 9, 3, 1), answer, last]), "open");
    assert_eq!(outcome_of([syn, error(&syn, 9, 3, 13), answer, last]), "open");
}

#[test]
fn an_error_about_bytes_never_sent_is_not_believed() {
    let mut world = World::new(TableSettings::default());
    let syn = Talk::new(1).send(0, 0, SYN, 0);
    world.see(syn);
    let mut forged = error(&syn, 9, 3, 3);
    forged.quoted.as_mut().unwrap().seq = Some(77);
    world.see(forged);
    // Nor one that quotes a packet of the server, which has sent none.
    let mut forged = error(&Talk::new(1).peek(0, 1, SYN, 0), 9, 3, 3);
    forged.quoted.as_mut().unwrap().seq = Some(0);
    world.see(forged);
    let mut stranger = error(&syn, 9, 3, 3);
    stranger.quoted.as_mut().unwrap().sport = 2;
    world.see(stranger);
    assert_eq!(world.table.stats().icmp_unmatched, 3);
    assert_eq!(world.table.len(), 1, "errors begin no session");
    assert_eq!(world.outcomes(), ["no_answer"]);
}

#[test]
fn errors_about_udp() {
    let asked = udp(0, ("10.0.0.1", 5000), ("10.0.0.2", 53));
    assert_eq!(outcome_of([asked]), "udp_no_reply");
    assert_eq!(outcome_of([asked, error(&asked, 5, 3, 3)]), "unreachable");
    assert_eq!(outcome_of([asked, error(&asked, 5, 3, 13)]), "admin_blocked");
    assert_eq!(outcome_of([asked, udp(3, ("10.0.0.2", 53), ("10.0.0.1", 5000)), error(&asked, 5, 3, 3)]), "open");
    assert_eq!(outcome_of([udp(3, ("10.0.0.2", 53), ("10.0.0.1", 5000))]), "one_sided_resp");
}

#[test]
fn a_reset_counts_only_within_the_window() {
    for (offset, outcome) in [(0, "reset_resp"), (60_000, "reset_resp"), (200_000, "open"), (u32::MAX, "open")] {
        let mut talk = Talk::new(1);
        let mut packets = talk.handshake(0);
        let mut reset = talk.peek(10, 1, RST, 0);
        reset.seq = reset.seq.wrapping_add(offset);
        packets.push(reset);
        assert_eq!(outcome_of(packets), outcome, "{offset}");
    }
}

#[test]
fn a_reset_that_answers_a_syn_must_acknowledge_it() {
    for (flags, ack, outcome) in [
        (RST_ACK, 1001, "refused"),
        (RST_ACK, 1000, "no_answer"),
        (RST_ACK, 1002, "no_answer"),
        (RST, 1001, "no_answer"),
    ] {
        let mut talk = Talk::new(1);
        let syn = talk.send(0, 0, SYN, 0);
        let reset = Packet { ack, seq: 0, ..talk.peek(10, 1, flags, 0) };
        assert_eq!(outcome_of([syn, reset]), outcome, "{flags:#x} {ack}");
    }
    // Data in the SYN (RFC 7413) may be acknowledged or not.
    for (ack, outcome) in [(1001, "refused"), (1051, "refused"), (1101, "refused"), (1102, "no_answer")] {
        let mut talk = Talk::new(1);
        let syn = talk.send(0, 0, SYN, 100);
        assert_eq!(outcome_of([syn, Packet { ack, ..talk.peek(10, 1, RST_ACK, 0) }]), outcome, "{ack}");
    }
}

#[test]
fn wrong_checksums_and_lone_fragments() {
    let bad = Packet { bad_checksum: true, ..Talk::new(1).send(0, 0, SYN, 0) };
    assert_eq!(outcome_of([bad]), "bad_checksum");
    let mut talk = Talk::new(1);
    let mut packets = talk.handshake(0);
    packets.push(Packet { bad_checksum: true, ..talk.peek(9, 1, RST, 0) });
    assert_eq!(outcome_of(packets), "open");
    let piece = Packet { fragment: true, ..between(0, ("10.0.0.1", 0), ("10.0.0.2", 0), proto::UDP) };
    assert_eq!(outcome_of([piece]), "fragment_only");
    let whole = udp(0, ("10.0.0.1", 5000), ("10.0.0.2", 53));
    assert_eq!(outcome_of([whole, Packet { fragment: true, time: 1, ..whole }]), "udp_no_reply");
}

#[test]
fn an_error_finds_its_session_in_a_neighbouring_table() {
    let settings = || TableSettings { has_neighbours: true, ..TableSettings::default() };
    let (mut one, mut two) = (World::new(settings()), World::new(settings()));
    let syn = Talk::new(1).send(0, 0, SYN, 0);
    one.see(syn);
    for time in 0..2000 {
        two.see(error(&syn, 9 + time, 3, 13));
    }
    let strays = two.table.take_strays();
    let stats = two.table.stats();
    assert_eq!((strays.len() as u64, stats.icmp_handed_on, stats.icmp_unmatched), (1024, 1024, 976), "bounded");
    assert!(two.table.take_strays().is_empty());
    one.table.adopt(&strays[0]);
    one.table.adopt(&error(&Talk::new(2).send(0, 0, SYN, 0), 9, 3, 1));
    assert_eq!(one.table.stats().icmp_adopted, 1);
    two.check();
    assert_eq!(one.outcomes(), ["admin_blocked"]);
}
