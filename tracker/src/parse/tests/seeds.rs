//! The seeds from which fuzzing starts are made here: frames of every kind, a handshake and more, small captures.
//!
//! `UPDATE_FUZZ_SEEDS=1` writes them into `fuzz/seeds`.

use std::path::Path;

use super::hostile::sound;

/// Link type, settings, then frames each behind its length: what the target `frames` reads.
fn frames() -> Vec<Vec<u8>> {
    let one = |frame: &[u8]| [&[frame.len() as u8][..], frame].concat();
    let mut all: Vec<Vec<u8>> = sound().iter().map(|frame| [&[0, 2][..], &one(frame)].concat()).collect();
    all.push([&[0, 3][..], &sound().iter().flat_map(|frame| one(frame)).collect::<Vec<u8>>()].concat());
    // The same without the Ethernet header, as raw IP.
    all.extend(sound().iter().map(|frame| [&[4, 0][..], &one(&frame[14..])].concat()));
    all
}

/// Settings, then sixteen bytes a packet: what the target `packets` reads.
fn packets() -> Vec<Vec<u8>> {
    let step = |side: u8, flags: u8, seq: u8, ack: u8, length: u8| {
        let (who, ports) = if side == 0 { (0b0100, 0b0110) } else { (0b0001, 0b1001) };
        [who, 0, flags, ports, seq, 0, ack, 0, length, 50, 0, 0, 0, 0, 10, 0]
    };
    let handshake = [step(0, 2, 9, 0, 0), step(1, 18, 99, 10, 0), step(0, 16, 10, 100, 0)];
    let closed = [step(0, 24, 10, 100, 1), step(1, 16, 100, 17, 0), step(0, 17, 17, 100, 0), step(1, 17, 100, 18, 0)];
    let refused = [step(0, 2, 9, 0, 0), step(1, 20, 0, 10, 0)];
    let mut error = step(1, 0, 9, 0, 0);
    (error[1], error[10], error[11], error[12]) = (5, 3, 1, 4);
    let unreachable = [step(0, 2, 9, 0, 0), error];
    let whole = [&handshake[..], &closed].concat();
    let runs = [&whole[..], &refused, &unreachable, &handshake];
    let settings = [[0u8, 7], [1, 7], [6, 0], [8, 255]];
    let seed = |settings: &[u8; 2], run: &[[u8; 16]]| [&settings[..], run.as_flattened()].concat();
    settings.iter().flat_map(|settings| runs.iter().map(move |run| seed(settings, run))).collect()
}

/// Whole files: what the target `captures` reads.
fn captures() -> Vec<Vec<u8>> {
    let mut old = [0xa1b2_c3d4u32, 0x0002_0004, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat();
    let mut new = [0x0a0d_0d0au32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28].map(u32::to_le_bytes).concat();
    new.extend([1u32, 20, 1, 65_535, 20].map(u32::to_le_bytes).concat());
    for frame in sound() {
        let length = frame.len() as u32;
        old.extend([7, 9, length, length].map(u32::to_le_bytes).concat());
        old.extend(&frame);
        let padded = frame.len().next_multiple_of(4);
        let whole = 32 + padded as u32;
        new.extend([6, whole, 0, 0, 9, length, length].map(u32::to_le_bytes).concat());
        new.extend(&frame);
        new.resize(new.len() + padded - frame.len(), 0);
        new.extend(whole.to_le_bytes());
    }
    vec![old, new]
}

#[test]
fn the_committed_seeds_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, seeds) in [("frames", frames()), ("packets", packets()), ("captures", captures())] {
        let folder = folder.join(target);
        if std::env::var_os("UPDATE_FUZZ_SEEDS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            for (number, seed) in seeds.iter().enumerate() {
                std::fs::write(folder.join(format!("{number:02}")), seed).unwrap();
            }
        }
        for (number, seed) in seeds.iter().enumerate() {
            let committed = std::fs::read(folder.join(format!("{number:02}"))).unwrap_or_default();
            assert!(committed == *seed, "{target}/{number:02} differs: run the test with UPDATE_FUZZ_SEEDS=1");
        }
    }
}

#[test]
fn the_captures_among_the_seeds_can_be_read() {
    for file in captures() {
        let mut reader = crate::pcap::PcapReader::new(&file[..]).unwrap();
        let mut frames = 0;
        while reader.next_frame().unwrap().is_some() {
            frames += 1;
        }
        assert_eq!((frames, reader.is_truncated()), (sound().len(), false));
    }
}
