//! An exporter of made-up sessions: IPFIX messages with both directions in one record (RFC 5103).

/// A message of sessions of the server 10.2.0.9:443 that begin within `seconds` from `time` (seconds since the epoch):
/// so many served and refused. `number` tells messages apart: clients and ports depend on it.
pub fn message(time: u64, seconds: u64, number: u64, served: u64, refused: u64) -> Vec<u8> {
    let served = (0..served).map(|n| (n, 0x1b_u16, 0x1b_u16, 5_u32));
    let refused = (0..refused).map(|n| (100 + n, 0x02, 0x14, 1));
    let mut records = Vec::new();
    for (n, flags, reverse, packets) in served.chain(refused) {
        let client = u32::from_be_bytes([10, 1, 0, 1 + (n % 7) as u8]);
        let port = 30_000 + ((number * 400 + n) % 30_000) as u16;
        records.extend(client.to_be_bytes());
        records.extend([10, 2, 0, 9]);
        records.extend(port.to_be_bytes());
        records.extend(443_u16.to_be_bytes());
        records.push(6);
        records.extend(flags.to_be_bytes());
        records.extend(packets.to_be_bytes());
        records.extend((packets * 60).to_be_bytes());
        records.extend((time * 1000 + n * 7).to_be_bytes());
        records.extend((time * 1000 + n * 7 + 20).to_be_bytes());
        records.push(if flags == 2 { 1 } else { 3 });
        records.extend(packets.to_be_bytes());
        records.extend((packets * 60).to_be_bytes());
        records.extend(reverse.to_be_bytes());
    }
    let template = template();
    let mut bytes = Vec::new();
    bytes.extend(10_u16.to_be_bytes());
    bytes.extend(((16 + template.len() + 4 + records.len()) as u16).to_be_bytes());
    bytes.extend(((time + seconds - 1) as u32).to_be_bytes());
    bytes.extend([0; 4]); // the sequence is not looked at in files
    bytes.extend(1_u32.to_be_bytes());
    bytes.extend(template);
    bytes.extend(256_u16.to_be_bytes());
    bytes.extend(((4 + records.len()) as u16).to_be_bytes());
    bytes.extend(records);
    bytes
}

/// The template set of [`message`].
fn template() -> Vec<u8> {
    let plain = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 2), (2, 4), (1, 4), (152, 8), (153, 8), (136, 1)];
    let reverse = [(2, 4), (1, 4), (6, 2)];
    let mut fields = Vec::new();
    for (id, length) in plain {
        fields.extend([u16::to_be_bytes(id), u16::to_be_bytes(length)].concat());
    }
    for (id, length) in reverse {
        fields.extend([u16::to_be_bytes(id | 0x8000), u16::to_be_bytes(length)].concat());
        fields.extend(29_305_u32.to_be_bytes());
    }
    let mut set = Vec::new();
    set.extend(2_u16.to_be_bytes());
    set.extend(((8 + fields.len()) as u16).to_be_bytes());
    set.extend(256_u16.to_be_bytes());
    set.extend(14_u16.to_be_bytes());
    set.extend(fields);
    set
}
