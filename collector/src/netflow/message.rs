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

/// Lengths of v5 and v7 records.
const V5_RECORD: usize = 48;
const V7_RECORD: usize = 52;

/// Reads the header at the start of `bytes`.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, DropReason> {
    let half = |at| u16_at(bytes, at).ok_or(DropReason::HeaderTruncated);
    let word = |at| u32_at(bytes, at).ok_or(DropReason::HeaderTruncated);
    let version = half(0)?;
    let (body_at, seconds_at, sequence_at) = match version {
        5 | 7 => (24, 8, 16),
        9 => (20, 8, 12),
        10 => (16, 4, 8),
        _ => return Err(DropReason::UnknownVersion),
    };
    if bytes.len() < body_at {
        return Err(DropReason::HeaderTruncated);
    }
    let count = usize::from(half(2)?);
    let claimed = match version {
        5 => body_at + count * V5_RECORD,
        7 => body_at + count * V7_RECORD,
        9 => bytes.len(),
        _ => count,
    };
    if claimed < body_at || (matches!(version, 5 | 7) && count == 0) {
        return Err(DropReason::HeaderInvalid);
    }
    let nanoseconds = if matches!(version, 5 | 7) { i64::from(word(12)?.min(999_999_999)) } else { 0 };
    Ok(Header {
        version,
        domain: match version {
            5 => u32::from(half(20)?),
            7 => 0,
            _ => word(body_at - 4)?,
        },
        sequence: word(sequence_at)?,
        exported: i64::from(word(seconds_at)?) * SECOND + nanoseconds / 1000,
        uptime: if version == 10 { None } else { Some(word(4)?) },
        sampling: if version == 5 { Some(half(22)?) } else { None },
        body_at,
        length: claimed.min(bytes.len()),
        truncated: claimed > bytes.len(),
    })
}

/// Whether another message begins here, inside what v9 (which has no length) took for its own.
///
/// Set ids below 256 other than 0 and 1 are reserved in v9, so a version number is one only in a header; the export
/// times must also be within a day of each other.
pub(crate) fn starts_message(bytes: &[u8], current: &Header) -> bool {
    header(bytes).is_ok_and(|next| (next.exported - current.exported).abs() < super::time::DAY && !next.truncated)
}

/// Element and octets of the members of a v5 record; padding is element 210.
const V5_FIELDS: [(u16, u16); 20] = [
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
];
/// What v7 has after them: the router that was bypassed.
const V7_ROUTER: (u16, u16) = (43, 4);

fn fixed(more: &[(u16, u16)]) -> Option<Template> {
    let fields = V5_FIELDS.iter().chain(more).map(|&(id, length)| FieldSpec { enterprise: 0, id, length }).collect();
    Template::new(0, fields, 0, false)
}

/// The fixed record of v5 or v7 as a template.
pub(crate) fn fixed_template(version: u16) -> Option<&'static Template> {
    static V5: LazyLock<Option<Template>> = LazyLock::new(|| fixed(&[]));
    static V7: LazyLock<Option<Template>> = LazyLock::new(|| fixed(&[V7_ROUTER]));
    match version {
        5 => V5.as_ref(),
        7 => V7.as_ref(),
        _ => None,
    }
}
