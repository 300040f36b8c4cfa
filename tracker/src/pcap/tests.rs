//! Both formats, both byte orders, cut anywhere.

use proptest::prelude::*;

use super::*;

fn frames(bytes: &[u8]) -> Result<Vec<(Vec<u8>, Micros, u32)>, PcapError> {
    let mut reader = PcapReader::new(bytes)?;
    let mut all = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        all.push((frame.data.to_vec(), frame.meta.time, frame.meta.wire_len));
    }
    Ok(all)
}

fn pcap(magic: u32, big: bool, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    for value in [magic, 0x0002_0004, 0, 0, 65535, 1] {
        file.extend(word(value));
    }
    for (seconds, fraction, data) in records {
        for value in [*seconds, *fraction, data.len() as u32, data.len() as u32 + 5] {
            file.extend(word(value));
        }
        file.extend(*data);
    }
    file
}

fn pcapng(big: bool, resolution: u8, units: u64, data: &[u8]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let length = word(body.len() as u32 + 12);
        file.extend([&word(kind)[..], &length, body, &length].concat());
    };
    block(SECTION, &[&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat());
    let option = [&half(9)[..], &half(1), &[resolution, 0, 0, 0], &half(0), &half(0)].concat();
    block(1, &[&half(1)[..], &half(0), &word(65535), &option].concat());
    block(0x0bad, &[0; 8]);
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(4), 0);
    let packet = [0, (units >> 32) as u32, units as u32, data.len() as u32, data.len() as u32 + 1].map(word).concat();
    block(6, &[packet, padded].concat());
    file
}

#[test]
fn pcap_in_both_orders_and_resolutions() {
    for big in [false, true] {
        let file = pcap(PCAP_MICROS, big, &[(7, 9, b"abc"), (8, 0, b"")]);
        assert_eq!(frames(&file).unwrap(), [(b"abc".to_vec(), 7_000_009, 8), (vec![], 8_000_000, 5)]);
        let file = pcap(PCAP_NANOS, big, &[(7, 9_999, b"abc")]);
        assert_eq!(frames(&file).unwrap(), [(b"abc".to_vec(), 7_000_009, 8)]);
    }
}

#[test]
fn pcapng_in_both_orders_and_resolutions() {
    for big in [false, true] {
        assert_eq!(frames(&pcapng(big, 6, 7_000_009, b"abcde")).unwrap(), [(b"abcde".to_vec(), 7_000_009, 6)]);
        assert_eq!(frames(&pcapng(big, 9, 7_000_009_999, b"ab")).unwrap(), [(b"ab".to_vec(), 7_000_009, 3)]);
        assert_eq!(frames(&pcapng(big, 0x8a, 1536, b"ab")).unwrap(), [(b"ab".to_vec(), 1_500_000, 3)]);
    }
}

#[test]
fn a_cut_file_gives_its_whole_records_and_says_so() {
    let file = pcap(PCAP_MICROS, false, &[(7, 9, b"abc"), (8, 0, b"defg")]);
    let mut reader = PcapReader::new(&file[..file.len() - 1]).unwrap();
    assert!(reader.next_frame().unwrap().is_some());
    assert!(reader.next_frame().unwrap().is_none());
    assert!(reader.is_truncated());
    assert!(matches!(PcapReader::new(&b"GIF89a--"[..]), Err(PcapError::Format)));
    assert!(matches!(PcapReader::new(&b""[..]), Err(PcapError::Format)));
}

proptest! {
    #[test]
    fn hostile_files_end(mut file in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|rest| [&pcap(PCAP_MICROS, false, &[])[..], &rest].concat()),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|rest| [&pcapng(false, 6, 1, b"x")[..], &rest].concat()),
    ], flip in any::<(u16, u8)>()) {
        let at = usize::from(flip.0) % file.len();
        file[at] ^= flip.1;
        let _ = frames(&file);
    }
}

#[test]
fn simple_packets_have_the_time_of_the_packet_before() {
    let word = |value: u32| value.to_le_bytes();
    let mut file = pcapng(false, 6, 7_000_009, b"abcd");
    file.extend([word(3), word(20), word(4), *b"wxyz", word(20)].concat());
    assert_eq!(frames(&file).unwrap(), [(b"abcd".to_vec(), 7_000_009, 5), (b"wxyz".to_vec(), 7_000_009, 4)]);
}

#[test]
fn every_interface_of_every_section_has_its_own_link_and_clock() {
    let mut file = pcapng(false, 6, 1_000_000, b"ab");
    // A second interface of the first section: raw IP, nanoseconds, an offset of 100 seconds.
    let word = |value: u32| value.to_le_bytes();
    let options = [&[9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0][..], &100u64.to_le_bytes(), &[0; 4]].concat();
    let body = [&[101, 0, 0, 0][..], &word(0), &options].concat();
    let length = word(body.len() as u32 + 12);
    file.extend([&word(1)[..], &length, &body, &length].concat());
    let packet = [word(1), word(0), word(5_000), word(1), word(1)].concat();
    file.extend([&word(6)[..], &word(36), &packet, b"z\0\0\0", &word(36)].concat());
    file.extend(pcapng(true, 9, 3_000_000_000, b"cd"));
    let mut reader = PcapReader::new(&file[..]).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        seen.push((frame.link, frame.data.to_vec(), frame.meta.time));
    }
    assert_eq!(
        seen,
        [
            (LinkType::Ethernet, b"ab".to_vec(), 1_000_000),
            (LinkType::RawIp, b"z".to_vec(), 100_000_005),
            (LinkType::Ethernet, b"cd".to_vec(), 3_000_000),
        ]
    );
}

#[test]
fn long_blocks_without_packets_are_passed_over() {
    let mut file = pcapng(false, 6, 1, b"ab");
    let length = (3u32 << 20).to_le_bytes();
    file.extend([&10u32.to_le_bytes()[..], &length].concat());
    file.resize(file.len() + (3 << 20) - 12, 0);
    file.extend(length);
    let tail = pcapng(false, 6, 2, b"cd");
    file.extend(tail);
    assert_eq!(frames(&file).unwrap().len(), 2);
}
