//! The history of a connection: one letter for each kind of packet, upper case from the originator.
//!
//! Kept as 5-bit codes so that 25 letters fit into 16 bytes; longer ones go to the cold part of the entry.

/// Letters by code; code 0 is "no letter". The fifth bit is upper case.
const LETTERS: &[u8; 16] = b"\0shadfrctwiqg^x\0";
const UPPER: u8 = 16;
const BITS: u32 = 5;
/// How many letters fit.
pub(crate) const CAPACITY: usize = 25;

/// A short history. Two words rather than `u128`, whose alignment would enlarge the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct History {
    low: u64,
    high: u64,
}

impl History {
    fn bits(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn of(bits: u128) -> Self {
        Self { low: bits as u64, high: (bits >> 64) as u64 }
    }

    /// Number of letters.
    pub fn len(self) -> usize {
        (u128::BITS - self.bits().leading_zeros()).div_ceil(BITS) as usize
    }

    /// Appends a letter; false if there is no room.
    pub fn push(&mut self, letter: u8) -> bool {
        let at = self.len();
        if at == CAPACITY {
            return false;
        }
        let code = code_of(letter);
        *self = Self::of(self.bits() | u128::from(code) << (at as u32 * BITS));
        true
    }

    /// The roles turned out to be the other way round: every letter changes case, and `^` says so in front.
    pub fn flip(&mut self) {
        let mut flipped = Self::default();
        flipped.push(b'^');
        for letter in self.letters() {
            flipped.push(swap_case(letter));
        }
        *self = flipped;
    }

    /// The letters in order.
    pub fn letters(self) -> impl Iterator<Item = u8> {
        let bits = self.bits();
        (0..self.len() as u32).map(move |at| {
            let code = (bits >> (at * BITS)) as u8 & 31;
            let letter = LETTERS[usize::from(code & 15)];
            if code & UPPER == 0 { letter } else { letter.to_ascii_uppercase() }
        })
    }

    /// Whether the history is exactly this one letter.
    pub fn is(self, letter: u8) -> bool {
        self.high == 0 && self.low == u64::from(code_of(letter))
    }
}

fn code_of(letter: u8) -> u8 {
    let lower = letter.to_ascii_lowercase();
    let code = LETTERS.iter().position(|&known| known == lower).unwrap_or(0) as u8;
    if letter.is_ascii_uppercase() { code | UPPER } else { code }
}

fn swap_case(letter: u8) -> u8 {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(history: History) -> String {
        history.letters().map(char::from).collect()
    }

    #[test]
    fn letters_come_back_in_order() {
        let mut history = History::default();
        for letter in *b"ShADadFfRrCcTtWwIiQqGg^Xx" {
            assert!(history.push(letter));
        }
        assert_eq!(text(history), "ShADadFfRrCcTtWwIiQqGg^Xx");
        assert_eq!(history.len(), CAPACITY);
        assert!(!history.push(b'a'));
    }

    #[test]
    fn flipping() {
        let mut history = History::default();
        history.push(b'H');
        assert!(history.is(b'H') && !history.is(b'h'));
        history.flip();
        assert_eq!(text(history), "^h");
    }
}
