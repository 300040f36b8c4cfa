//! Speed of decoding and stitching, single thread.

use std::hint::black_box;
use std::net::SocketAddr;

use collector::netflow::{Decoder, DecoderSettings, FlowRecord};
use collector::stitch::{StitchSettings, Stitcher};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Element and octets of the twenty fields of a usual template.
const TWENTY: [(u16, u16); 20] = [
    (8, 4),
    (12, 4),
    (15, 4),
    (10, 4),
    (14, 4),
    (2, 8),
    (1, 8),
    (152, 8),
    (153, 8),
    (7, 2),
    (11, 2),
    (6, 1),
    (4, 1),
    (5, 1),
    (16, 4),
    (17, 4),
    (9, 1),
    (13, 1),
    (58, 2),
    (136, 1),
];
/// Records per message.
const RECORDS: usize = 18;

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 2055))
}

fn message(set: u16, body: &[u8]) -> Vec<u8> {
    let mut message = 10_u16.to_be_bytes().to_vec();
    message.extend((body.len() as u16 + 20).to_be_bytes());
    message.extend(1_700_000_000_u32.to_be_bytes());
    message.extend([0; 8]);
    message.extend(set.to_be_bytes());
    message.extend((body.len() as u16 + 4).to_be_bytes());
    message.extend(body);
    message
}

fn template() -> Vec<u8> {
    let mut body = vec![1, 0, 0, 20];
    for (id, length) in TWENTY {
        body.extend(id.to_be_bytes());
        body.extend(length.to_be_bytes());
    }
    message(2, &body)
}

/// Records of closed sessions, both directions in turn.
fn data(first: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for index in 0..RECORDS {
        let session = first.div_ceil(2) + index / 2;
        let (mut client, mut server) =
            ([10, (session >> 16) as u8, (session >> 8) as u8, session as u8], [10, 250, 0, 1]);
        let mut ports = (40_000_u16, 443_u16);
        if index % 2 == 1 {
            std::mem::swap(&mut client, &mut server);
            ports = (ports.1, ports.0);
        }
        body.extend(client);
        body.extend(server);
        body.extend([0; 4]);
        body.extend([0, 0, 0, 1, 0, 0, 0, 2]);
        body.extend(5_u64.to_be_bytes());
        body.extend(500_u64.to_be_bytes());
        body.extend((1_699_999_990_000_u64 + (index % 2) as u64).to_be_bytes());
        body.extend(1_699_999_999_000_u64.to_be_bytes());
        body.extend(ports.0.to_be_bytes());
        body.extend(ports.1.to_be_bytes());
        body.extend([0x1b, 6, 0]);
        body.extend([0, 0, 0xfc, 0, 0, 0, 0xfc, 1, 24, 24, 0, 5, 3]);
    }
    message(256, &body)
}

fn decode(criterion: &mut Criterion) {
    let mut decoder = Decoder::new(DecoderSettings::default());
    let mut flows: Vec<FlowRecord> = Vec::new();
    decoder.decode(source(), 0, &template(), &mut flows);
    let data = data(0);
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("ipfix, 20 fields", |bencher| {
        bencher.iter(|| {
            flows.clear();
            decoder.decode(source(), 0, black_box(&data), &mut flows);
            black_box(flows.len())
        });
    });
    group.finish();
}

fn stitch(criterion: &mut Criterion) {
    let mut decoder = Decoder::new(DecoderSettings::default());
    let mut flows = Vec::new();
    decoder.decode(source(), 0, &template(), &mut flows);
    for first in (0..36_000).step_by(RECORDS) {
        decoder.decode(source(), 0, &data(first), &mut flows);
    }
    let mut group = criterion.benchmark_group("stitch");
    group.throughput(Throughput::Elements(flows.len() as u64));
    group.bench_function("closed sessions, two records each", |bencher| {
        bencher.iter(|| {
            let mut stitcher = Stitcher::new(StitchSettings::default());
            let mut sessions = Vec::new();
            for flow in &flows {
                stitcher.on_flow(flow, flow.exported, &mut sessions);
            }
            stitcher.finish(&mut sessions);
            black_box(sessions.len())
        });
    });
    group.finish();
}

criterion_group!(benches, decode, stitch);
criterion_main!(benches);
