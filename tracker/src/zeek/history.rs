//! The history of a connection: one letter for each kind of packet, upper case from the originator.
//!
//! Kept as 5-bit codes so that 12 letters fit into 8 bytes; what comes after them goes to the cold part of the entry.

/// Letters by code; code 0 is "no letter". The fifth bit is upper case.
const LETTERS: &[u8; 16] = b"\0shadfrctwiqg^x\0";
const UPPER: u8 = 16;
const BITS: u32 = 5;
/// How many letters fit.
pub(crate) const CAPACITY: usize = 12;

/// A short history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct History(u64);

impl History {
    /// Number of letters.
    pub fn len(self) -> usize {
        (u64::BITS - self.0.leading_zeros()).div_ceil(BITS) as usize
    }

    /// Appends a letter; false if there is no room.
    pub fn push(&mut self, letter: u8) -> bool {
        let at = self.len();
        if at == CAPACITY {
            return false;
        }
        let code = code_of(letter);
        self.0 |= u64::from(code) << (at as u32 * BITS);
        true
    }

    /// The roles turned out to be the other way round: every letter changes case, and `^` says so in front. Gives the
    /// letter for which there is no room any more.
    pub fn flip(&mut self) -> Option<u8> {
        let mut flipped = Self::default();
        flipped.push(b'^');
        let mut last = None;
        for letter in self.letters().map(swap_case) {
            last = (!flipped.push(letter)).then_some(letter);
        }
        *self = flipped;
        last
    }

    /// The letters in order.
    pub fn letters(self) -> impl Iterator<Item = u8> {
        let bits = self.0;
        (0..self.len() as u32).map(move |at| {
            let code = (bits >> (at * BITS)) as u8 & 31;
            let letter = LETTERS[usize::from(code & 15)];
            if code & UPPER == 0 { letter } else { letter.to_ascii_uppercase() }
        })
    }

    /// Whether the history is exactly this one letter.
    pub fn is(self, letter: u8) -> bool {
        self.0 == u64::from(code_of(letter))
    }
}

fn code_of(letter: u8) -> u8 {
    let lower = letter.to_ascii_lowercase();
    let code = LETTERS.iter().position(|&known| known == lower).unwrap_or(0) as u8;
    if letter.is_ascii_uppercase() { code | UPPER } else { code }
}

pub(crate) fn swap_case(letter: u8) -> u8 {
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
        for letter in *b"Sh^ADadFfCtX" {
            assert!(history.push(letter));
        }
        assert_eq!(text(history), "Sh^ADadFfCtX");
        assert_eq!(history.len(), CAPACITY);
        assert!(!history.push(b'a'));
    }

    #[test]
    fn flipping() {
        let mut history = History::default();
        history.push(b'H');
        assert!(history.is(b'H') && !history.is(b'h'));
        assert_eq!(history.flip(), None);
        assert_eq!(text(history), "^h");
        while history.push(b'W') {}
        assert_eq!(history.flip(), Some(b'w'));
        assert_eq!(text(history), "^^Hwwwwwwwww");
    }
}
