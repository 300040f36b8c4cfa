//! Tests of file reading: captures made here in every link layer, message files, damage.

use std::ops::ControlFlow;
use std::path::Path;

use super::*;

const EXPORT: &[u8] = &[0, 10, 0, 16, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 1, 0, 0, 0, 7];

type Found = Vec<(String, i64, Vec<u8>)>;

fn collect(bytes: &[u8]) -> Result<(InputSummary, Found), InputError> {
    let mut found = Vec::new();
    let summary = read_bytes(Path::new("test"), bytes, &mut |datagram| {
        found.push((datagram.source.to_string(), datagram.received, datagram.payload.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok((summary, found))
}

fn udp4(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((payload.len() as u16 + 28).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    packet.extend([0x0f, 0xa0, 0x08, 0x07]);
    packet.extend((payload.len() as u16 + 8).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

fn udp6(payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16 + 16).to_be_bytes());
    packet.extend([0, 64]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    // A hop-by-hop header of eight octets comes first.
    packet.extend([17, 0, 1, 4, 0, 0, 0, 0]);
    packet.extend([0x0f, 0xa0, 0x08, 0x07]);
    packet.extend((payload.len() as u16 + 8).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(65_535_u32.to_le_bytes());
    file.extend(link.to_le_bytes());
    for frame in frames {
        file.extend(1_700_000_000_u32.to_le_bytes());
        file.extend(250_000_u32.to_le_bytes());
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend((frame.len() as u32).to_le_bytes());
        file.extend(frame);
    }
    file
}

fn framed(header: &[u8], packet: &[u8]) -> Vec<u8> {
    [header, packet].concat()
}

#[test]
fn every_link_layer() {
    let ethernet = |kind: &[u8]| [&[0; 12][..], kind].concat();
    let cooked2 = [&[0x08, 0x00][..], &[0; 18]].concat();
    let frames = [
        (1, framed(&ethernet(&[0x08, 0x00]), &udp4(EXPORT))),
        (1, framed(&ethernet(&[0x81, 0x00, 0, 5, 0x08, 0x00]), &udp4(EXPORT))),
        (1, framed(&ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6, 0x08, 0x00]), &udp4(EXPORT))),
        (101, udp4(EXPORT)),
        (0, framed(&[2, 0, 0, 0], &udp4(EXPORT))),
        (113, framed(&[&[0; 14][..], &[0x08, 0x00]].concat(), &udp4(EXPORT))),
        (276, framed(&cooked2, &udp4(EXPORT))),
    ];
    for (link, frame) in frames {
        let (summary, found) = collect(&pcap(link, &[frame])).unwrap();
        assert_eq!((summary.kind, summary.datagrams), (InputKind::Pcap, 1), "link {link}");
        assert_eq!(found[0], ("192.0.2.1:4000".to_owned(), 1_700_000_000_250_000, EXPORT.to_vec()));
    }
    let (_, found) = collect(&pcap(101, &[udp6(EXPORT)])).unwrap();
    assert_eq!(found[0].0, "[2001:db8::1]:4000");
}

#[test]
fn other_traffic_is_skipped_and_counted() {
    let mut fragment = udp4(EXPORT);
    fragment[6] = 0x20;
    let mut tcp = udp4(EXPORT);
    tcp[9] = 6;
    let frames = [udp4(b"a question to some name server"), fragment, tcp, vec![0x45], Vec::new(), udp4(EXPORT)];
    let (summary, found) = collect(&pcap(101, &frames)).unwrap();
    assert_eq!((summary.packets, summary.skipped, found.len()), (6, 5, 1));
}

#[test]
fn pcapng_with_two_clocks() {
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = (padded as u32 + 12).to_le_bytes();
        let mut block = kind.to_le_bytes().to_vec();
        block.extend(length);
        block.extend(body);
        block.extend(vec![0; padded - body.len()]);
        block.extend(length);
        block
    };
    let section = block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    let micro = block(1, &[101, 0, 0, 0, 0, 0, 0, 0]);
    let nano = block(1, &[101, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    let packet = |interface: u32, ticks: u64| {
        let frame = udp4(EXPORT);
        let mut body = interface.to_le_bytes().to_vec();
        body.extend(((ticks >> 32) as u32).to_le_bytes());
        body.extend((ticks as u32).to_le_bytes());
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend((frame.len() as u32).to_le_bytes());
        body.extend(frame);
        block(6, &body)
    };
    let ticks = 1_700_000_000_250_000_u64;
    let file = [section, micro, nano, packet(0, ticks), packet(1, ticks * 1000), packet(7, ticks)].concat();
    let (summary, found) = collect(&file).unwrap();
    assert_eq!((summary.kind, found.len()), (InputKind::PcapNg, 2));
    assert!(found.iter().all(|(_, time, _)| *time == ticks as i64));
}

#[test]
fn message_files_are_cut_where_lengths_tell() {
    let (summary, found) = collect(&[EXPORT, EXPORT, EXPORT].concat()).unwrap();
    assert_eq!((summary.kind, found.len(), summary.truncated), (InputKind::Messages, 3, false));
    let (summary, found) = collect(&[EXPORT, &EXPORT[..9]].concat()).unwrap();
    assert_eq!((found.len(), summary.truncated), (2, true));
    let v9 = [&[0, 9, 0, 0][..], &[0; 40]].concat();
    assert_eq!(collect(&v9).unwrap().1.len(), 1);
}

#[test]
fn what_is_no_export_file() {
    for bytes in [&b""[..], b"PK\x03\x04 some archive of something", &[0, 5]] {
        assert!(matches!(collect(bytes), Err(InputError::UnknownFormat(_))));
    }
    let error = read_datagrams(Path::new("/nonexistent/file"), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/file"));
}

#[test]
fn a_cut_capture_yields_what_is_whole() {
    let file = pcap(101, &[udp4(EXPORT), udp4(EXPORT)]);
    for length in 24..file.len() {
        let (summary, found) = collect(&file[..length]).unwrap();
        assert!(found.len() <= 1, "{length}");
        assert_eq!(summary.datagrams, found.len() as u64);
    }
}

#[test]
fn the_reader_can_stop() {
    let mut seen = 0;
    let file = pcap(101, &[udp4(EXPORT), udp4(EXPORT)]);
    read_bytes(Path::new("test"), &file, &mut |_| {
        seen += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(seen, 1);
}
