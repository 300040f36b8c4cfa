//! Records a second and core: this decoder beside `netflow_parser`, and the stitcher; in CPU time, in one run.

mod support {
    pub mod messages;
}

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use collector::netflow::{Decoder, DecoderSettings, FlowRecord};
use collector::stitch::{StitchSettings, Stitcher};
use netflow_parser::NetflowParser;
use support::messages::{Stream, streams};

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
        let spent = cpu() - start;
        if spent >= TURN {
            return (units * turns) as f64 / spent.as_secs_f64() / 1e6;
        }
    }
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 2055))
}

fn measure(stream: &Stream) -> (f64, f64) {
    let mut decoder = Decoder::new(DecoderSettings::default());
    // All of a set's records, where the default stops at 1,024 without a word.
    let mut parser = NetflowParser::builder().with_max_records_per_flowset(65_535).build().unwrap_or_default();
    let mut flows: Vec<FlowRecord> = Vec::new();
    if let Some(template) = &stream.template {
        decoder.decode(source(), 0, template, &mut flows);
        let _ = black_box(parser.parse_bytes(template));
    }
    let (mut ours, mut theirs) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        ours = ours.max(rate(stream.records, || {
            for message in &stream.data {
                flows.clear();
                decoder.decode(source(), 0, message, &mut flows);
                black_box(&flows);
            }
        }));
        theirs = theirs.max(rate(stream.records, || {
            for message in &stream.data {
                let _ = black_box(parser.parse_bytes(message));
            }
        }));
    }
    assert_eq!(decoder.totals().drops.total(), 0, "{}", stream.name);
    (ours, theirs)
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
        for flow in flows {
            stitcher.on_flow(flow, flow.exported, &mut sessions);
            sessions.clear();
        }
        stitcher.finish(&mut sessions);
        black_box(&sessions);
    };
    (0..ROUNDS).map(|_| rate(flows.len() as u64, &mut once)).fold(0.0, f64::max)
}

#[allow(clippy::print_stdout)] // a benchmark prints
fn main() {
    println!("{:<34}{:>12}{:>16}{:>8}", "million records/s and core", "halfopen", "netflow_parser", "ratio");
    for stream in streams(MESSAGES) {
        let (ours, theirs) = measure(&stream);
        println!("{:<34}{ours:>12.2}{theirs:>16.2}{:>8.1}", stream.name, ours / theirs);
        if stream.name.starts_with("ipfix, 20") {
            println!("{:<34}{:>12.2}", "stitching, two records a session", stitch(&sessions(&stream)));
        }
    }
}
