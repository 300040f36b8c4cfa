//! Where the fields of a record lie when some of them have a length of their own.
//!
//! Owns the walk over variable-length fields (RFC 7011 section 7); must not know what fields mean.

use super::template::{FieldSpec, VARIABLE};
use super::wire::variable_length;

/// A place that offsets count from: the beginning of the record, then every variable-length value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// Where the value begins.
    pub(crate) start: usize,
    /// Where it ends and the fixed fields after it begin.
    pub(crate) end: usize,
}

/// The beginning of a record.
pub(crate) const ORIGIN: Anchor = Anchor { start: 0, end: 0 };

/// A template's fields as runs of fixed length with variable-length values between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Octets before the first variable-length value.
    head: usize,
    /// Octets of fixed fields after each variable-length value.
    runs: Box<[usize]>,
}

impl Layout {
    pub(crate) fn of(fields: &[FieldSpec]) -> Self {
        let mut parts = fields.split(|field| field.length == VARIABLE).map(octets);
        Self { head: parts.next().unwrap_or(0), runs: parts.collect() }
    }

    /// Length of every record, `None` where it varies.
    pub(crate) fn fixed(&self) -> Option<usize> {
        self.runs.is_empty().then_some(self.head)
    }

    /// Length of the record at the start of `bytes`, `None` when it runs past the end. `anchors` then holds the
    /// beginning of the record and its variable-length values.
    pub(crate) fn measure(&self, bytes: &[u8], anchors: &mut Vec<Anchor>) -> Option<usize> {
        anchors.clear();
        anchors.push(ORIGIN);
        let mut at = self.head;
        for run in &self.runs {
            let (prefix, length) = variable_length(bytes.get(at..)?)?;
            let start = at + prefix;
            let end = start + length;
            anchors.push(Anchor { start, end });
            at = end + run;
        }
        (at <= bytes.len()).then_some(at)
    }
}

fn octets(fields: &[FieldSpec]) -> usize {
    fields.iter().map(|field| usize::from(field.length)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lengths: &[u16]) -> Vec<FieldSpec> {
        lengths.iter().map(|&length| FieldSpec { enterprise: 0, id: 1, length }).collect()
    }

    #[test]
    fn anchors_follow_the_lengths() {
        let layout = Layout::of(&fields(&[4, VARIABLE, VARIABLE, 2]));
        assert_eq!(layout.fixed(), None);
        let mut anchors = Vec::new();
        let record = [0, 0, 0, 0, 2, 9, 9, 0, 1, 1, 7];
        assert_eq!(layout.measure(&record, &mut anchors), Some(10));
        assert_eq!(anchors, [ORIGIN, Anchor { start: 5, end: 7 }, Anchor { start: 8, end: 8 }]);
        assert_eq!(layout.measure(&record[..9], &mut anchors), None);
        assert_eq!(layout.measure(&[0, 0, 0, 0, 255, 0], &mut anchors), None);
        assert_eq!(Layout::of(&fields(&[4, 2])).fixed(), Some(6));
    }
}
