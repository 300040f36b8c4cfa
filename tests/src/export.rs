//! Export messages that tests make: IPFIX with biflows whose outcome is certain, so that sessions come out at once.

use std::time::{SystemTime, UNIX_EPOCH};

/// Id of the template that data refers to.
pub const TEMPLATE: u16 = 256;

/// Milliseconds since 1970.
///
/// # Panics
/// The clock is set before 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_millis() as u64
}

/// A set.
pub fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 4) as u16;
    [&id.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// A template set (RFC 7011 section 3.4.1) with one template of these elements: number, length, and whether it is of the
/// reverse direction (RFC 5103).
pub fn template(id: u16, fields: &[(u16, u16, bool)]) -> Vec<u8> {
    let mut body = [id.to_be_bytes(), (fields.len() as u16).to_be_bytes()].concat();
    for &(element, length, reverse) in fields {
        body.extend((element | if reverse { 0x8000 } else { 0 }).to_be_bytes());
        body.extend(length.to_be_bytes());
        if reverse {
            body.extend(29_305_u32.to_be_bytes());
        }
    }
    set(2, &body)
}

/// The template set of [`refused`].
pub fn biflow_template() -> Vec<u8> {
    let plain =
        [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 2), (2, 4), (1, 4), (152, 8), (153, 8), (136, 1), (10, 4)];
    let fields = plain.map(|(element, length)| (element, length, false));
    let reverse = [(2, 4, true), (1, 4, true), (6, 2, true)];
    template(TEMPLATE, &[&fields[..], &reverse].concat())
}

/// A data set of refused connections to 10.2.0.9:443, one for each number; numbers below 2^24 make different sessions.
pub fn refused(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let time = now();
    let mut records = Vec::new();
    for number in numbers {
        let [_, a, b, c] = number.to_be_bytes();
        records.extend([10, a, b, 1, 10, 2, 0, 9]);
        records.extend((20_000 + u16::from(c)).to_be_bytes());
        records.extend(443_u16.to_be_bytes());
        records.extend([6, 0, 2]);
        records.extend(1_u32.to_be_bytes());
        records.extend(60_u32.to_be_bytes());
        records.extend((time - 20).to_be_bytes());
        records.extend(time.to_be_bytes());
        records.push(3);
        records.extend(7_u32.to_be_bytes());
        records.extend(1_u32.to_be_bytes());
        records.extend(40_u32.to_be_bytes());
        records.extend([0, 0x14]);
    }
    set(TEMPLATE, &records)
}

/// An IPFIX message.
pub fn ipfix(domain: u32, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let mut message = 10_u16.to_be_bytes().to_vec();
    message.extend(((16 + body.len()) as u16).to_be_bytes());
    message.extend(((now() / 1000) as u32).to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(domain.to_be_bytes());
    message.extend(body);
    message
}
