//! Records a second and core: this decoder beside `netflow_parser`, and the stitcher; in CPU time, in one run.

mod support {
    pub mod messages;
}

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use collector::netflow::{Decoder, DecoderSettings, FlowRecord};
use collector::stitch::{StitchSettings, Stitcher};
use netflow_parser::variable_versions::{ipfix, v9};
use netflow_parser::{NetflowPacket, NetflowParser};
use support::messages::{Stream, storm, streams};

/// Messages of each stream.
const MESSAGES: u32 = 200;
/// Rounds in which every candidate has its turn; the fastest counts, for noise only adds.
const ROUNDS: usize = 9;
/// CPU time of one turn.
const TURN: Duration = Duration::from_millis(120);

/// CPU time of this thread so far (proc(5): `schedstat`).
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Million units a second of CPU time.
fn rate(units: u64, mut work: impl FnMut()) -> f64 {
    let (start, mut turns) = (cpu(), 0);
    loop {
        work();
        turns += 1;
        let spent = cpu().saturating_sub(start);
        if spent >= TURN {
            return (units * turns) as f64 / spent.as_secs_f64() / 1e6;
        }
    }
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 2055))
}

/// Data records that the parser crate made of a message.
fn parsed(parser: &mut NetflowParser, message: &[u8]) -> u64 {
    let result = parser.parse_bytes(message);
    let of_packet = |packet: &NetflowPacket| match packet {
        NetflowPacket::V5(packet) => packet.flowsets.len(),
        NetflowPacket::V9(packet) => {
            let of_set =
                |set: &v9::FlowSet| if let v9::FlowSetBody::Data(data) = &set.body { data.fields.len() } else { 0 };
            packet.flowsets.iter().map(of_set).sum()
        }
        NetflowPacket::IPFix(packet) => {
            let of_set = |set: &ipfix::FlowSet| {
                if let ipfix::FlowSetBody::Data(data) = &set.body { data.fields.len() } else { 0 }
            };
            packet.flowsets.iter().map(of_set).sum()
        }
        _ => 0,
    };
    result.packets.iter().map(of_packet).sum::<usize>() as u64
}

/// Rates of both, and the share of records that the parser crate reads at all.
fn measure(stream: &Stream) -> (f64, f64, f64) {
    let mut decoder = Decoder::new(DecoderSettings::default());
    // All of a set's records, where the default stops at 1,024 without a word.
    let mut parser = NetflowParser::builder().with_max_records_per_flowset(65_535).build().unwrap_or_default();
    let mut flows: Vec<FlowRecord> = Vec::new();
    if let Some(template) = &stream.template {
        decoder.decode(source(), 0, template, &mut flows);
        let _ = black_box(parser.parse_bytes(template));
    }
    let found: u64 = stream.data.iter().map(|message| parsed(&mut parser, message)).sum();
    let (mut ours, mut theirs) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        ours = ours.max(rate(stream.records, || {
            for message in &stream.data {
                flows.clear();
                decoder.decode(source(), 0, message, &mut flows);
                black_box(&flows);
            }
        }));
        theirs = theirs.max(rate(found, || {
            for message in &stream.data {
                let _ = black_box(parser.parse_bytes(message));
            }
        }));
    }
    assert_eq!(decoder.totals().drops.total(), 0, "{}", stream.name);
    (ours, theirs, found as f64 / stream.records as f64)
}

/// How much longer a stream's records take while another exporter sends a message of templates for every message of it.
fn beside_a_storm(stream: &Stream) -> f64 {
    let other = SocketAddr::from(([192, 0, 2, 2], 2055));
    let storm = storm(stream.data.len() as u32 * 4);
    let spent = |stormy: bool| {
        let mut decoder = Decoder::new(DecoderSettings::default());
        let mut flows = Vec::new();
        if let Some(template) = &stream.template {
            decoder.decode(source(), 0, template, &mut flows);
        }
        let mut spent = Duration::ZERO;
        for turn in storm.chunks(stream.data.len()) {
            for message in turn.iter().filter(|_| stormy) {
                decoder.decode(other, 0, message, &mut flows);
            }
            // A turn is too short for the clock of CPU time, which moves with the scheduler's ticks.
            let start = Instant::now();
            for message in &stream.data {
                flows.clear();
                decoder.decode(source(), 0, message, &mut flows);
                black_box(&flows);
            }
            spent += start.elapsed();
        }
        spent.as_secs_f64()
    };
    let fastest = |stormy| (0..ROUNDS * 5).map(|_| spent(stormy)).fold(f64::MAX, f64::min);
    fastest(true) / fastest(false)
}

/// Both directions of closed sessions.
fn sessions(stream: &Stream) -> Vec<FlowRecord> {
    let mut decoder = Decoder::new(DecoderSettings::default());
    let mut flows = Vec::new();
    for message in stream.template.iter().chain(&stream.data) {
        decoder.decode(source(), 0, message, &mut flows);
    }
    let answer = |flow: &FlowRecord| FlowRecord { src: flow.dst, dst: flow.src, ..*flow };
    flows.iter().flat_map(|flow| [*flow, answer(flow)]).collect()
}

fn stitch(flows: &[FlowRecord]) -> f64 {
    let mut sessions = Vec::new();
    let mut once = || {
        let mut stitcher = Stitcher::new(StitchSettings::default());
        // As many records as a datagram has.
        for flows in flows.chunks(18) {
            stitcher.on_flows(flows, flows[0].exported, &mut sessions);
            sessions.clear();
        }
        stitcher.finish(&mut sessions);
        black_box(&sessions);
    };
    (0..ROUNDS).map(|_| rate(flows.len() as u64, &mut once)).fold(0.0, f64::max)
}

#[allow(clippy::print_stdout)] // a benchmark prints
fn main() {
    let columns = ("halfopen", "netflow_parser", "ratio", "it reads");
    println!("{:<34}{:>12}{:>16}{:>8}{:>10}", "million records/s and core", columns.0, columns.1, columns.2, columns.3);
    for stream in streams(MESSAGES) {
        let (ours, theirs, found) = measure(&stream);
        let (ratio, share) = (ours / theirs, found * 100.0);
        println!("{:<34}{ours:>12.2}{theirs:>16.2}{ratio:>8.1}{share:>9.0}%", stream.name);
        if stream.name.starts_with("ipfix, 20") {
            println!("{:<34}{:>12.2}", "stitching, two records a session", stitch(&sessions(&stream)));
            println!("{:<34}{:>11.2}x", "time beside a storm of templates", beside_a_storm(&stream));
        }
    }
}
