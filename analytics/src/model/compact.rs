//! Numbers in one or two bytes: a busy series keeps thousands of them.
//!
//! Must not know what they count.

/// Exponent of the smallest number in two bytes, as `f32` writes it.
const LEAST: u32 = (127 - 32) << 10;

/// A number that is not negative in two bytes: to one part in two thousand, from 2^-32 to 2^32. Smaller ones are none.
pub fn pack(value: f32) -> u16 {
    // Ten bits of the fraction stay, rounded.
    let bits = (value.max(0.0).to_bits() + 0x1000) >> 13;
    bits.saturating_sub(LEAST).min(u32::from(u16::MAX)) as u16
}

/// The number in two bytes.
pub fn unpack(packed: u16) -> f32 {
    if packed == 0 { 0.0 } else { f32::from_bits((u32::from(packed) + LEAST) << 13) }
}

/// A step of [`step`], as a power of e.
const STEP: f32 = 0.07;
/// The smallest number that is told from nothing.
const SMALLEST: f32 = 0.01;

/// A number that is not negative as a step of a logarithmic scale: to 3.5 %, from 0.01 to 490,000. What is greater is
/// not smaller as a step; 0 is left for what is not known.
pub fn step(value: f32) -> u8 {
    let above = (value / SMALLEST).ln() / STEP;
    if above < -0.5 { 1 } else { (above + 2.5).clamp(1.0, 255.0) as u8 }
}

/// The number of a step, `None` for 0.
pub fn of_step(step: u8) -> Option<f32> {
    match step {
        0 => None,
        1 => Some(0.0),
        _ => Some(SMALLEST * (f32::from(step - 2) * STEP).exp()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_and_what_is_too_small_or_large() {
        assert_eq!([0.0, -1.0, 1e-12, f32::NAN].map(|value| unpack(pack(value))), [0.0; 4]);
        assert!(unpack(pack(f32::MAX)) > 4e9);
        assert_eq!((of_step(0), of_step(step(f32::NAN)), of_step(step(0.0))), (None, None, Some(0.0)));
        assert!(of_step(step(f32::MAX)) > Some(400_000.0));
    }

    proptest! {
        #[test]
        fn two_bytes_are_near(exponent in -30.0_f32..30.0) {
            let value = exponent.exp2();
            prop_assert!((unpack(pack(value)) / value - 1.0).abs() < 1.0 / 2000.0);
        }

        #[test]
        fn steps_are_near_and_in_order(ln in -4.6_f32..13.0, more in 0.0_f32..1.0) {
            let value = ln.exp();
            let near = of_step(step(value)).unwrap();
            prop_assert!((near / value).ln().abs() <= STEP / 2.0 + 1e-4, "{value} {near}");
            prop_assert!(step(value * (1.0 + more)) >= step(value));
        }
    }
}
