//! Made-up traffic as a capture file: whole lives of many sessions at a time, the same in every run of one seed.

use std::io::{self, Write};
use std::path::Path;

/// `SplitMix64`.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What a side sends next: side, flags, payload.
type Step = (usize, u8, u16);

const SYN: u8 = 2;
const ACK: u8 = 16;
const PUSH: u8 = 24;
const FIN: u8 = 17;
const RST: u8 = 20;

const CLOSED: &[Step] = &[
    (0, SYN, 0),
    (1, SYN | ACK, 0),
    (0, ACK, 0),
    (0, PUSH, 180),
    (1, ACK, 0),
    (1, PUSH, 1400),
    (1, PUSH, 1400),
    (0, ACK, 0),
    (1, PUSH, 700),
    (0, ACK, 0),
    (0, FIN, 0),
    (1, FIN, 0),
    (0, ACK, 0),
];
const RESET: &[Step] = &[(0, SYN, 0), (1, SYN | ACK, 0), (0, ACK, 0), (0, PUSH, 300), (1, ACK, 0), (1, RST, 0)];
const REFUSED: &[Step] = &[(0, SYN, 0), (1, RST, 0)];
const UNANSWERED: &[Step] = &[(0, SYN, 0)];
const HALF_OPEN: &[Step] = &[(0, SYN, 0), (1, SYN | ACK, 0), (1, SYN | ACK, 0)];

/// A session: where its life stands.
#[derive(Clone, Copy)]
struct Life {
    number: u32,
    script: u8,
    step: u8,
    next: [u32; 2],
}

fn script(number: u8) -> &'static [Step] {
    // In hundredths: 70 closed, 6 reset, 10 refused, 9 without an answer, 5 half-open.
    match number {
        0..70 => CLOSED,
        70..76 => RESET,
        76..86 => REFUSED,
        86..95 => UNANSWERED,
        _ => HALF_OPEN,
    }
}

fn add(mut sum: u32, bytes: &[u8]) -> u32 {
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    sum
}

fn fold(mut sum: u32) -> [u8; 2] {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// The Ethernet frame of a segment of session `number`; payload is on the wire only, as with a snapshot length.
pub fn frame(number: u32, side: usize, flags: u8, seq: u32, ack: u32, payload: u16) -> [u8; 54] {
    let client = (0x0a00_0000 | number >> 14).to_be_bytes();
    let server = (0xc0a8_0000 | (number.wrapping_mul(2_654_435_761) >> 22)).to_be_bytes();
    let ports = [(49_152 + (number & 0x3fff) as u16).to_be_bytes(), 443u16.to_be_bytes()];
    let (source, target) = if side == 0 { (client, server) } else { (server, client) };
    let mut frame = [0u8; 54];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    frame[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
    frame[16..18].copy_from_slice(&(40 + payload).to_be_bytes());
    frame[22..24].copy_from_slice(&[64, 6]);
    frame[26..30].copy_from_slice(&source);
    frame[30..34].copy_from_slice(&target);
    let check = fold(add(0, &frame[14..34]));
    frame[24..26].copy_from_slice(&check);
    frame[34..36].copy_from_slice(&ports[side]);
    frame[36..38].copy_from_slice(&ports[1 - side]);
    frame[38..42].copy_from_slice(&seq.to_be_bytes());
    frame[42..46].copy_from_slice(&ack.to_be_bytes());
    frame[46..50].copy_from_slice(&[0x50, flags, 0xfa, 0xf0]);
    let check = fold(add(add(6 + 20, &frame[26..34]), &frame[34..54]));
    frame[50..52].copy_from_slice(&check);
    frame
}

/// Writes `packets` packets of `open` sessions at a time, one packet every 1.6 microseconds; gives the sessions begun.
pub fn write(path: &Path, packets: u64, open: u32, seed: u64) -> io::Result<u32> {
    let mut out = io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.write_all(&word.to_le_bytes())?;
    }
    let mut random = Random(seed);
    let mut begun = 0;
    let mut begin = |random: &mut Random| {
        let isn = random.next();
        begun += 1;
        Life { number: begun, script: (isn % 100) as u8, step: 0, next: [isn as u32, (isn >> 32) as u32] }
    };
    let mut lives: Vec<Life> = (0..open).map(|_| begin(&mut random)).collect();
    for packet in 0..packets {
        let slot = (random.next() % u64::from(open)) as usize;
        let mut life = lives[slot];
        let steps = script(life.script);
        let (side, flags, payload) = steps[usize::from(life.step)];
        let ack = if flags & ACK == 0 { 0 } else { life.next[1 - side] };
        let again = flags & SYN != 0 && side == 1 && life.step > 1;
        let seq = life.next[side].wrapping_sub(u32::from(again));
        let bytes = frame(life.number, side, flags, seq, ack, payload);
        let micros = packet * 8 / 5;
        for word in
            [1_700_000_000 + (micros / 1_000_000) as u32, (micros % 1_000_000) as u32, 54, 54 + u32::from(payload)]
        {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&bytes)?;
        let own = u32::from(payload) + u32::from(flags & (SYN | 1) != 0 && !again);
        life.next[side] = life.next[side].wrapping_add(own);
        life.step += 1;
        lives[slot] = if usize::from(life.step) == steps.len() { begin(&mut random) } else { life };
    }
    out.flush()?;
    Ok(begun)
}
