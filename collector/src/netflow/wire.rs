//! Big-endian reads from bytes of unknown length.
//!
//! Owns nothing but arithmetic; must not know messages.

/// The 16-bit number at `at`, `None` past the end.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The 32-bit number at `at`, `None` past the end.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// An unsigned number of any width (RFC 7011 section 6.2, reduced-size encoding). Of more than eight octets the low
/// eight count.
#[inline]
pub(crate) fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// A signed number of one to eight octets.
pub(crate) fn signed(bytes: &[u8]) -> i64 {
    let width = bytes.len().clamp(1, 8) as u32;
    let shift = 64 - 8 * width;
    ((unsigned(bytes) << shift) as i64) >> shift
}

/// Length and value of a variable-length field (RFC 7011 section 7): octets of the prefix, octets of the value.
pub(crate) fn variable_length(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.first()? {
        255 => Some((3, usize::from(u16_at(bytes, 1)?))),
        &short => Some((1, usize::from(short))),
    }
}

/// Whether everything is zero, as in padding.
pub(crate) fn is_padding(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_width() {
        assert_eq!(unsigned(&[]), 0);
        assert_eq!(unsigned(&[1, 2, 3]), 0x01_02_03);
        assert_eq!(signed(&[0xff]), -1);
        assert_eq!(signed(&[0xff, 0xfe]), -2);
        assert_eq!(signed(&[0x7f, 0, 0]), 0x7f_0000);
        assert_eq!(signed(&[]), 0);
        assert_eq!(signed(&[0xff; 8]), -1);
    }

    #[test]
    fn variable_lengths() {
        assert_eq!(variable_length(&[0]), Some((1, 0)));
        assert_eq!(variable_length(&[254]), Some((1, 254)));
        assert_eq!(variable_length(&[255, 1, 0]), Some((3, 256)));
        assert_eq!(variable_length(&[255, 1]), None);
        assert_eq!(variable_length(&[]), None);
    }
}
