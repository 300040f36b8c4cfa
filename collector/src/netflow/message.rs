//! Message headers, and where one message ends and the next begins.
//!
//! Owns framing of v5, v7 (Cisco), v9 (RFC 3954 section 5.1) and IPFIX (RFC 7011 section 3.1); must not know sets'
//! contents.

use std::sync::LazyLock;

use tracker::Micros;

use super::reason::DropReason;
use super::template::{FieldSpec, Template};
use super::time::SECOND;
use super::wire::{u16_at, u32_at};

/// A message header, whatever the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u16,
    pub(crate) domain: u32,
    pub(crate) sequence: u32,
    pub(crate) exported: Micros,
    pub(crate) uptime: Option<u32>,
    /// Sampling field of a v5 header.
    pub(crate) sampling: Option<u16>,
    /// Where the body begins.
    pub(crate) body_at: usize,
    /// Octets of the message, header included. For v9, which does not say, all that is left.
    pub(crate) length: usize,
    /// The message claims more than there is.
    pub(crate) truncated: bool,
}

/// Length of v5 and v7 headers.
const V5_HEADER: usize = 24;
const V9_HEADER: usize = 20;
const IPFIX_HEADER: usize = 16;
/// Lengths of v5 and v7 records.
const V5_RECORD: usize = 48;
const V7_RECORD: usize = 52;

/// Reads the header at the start of `bytes`.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, DropReason> {
    let version = u16_at(bytes, 0).ok_or(DropReason::HeaderTruncated)?;
    let body_at = match version {
        5 | 7 => V5_HEADER,
        9 => V9_HEADER,
        10 => IPFIX_HEADER,
        _ => return Err(DropReason::UnknownVersion),
    };
    if bytes.len() < body_at {
        return Err(DropReason::HeaderTruncated);
    }
    let word = |at| u32_at(bytes, at).ok_or(DropReason::HeaderTruncated);
    let second = u16_at(bytes, 2).ok_or(DropReason::HeaderTruncated)?;
    match version {
        5 | 7 => {
            let record = if version == 5 { V5_RECORD } else { V7_RECORD };
            let claimed = V5_HEADER + usize::from(second) * record;
            if second == 0 {
                return Err(DropReason::HeaderInvalid);
            }
            let domain = if version == 5 { u32::from(u16_at(bytes, 20).unwrap_or(0)) } else { 0 };
            let nanoseconds = i64::from(word(12)?.min(999_999_999));
            Ok(Header {
                version,
                domain,
                sequence: word(16)?,
                exported: i64::from(word(8)?) * SECOND + nanoseconds / 1000,
                uptime: Some(word(4)?),
                sampling: if version == 5 { u16_at(bytes, 22) } else { None },
                body_at,
                length: claimed.min(bytes.len()),
                truncated: claimed > bytes.len(),
            })
        }
        9 => Ok(Header {
            version,
            domain: word(16)?,
            sequence: word(12)?,
            exported: i64::from(word(8)?) * SECOND,
            uptime: Some(word(4)?),
            sampling: None,
            body_at,
            length: bytes.len(),
            truncated: false,
        }),
        _ => {
            let claimed = usize::from(second);
            if claimed < IPFIX_HEADER {
                return Err(DropReason::HeaderInvalid);
            }
            Ok(Header {
                version,
                domain: word(12)?,
                sequence: word(8)?,
                exported: i64::from(word(4)?) * SECOND,
                uptime: None,
                sampling: None,
                body_at,
                length: claimed.min(bytes.len()),
                truncated: claimed > bytes.len(),
            })
        }
    }
}

/// Whether another message begins here, inside what v9 (which has no length) took for its own.
///
/// Set ids below 256 other than 0 and 1 are reserved in v9, so a version number is one only in a header; the export
/// times must also be within a day of each other.
pub(crate) fn starts_message(bytes: &[u8], current: &Header) -> bool {
    header(bytes).is_ok_and(|next| (next.exported - current.exported).abs() < super::time::DAY && !next.truncated)
}

fn layout(fields: &[(u16, u16)]) -> Option<Template> {
    let fields = fields.iter().map(|&(id, length)| FieldSpec { enterprise: 0, id, length }).collect();
    Template::new(0, fields, 0, false)
}

/// The fixed record of v5 or v7 as a template; padding is element 210.
pub(crate) fn fixed_template(version: u16) -> Option<&'static Template> {
    static V5: LazyLock<Option<Template>> = LazyLock::new(|| {
        layout(&[
            (8, 4),
            (12, 4),
            (15, 4),
            (10, 2),
            (14, 2),
            (2, 4),
            (1, 4),
            (22, 4),
            (21, 4),
            (7, 2),
            (11, 2),
            (210, 1),
            (6, 1),
            (4, 1),
            (5, 1),
            (16, 2),
            (17, 2),
            (9, 1),
            (13, 1),
            (210, 2),
        ])
    });
    static V7: LazyLock<Option<Template>> = LazyLock::new(|| {
        layout(&[
            (8, 4),
            (12, 4),
            (15, 4),
            (10, 2),
            (14, 2),
            (2, 4),
            (1, 4),
            (22, 4),
            (21, 4),
            (7, 2),
            (11, 2),
            (210, 1),
            (6, 1),
            (4, 1),
            (5, 1),
            (16, 2),
            (17, 2),
            (9, 1),
            (13, 1),
            (210, 2),
            (43, 4),
        ])
    });
    match version {
        5 => V5.as_ref(),
        7 => V7.as_ref(),
        _ => None,
    }
}
