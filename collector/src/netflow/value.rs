//! Values of single fields in readable form, for `decode`.
//!
//! Owns how each kind is written in JSON; must not know what ingest makes of it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Number, Value};
use tracker::Micros;

use super::elements::Kind;
use super::template::{FieldSpec, Template, VARIABLE};
use super::time::{SECOND, from_ntp_or_plain, readable};
use super::wire::{signed, unsigned, variable_length};

/// Iterates the fields of one record: position, specification, octets. Ends early where the record is too short.
pub(crate) fn fields_of<'a>(
    template: &'a Template,
    record: &'a [u8],
) -> impl Iterator<Item = (usize, &'a FieldSpec, &'a [u8])> {
    let mut at = 0;
    template.fields.iter().enumerate().map_while(move |(index, field)| {
        let length = if field.length == VARIABLE {
            let (prefix, length) = variable_length(record.get(at..)?)?;
            at += prefix;
            length
        } else {
            usize::from(field.length)
        };
        let bytes = record.get(at..at + length)?;
        at += length;
        Some((index, field, bytes))
    })
}

/// One value. What does not fit its kind is written as octets, so that nothing is made up.
pub(crate) fn value(kind: Kind, bytes: &[u8], exported: Micros) -> Value {
    let time = |micros: Micros| Value::String(readable(micros));
    match (kind, bytes.len()) {
        (_, 0) => {
            if kind == Kind::Text {
                Value::String(String::new())
            } else {
                Value::Null
            }
        }
        (Kind::Unsigned | Kind::Boolean, 1..=8) if kind == Kind::Unsigned || bytes.len() > 1 => unsigned(bytes).into(),
        (Kind::Boolean, 1) => match bytes[0] {
            1 => Value::Bool(true),
            2 => Value::Bool(false),
            other => other.into(),
        },
        (Kind::Signed, 1..=8) => signed(bytes).into(),
        (Kind::Float, 4) => float(f64::from(f32::from_bits(unsigned(bytes) as u32))),
        (Kind::Float, 8) => float(f64::from_bits(unsigned(bytes))),
        (Kind::Ipv4, 4) => Ipv4Addr::from_bits(unsigned(bytes) as u32).to_string().into(),
        (Kind::Ipv6, 16) => bytes
            .first_chunk::<16>()
            .map_or(Value::Null, |octets| Ipv6Addr::from_bits(u128::from_be_bytes(*octets)).to_string().into()),
        (Kind::Mac, 6) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":").into(),
        (Kind::Text, _) => text(bytes),
        (Kind::Application, 2..=9) => Value::String(format!("{}:{}", bytes[0], unsigned(&bytes[1..]))),
        (Kind::Seconds, 1..=8) => time((unsigned(bytes) as i64).saturating_mul(SECOND)),
        (Kind::Millis, 1..=8) => time((unsigned(bytes) as i64).saturating_mul(1000)),
        (Kind::NtpMicros, 8) => time(from_ntp_or_plain(unsigned(bytes), 1, exported)),
        (Kind::NtpNanos, 8) => time(from_ntp_or_plain(unsigned(bytes), 1000, exported)),
        _ => Value::String(hex(bytes)),
    }
}

fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

/// Text without its padding; what is no UTF-8 is written as octets.
fn text(bytes: &[u8]) -> Value {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    match std::str::from_utf8(&bytes[..end]) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => Value::String(hex(bytes)),
    }
}

/// `0x` and the octets.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_values() {
        let show = |kind, bytes: &[u8]| value(kind, bytes, 0).to_string();
        assert_eq!(show(Kind::Unsigned, &[1, 0, 0, 0, 0]), "4294967296");
        assert_eq!(show(Kind::Ipv4, &[10, 0, 0, 1]), "\"10.0.0.1\"");
        assert_eq!(show(Kind::Ipv4, &[10, 0, 0]), "\"0x0a0000\"");
        assert_eq!(show(Kind::Mac, &[0, 0x1b, 0x21, 0xbc, 0x24, 0xdd]), "\"00:1b:21:bc:24:dd\"");
        assert_eq!(show(Kind::Text, b"eth0\0\0"), "\"eth0\"");
        assert_eq!(show(Kind::Text, b""), "\"\"");
        assert_eq!(show(Kind::Boolean, &[1]), "true");
        assert_eq!(show(Kind::Float, &1.5_f32.to_be_bytes()), "1.5");
        assert_eq!(show(Kind::Float, &f64::NAN.to_be_bytes()), "\"NaN\"");
        assert_eq!(show(Kind::Application, &[13, 0, 1, 0xaf]), "\"13:431\"");
        assert_eq!(show(Kind::Seconds, &[0, 0, 0, 1]), "\"1970-01-01T00:00:01.000Z\"");
        assert_eq!(show(Kind::Octets, &[0xab]), "\"0xab\"");
    }
}
