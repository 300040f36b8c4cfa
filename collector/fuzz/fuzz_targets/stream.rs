//! Any octets over TCP, in reads of any length: the same messages come out however they were cut.
//!
//! The first octet of an input is the length of the reads.
#![no_main]

use std::net::SocketAddr;

use collector::netflow::{Decoder, DecoderSettings};
use collector::receive::frame::Frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, octets)) = input.split_first() else { return };
    let cut = messages(octets.chunks(usize::from(*size).max(1)));
    assert_eq!(cut, messages(std::iter::once(octets)));
    let mut decoder = Decoder::new(DecoderSettings::default());
    let mut flows = Vec::new();
    for message in &cut {
        decoder.decode(SocketAddr::from(([192, 0, 2, 1], 4739)), 0, message, &mut flows);
    }
    assert_eq!(decoder.totals().sources.flow_records, flows.len() as u64);
});

/// The messages of a stream that arrives in these reads, up to the first that is no message.
fn messages<'a>(reads: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let (mut frames, mut found) = (Frames::default(), Vec::new());
    for read in reads {
        frames.push(read);
        loop {
            match frames.next_message() {
                Ok(Some(message)) => found.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}
