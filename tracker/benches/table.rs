//! How fast the parser and the session table are, and how much memory a session takes.
//!
//! `cargo bench -p tracker`. Packets are made beforehand; their number per second is the throughput shown.

#![allow(clippy::print_stderr)]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tracker::packet::{Packet, addr_of, flag, proto};
use tracker::parse::{FrameMeta, LinkType, ParseSettings, Parser};
use tracker::table::Each;
use tracker::{SessionTable, TableSettings};

/// Time on the processor of this thread, so that other work on the machine does not count.
struct CpuTime;

fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        on_processor()
    }

    fn end(&self, start: Duration) -> Duration {
        on_processor().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// `SplitMix64`: the same packets in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A segment of session `number`; side 0 is the client.
fn segment(number: u32, side: usize, flags: u16, seq: u32, ack: u32, payload: u32, time: i64) -> Packet {
    let client = addr_of((0x0a00_0000 + (number >> 14)).to_be_bytes().into());
    let server = addr_of((0xc0a8_0000 + (number & 0xff)).to_be_bytes().into());
    let ports = (49_152 + (number & 0x3fff) as u16, 443);
    let (src, dst) = if side == 0 { (client, server) } else { (server, client) };
    let (sport, dport) = if side == 0 { ports } else { (ports.1, ports.0) };
    let ip_len = 40 + payload;
    Packet { flags, seq, ack, payload, ip_len, window: 500, sport, dport, ..Packet::new(time, src, dst, proto::TCP) }
}

fn discard() -> Each<impl FnMut(tracker::SessionRecord)> {
    Each(|record| {
        black_box(record);
    })
}

/// A table with this many established sessions.
fn established(sessions: u32) -> SessionTable {
    let settings = TableSettings { max_sessions: sessions as usize + 1000, ..TableSettings::default() };
    let mut table = SessionTable::new(settings);
    let mut packets = Vec::new();
    for number in 0..sessions {
        packets.push(segment(number, 0, flag::SYN, 99, 0, 0, 0));
        packets.push(segment(number, 1, flag::SYN | flag::ACK, 499, 100, 0, 1));
        packets.push(segment(number, 0, flag::ACK, 100, 500, 0, 2));
        if packets.len() >= 3000 {
            table.on_packets(&packets, &mut discard());
            packets.clear();
        }
    }
    table.on_packets(&packets, &mut discard());
    assert_eq!(table.len(), sessions as usize);
    table
}

/// What ten million established sessions take.
fn ten_million(_: &mut Criterion<CpuTime>) {
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) / 1024
    };
    let before = resident();
    let table = established(10_000_000);
    eprintln!(
        "{} sessions: {} bytes each, {} MiB resident",
        table.len(),
        table.bytes() / table.len(),
        resident() - before
    );
}

const ROUND: usize = 200_000;

fn look_ups(bench: &mut Criterion<CpuTime>) {
    let mut group = bench.benchmark_group("packets_of_established_sessions");
    group.throughput(Throughput::Elements(ROUND as u64)).sample_size(20).measurement_time(Duration::from_secs(8));
    for sessions in [50_000u32, 500_000, 2_000_000] {
        let mut table = established(sessions);
        let mut random = Random(u64::from(sessions));
        let packets: Vec<Packet> = (0..ROUND)
            .map(|_| {
                let number = (random.next() % u64::from(sessions)) as u32;
                let side = (random.next() & 1) as usize;
                let (seq, ack) = if side == 0 { (100, 500) } else { (500, 100) };
                segment(number, side, flag::ACK, seq, ack, 0, 3)
            })
            .collect();
        eprintln!("{sessions} sessions: {} bytes each", table.bytes() / sessions as usize);
        group.bench_function(BenchmarkId::from_parameter(sessions), |b| {
            b.iter(|| table.on_packets(black_box(&packets), &mut discard()));
        });
    }
    group.finish();
}

/// Whole lives: handshake, four data packets with their acknowledgments, FINs; `open` sessions at any time.
fn lives(open: u32, count: u32) -> Vec<Packet> {
    let mut packets = Vec::new();
    let steps = 14;
    for turn in 0..(count * steps / open + steps) {
        for slot in 0..open {
            // Sessions are staggered, so that at any time some begin and some end.
            let Some(step) = (turn + slot % steps).checked_sub(steps - 1) else { continue };
            let number = (step / steps) * open + slot;
            let time = i64::from(turn) * 1_000_000 / i64::from(steps) + i64::from(slot);
            packets.push(match step % steps {
                0 => segment(number, 0, flag::SYN, 99, 0, 0, time),
                1 => segment(number, 1, flag::SYN | flag::ACK, 499, 100, 0, time),
                2 => segment(number, 0, flag::ACK, 100, 500, 0, time),
                last @ 11.. => {
                    let (seq, ack) = (100 + 400, 500 + 4000);
                    match last {
                        11 => segment(number, 0, flag::FIN | flag::ACK, seq, ack, 0, time),
                        12 => segment(number, 1, flag::FIN | flag::ACK, ack, seq + 1, 0, time),
                        _ => segment(number, 0, flag::ACK, seq + 1, ack + 1, 0, time),
                    }
                }
                data => {
                    let (side, sent) = ((data as usize - 3) % 2, (data - 3) / 2);
                    let (client, server) = (100 + 100 * sent, 500 + 1000 * sent);
                    if side == 0 {
                        segment(number, 0, flag::ACK | flag::PSH, client, server, 100, time)
                    } else {
                        segment(number, 1, flag::ACK | flag::PSH, server, client + 100, 1000, time)
                    }
                }
            });
        }
    }
    packets
}

fn whole_lives(bench: &mut Criterion<CpuTime>) {
    let mut group = bench.benchmark_group("whole_lives");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    let packets = lives(50_000, 150_000);
    group.throughput(Throughput::Elements(packets.len() as u64));
    group.bench_function("50000_at_a_time", |b| {
        b.iter_batched(
            || SessionTable::new(TableSettings::default()),
            |mut table| {
                table.on_packets(&packets, &mut discard());
                table.finish(&mut discard());
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// An Ethernet frame of a segment with a right IP header checksum; the transport's is told to be known.
fn frame(packet: &Packet) -> Vec<u8> {
    let mut frame = vec![0u8; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((packet.ip_len as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    frame.extend(&packet.src[12..]);
    frame.extend(&packet.dst[12..]);
    for value in [packet.sport, packet.dport] {
        frame.extend(value.to_be_bytes());
    }
    for value in [packet.seq, packet.ack] {
        frame.extend(value.to_be_bytes());
    }
    frame.extend([0x50, packet.flags as u8]);
    frame.extend(packet.window.to_be_bytes());
    frame.extend([0, 0, 0, 0]);
    frame.resize(14 + packet.ip_len as usize, 0);
    frame
}

fn frames(bench: &mut Criterion<CpuTime>) {
    let mut group = bench.benchmark_group("frames");
    let packets = lives(1000, 2000);
    let frames: Vec<Vec<u8>> = packets.iter().map(frame).collect();
    group.throughput(Throughput::Elements(frames.len() as u64));
    let mut out = Vec::with_capacity(512);
    group.bench_function("parse", |b| {
        let mut parser = Parser::new(ParseSettings { checksums: false, ..ParseSettings::default() });
        b.iter(|| {
            for frame in &frames {
                let meta = FrameMeta { time: 0, wire_len: frame.len() as u32, vlan: None, checksum_known: true };
                parser.parse(LinkType::Ethernet, frame, meta, &mut out);
                if out.len() >= 256 {
                    black_box(&out);
                    out.clear();
                }
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = look_ups, whole_lives, frames, ten_million
}
criterion_main!(benches);
