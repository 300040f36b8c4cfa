//! Whatever bytes come: no panic, and every frame is accounted for.

use proptest::prelude::*;

use super::build::*;
use crate::parse::{FrameMeta, LinkType, ParseSettings, Parser};

pub fn sound() -> Vec<Vec<u8>> {
    let syn = ipv4(6, &tcp_syn());
    let nested = ethernet(0x0800, &ipv4(17, &udp(1, 4789, &[&[8; 8][..], &ethernet(0x0800, &syn)].concat())));
    let geneve = ethernet(
        0x86dd,
        &ipv6(17, &udp(1, 6081, &[&[0, 0, 0x65, 0x58, 0, 0, 1, 0][..], &ethernet(0x0800, &syn)].concat())),
    );
    let extended =
        ethernet(0x86dd, &ipv6(0, &[&[44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 9][..], &tcp_syn()].concat()));
    let error = ethernet(0x0800, &ipv4(1, &[&[3, 1, 0, 0, 0, 0, 0, 0][..], &syn].concat()));
    let stacked =
        ethernet(0x88a8, &[&[0, 1, 0x88, 0x47, 0, 0, 0x01, 9, 0, 0, 0, 0][..], &ethernet(0x0800, &syn)].concat());
    let gre = ethernet(0x0800, &ipv4(47, &[&[0x30, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &syn].concat()));
    let gtp =
        ipv4(17, &udp(2152, 2152, &[&[0x34, 255, 0, 60, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 9, 0][..], &syn].concat()));
    let teredo = ipv4(17, &udp(9, 3544, &[&[0, 0, 1, 2, 3, 4, 5, 6][..], &ipv6(6, &tcp_syn())].concat()));
    let pptp = ipv4(47, &[&[0x30, 1, 0x88, 0x0b, 0, 9, 0, 77, 0, 0, 0, 1, 0xff, 3, 0, 0x21][..], &syn].concat());
    let carried = [gtp, teredo, pptp].map(|ip| ethernet(0x0800, &ip));
    let mut all = vec![ethernet(0x0800, &syn), nested, geneve, extended, error, stacked, gre];
    all.extend(carried);
    all
}

const LINKS: [LinkType; 11] = [
    LinkType::Ethernet,
    LinkType::Loopback,
    LinkType::Cooked,
    LinkType::Cooked2,
    LinkType::RawIp,
    LinkType::Ppp,
    LinkType::Pppoe,
    LinkType::CiscoHdlc,
    LinkType::Pflog,
    LinkType::Nflog,
    LinkType::Other(1000),
];

/// Parses in every way and checks the counters.
fn survive(frame: &[u8], wire_len: u32) -> Result<(), TestCaseError> {
    for link in LINKS {
        for checksums in [false, true] {
            let mut parser = Parser::new(ParseSettings { checksums, ..ParseSettings::default() });
            let mut packets = Vec::new();
            let meta = FrameMeta { time: 0, wire_len, vlan: None, checksum_known: false };
            parser.parse(link, frame, meta, &mut packets);
            let stats = parser.stats();
            let skipped = stats.not_ip
                + stats.truncated
                + stats.malformed
                + stats.unsupported_link
                + stats.bad_ip_checksum
                + stats.too_deep;
            prop_assert_eq!(stats.packets, packets.len() as u64);
            prop_assert!(skipped + stats.packets >= 1);
            prop_assert!(packets.len() <= 16);
            for packet in packets {
                prop_assert!(packet.payload <= packet.ip_len);
            }
        }
    }
    Ok(())
}

#[test]
fn every_frame_cut_at_every_byte() {
    for frame in sound() {
        for length in 0..=frame.len() {
            survive(&frame[..length], frame.len() as u32).unwrap();
            survive(&frame[..length], length as u32).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(frame in proptest::collection::vec(any::<u8>(), 0..200), wire_len in any::<u32>()) {
        survive(&frame, wire_len)?;
    }

    #[test]
    fn sound_frames_with_flipped_bytes(which in 0..7usize, flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        let mut frame = sound().swap_remove(which);
        for (at, value) in flips {
            let at = usize::from(at) % frame.len();
            frame[at] = value;
        }
        survive(&frame, frame.len() as u32)?;
    }
}
