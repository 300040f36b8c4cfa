//! Makes export messages for tests.

use std::net::SocketAddr;

use crate::netflow::{Decoder, DecoderSettings, FlowRecord};

/// Export time of every message made here, seconds.
pub(super) const EXPORTED: u32 = 1_700_000_000;
/// `sysUpTime` of every message made here, milliseconds.
pub(super) const UPTIME: u32 = 1_000_000;

pub(super) fn source() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

pub(super) fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let mut set = id.to_be_bytes().to_vec();
    set.extend((body.len() as u16 + 4).to_be_bytes());
    set.extend(body);
    set
}

pub(super) fn ipfix_numbered(domain: u32, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let mut message = 10_u16.to_be_bytes().to_vec();
    message.extend((body.len() as u16 + 16).to_be_bytes());
    message.extend(EXPORTED.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(domain.to_be_bytes());
    message.extend(body);
    message
}

pub(super) fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    ipfix_numbered(7, 0, sets)
}

pub(super) fn v9_numbered(domain: u32, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut message = 9_u16.to_be_bytes().to_vec();
    message.extend((sets.len() as u16).to_be_bytes());
    message.extend(UPTIME.to_be_bytes());
    message.extend(EXPORTED.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(domain.to_be_bytes());
    message.extend(sets.concat());
    message
}

pub(super) fn v9(sets: &[Vec<u8>]) -> Vec<u8> {
    v9_numbered(7, 0, sets)
}

/// A template record; ids with the enterprise bit are followed by their enterprise number.
pub(super) fn template(id: u16, fields: &[(u16, u16, Option<u32>)]) -> Vec<u8> {
    let mut record = id.to_be_bytes().to_vec();
    record.extend((fields.len() as u16).to_be_bytes());
    record.extend(specs(fields));
    record
}

pub(super) fn specs(fields: &[(u16, u16, Option<u32>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, length, enterprise) in fields {
        bytes.extend((id | if enterprise.is_some() { 0x8000 } else { 0 }).to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(enterprise.iter().flat_map(|enterprise| enterprise.to_be_bytes()));
    }
    bytes
}

/// Fields of a plain TCP flow: addresses, ports, protocol, flags, counters.
pub(super) const PLAIN: &[(u16, u16, Option<u32>)] =
    &[(8, 4, None), (12, 4, None), (7, 2, None), (11, 2, None), (4, 1, None), (6, 1, None), (2, 4, None), (1, 4, None)];

pub(super) fn plain(flags: u8) -> Vec<u8> {
    let mut record = vec![10, 0, 0, 1, 10, 0, 0, 2];
    record.extend(40_000_u16.to_be_bytes());
    record.extend(443_u16.to_be_bytes());
    record.extend([6, flags]);
    record.extend(5_u32.to_be_bytes());
    record.extend(500_u32.to_be_bytes());
    record
}

pub(super) fn decoder() -> Decoder {
    Decoder::new(DecoderSettings::default())
}

pub(super) fn flows(decoder: &mut Decoder, message: &[u8]) -> Vec<FlowRecord> {
    let mut out = Vec::new();
    decoder.decode(source(), 0, message, &mut out);
    out
}

pub(super) fn objects(decoder: &mut Decoder, message: &[u8]) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let mut out = Vec::new();
    decoder.decode_json(source(), 0, message, &mut |object| out.push(object));
    out
}
