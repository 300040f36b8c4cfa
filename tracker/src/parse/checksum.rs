//! The Internet checksum (RFC 1071).

/// Adds the 16-bit words of `bytes`, an odd last byte padded with zero, to a running sum.
pub(super) fn add(mut sum: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let value = u64::from_be_bytes(word.try_into().unwrap_or_default());
        let (low, carry) = sum.overflowing_add(value);
        sum = low + u64::from(carry);
    }
    let mut last = [0; 8];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    let (low, carry) = sum.overflowing_add(u64::from_be_bytes(last));
    low + u64::from(carry)
}

/// The 16-bit ones' complement sum.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether bytes that include their checksum, with what `seed` already holds, sum up as they must.
pub(super) fn holds(seed: u64, bytes: &[u8]) -> bool {
    fold(add(seed, bytes)) == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(fold(add(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert_eq!(fold(add(0, &[0xff; 33])), fold(add(add(0, &[0xff; 32]), &[0xff])));
        assert!(holds(0, &[0x12, 0x34, 0xed, 0xcb]));
        assert!(!holds(0, &[0x12, 0x34, 0xed, 0xcc]));
    }
}
