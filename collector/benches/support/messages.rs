//! Export messages of the four shapes that exporters send most, made from a seed.

/// A pseudo-random sequence (Steele, Lea and Flood's SplitMix64): the same in every run.
pub struct Seeded(pub u64);

impl Seeded {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// Export time of every message, seconds.
pub const EXPORTED: u32 = 1_700_000_000;
const UPTIME: u32 = 5_000_000;
/// Octets of a datagram's payload that are filled with records.
const ROOM: usize = 1_380;

/// Element, enterprise, octets (65535: a length of its own).
type Field = (u16, u32, u16);

/// The six fields of a minimal v9 template.
pub const SIX: &[Field] = &[(8, 0, 4), (12, 0, 4), (7, 0, 2), (11, 0, 2), (4, 0, 1), (1, 0, 4)];

/// The twenty fields of a usual template.
pub const TWENTY: &[Field] = &[
    (8, 0, 4),
    (12, 0, 4),
    (15, 0, 4),
    (10, 0, 4),
    (14, 0, 4),
    (2, 0, 8),
    (1, 0, 8),
    (152, 0, 8),
    (153, 0, 8),
    (7, 0, 2),
    (11, 0, 2),
    (6, 0, 1),
    (4, 0, 1),
    (5, 0, 1),
    (16, 0, 4),
    (17, 0, 4),
    (9, 0, 1),
    (13, 0, 1),
    (58, 0, 2),
    (136, 0, 1),
];

/// Application visibility as Cisco exports it: 34 fields, some of its own, some with lengths of their own.
pub const AVC: &[Field] = &[
    (8, 0, 4),
    (12, 0, 4),
    (60, 0, 1),
    (4, 0, 1),
    (7, 0, 2),
    (11, 0, 2),
    (10, 0, 4),
    (14, 0, 4),
    (61, 0, 1),
    (95, 0, 4),
    (12235, 9, 65535),
    (12244, 9, 65535),
    (150, 0, 4),
    (151, 0, 4),
    (1, 0, 8),
    (2, 0, 8),
    (231, 0, 8),
    (232, 0, 8),
    (298, 0, 8),
    (299, 0, 8),
    (278, 0, 4),
    (6, 0, 1),
    (136, 0, 1),
    (5, 0, 1),
    (195, 0, 1),
    (234, 0, 4),
    (235, 0, 4),
    (9292, 9, 4),
    (9303, 9, 4),
    (9313, 9, 4),
    (12232, 9, 65535),
    (12233, 9, 65535),
    (16, 0, 4),
    (17, 0, 4),
];

/// A template and messages of data.
pub struct Stream {
    /// What is measured.
    pub name: &'static str,
    /// The message that defines the template, where there is one.
    pub template: Option<Vec<u8>>,
    /// Messages of data.
    pub data: Vec<Vec<u8>>,
    /// Records in all messages together.
    pub records: u64,
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let mut set = id.to_be_bytes().to_vec();
    set.extend((body.len() as u16 + 4).to_be_bytes());
    set.extend(body);
    set
}

fn message(version: u16, sequence: u32, sets: &[u8]) -> Vec<u8> {
    let mut message = version.to_be_bytes().to_vec();
    if version == 10 {
        message.extend((sets.len() as u16 + 16).to_be_bytes());
        message.extend(EXPORTED.to_be_bytes());
    } else {
        message.extend(1_u16.to_be_bytes());
        message.extend(UPTIME.to_be_bytes());
        message.extend(EXPORTED.to_be_bytes());
    }
    message.extend(sequence.to_be_bytes());
    message.extend(7_u32.to_be_bytes());
    message.extend(sets);
    message
}

fn definition(id: u16, fields: &[Field]) -> Vec<u8> {
    let mut record = id.to_be_bytes().to_vec();
    record.extend((fields.len() as u16).to_be_bytes());
    for &(id, enterprise, length) in fields {
        record.extend((id | if enterprise > 0 { 0x8000 } else { 0 }).to_be_bytes());
        record.extend(length.to_be_bytes());
        if enterprise > 0 {
            record.extend(enterprise.to_be_bytes());
        }
    }
    record
}

/// One value that makes sense for its element.
fn value(field: Field, random: &mut Seeded, record: &mut Vec<u8>) {
    const HOSTS: [&[u8]; 4] = [b"", b"web", b"www.example.net", b"intranet.example.org"];
    let (id, enterprise, length) = field;
    if length == 65535 {
        let text = HOSTS[random.below(4) as usize];
        record.push(text.len() as u8);
        record.extend(text);
        return;
    }
    let number = match (enterprise, id) {
        (0, 8 | 12) => 0x0a00_0000 | random.below(1 << 16),
        (0, 4) => 6,
        (0, 6) => 0x1b,
        (0, 11) => 443,
        (0, 150 | 151) => u64::from(EXPORTED) - random.below(60),
        (0, 152 | 153) => u64::from(EXPORTED) * 1000 - random.below(60_000),
        (0, 58) => 100,
        _ => random.below(1_000),
    };
    record.extend(&number.to_be_bytes()[8 - usize::from(length)..]);
}

fn templated(name: &'static str, version: u16, fields: &[Field], messages: u32) -> Stream {
    let mut random = Seeded(1);
    let (mut data, mut records) = (Vec::new(), 0);
    for sequence in 0..messages {
        let mut body = Vec::new();
        while body.len() < ROOM {
            fields.iter().for_each(|&field| value(field, &mut random, &mut body));
            records += 1;
        }
        data.push(message(version, sequence, &set(256, &body)));
    }
    let template = message(version, 0, &set(if version == 10 { 2 } else { 0 }, &definition(256, fields)));
    Stream { name, template: Some(template), data, records }
}

/// IPFIX messages of nothing but templates, ever other ones: each redefines or adds as many as fit, in a random order of
/// fields.
pub fn storm(messages: u32) -> Vec<Vec<u8>> {
    let mut random = Seeded(2);
    let mut message_of = |sequence| {
        let mut body = Vec::new();
        while body.len() < ROOM {
            let mut fields = TWENTY.to_vec();
            (1..fields.len()).for_each(|place| fields.swap(place, random.below(place as u64 + 1) as usize));
            body.extend(definition(256 + random.below(65_000) as u16, &fields));
        }
        message(10, sequence, &set(2, &body))
    };
    (0..messages).map(&mut message_of).collect()
}

fn v5(messages: u32) -> Stream {
    let mut random = Seeded(1);
    let data = (0..messages).map(|sequence| {
        let mut message = vec![0, 5, 0, 30];
        message.extend(UPTIME.to_be_bytes());
        message.extend(EXPORTED.to_be_bytes());
        message.extend(0_u32.to_be_bytes());
        message.extend((sequence * 30).to_be_bytes());
        message.extend([0; 4]);
        for _ in 0..30 {
            let fields: [Field; 11] = [
                (8, 0, 4),
                (12, 0, 4),
                (15, 0, 4),
                (10, 0, 2),
                (14, 0, 2),
                (2, 0, 4),
                (1, 0, 4),
                (0, 0, 4),
                (0, 0, 4),
                (7, 0, 2),
                (11, 0, 2),
            ];
            let start = message.len();
            fields.into_iter().for_each(|field| value(field, &mut random, &mut message));
            message[start + 24..start + 28].copy_from_slice(&(UPTIME - 3_000).to_be_bytes());
            message[start + 28..start + 32].copy_from_slice(&(UPTIME - 1_000).to_be_bytes());
            message.extend([0, 0x1b, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
        }
        message
    });
    Stream { name: "v5", template: None, data: data.collect(), records: u64::from(messages) * 30 }
}

/// All four.
pub fn streams(messages: u32) -> Vec<Stream> {
    vec![
        v5(messages),
        templated("v9, 6 fields", 9, SIX, messages),
        templated("ipfix, 20 fields", 10, TWENTY, messages),
        templated("ipfix AVC, 34 fields, 4 variable", 10, AVC, messages),
    ]
}
