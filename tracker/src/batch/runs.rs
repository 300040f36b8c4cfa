//! Builders of columns whose neighbouring values are mostly the same, such as what an exporter says with every record.
//!
//! A run of equal values is appended at once. Must not know which columns there are.

use arrow::array::{PrimitiveArray, PrimitiveBuilder, StringArray, StringBuilder};
use arrow::datatypes::ArrowPrimitiveType;

/// Numbers.
#[derive(Debug)]
pub(super) struct NumberRuns<T: ArrowPrimitiveType> {
    builder: PrimitiveBuilder<T>,
    value: Option<T::Native>,
    length: usize,
}

impl<T: ArrowPrimitiveType> Default for NumberRuns<T> {
    fn default() -> Self {
        Self { builder: PrimitiveBuilder::default(), value: None, length: 0 }
    }
}

impl<T: ArrowPrimitiveType> NumberRuns<T> {
    pub(super) fn append_value(&mut self, value: T::Native) {
        self.append_option(Some(value));
    }

    pub(super) fn append_option(&mut self, value: Option<T::Native>) {
        if value != self.value {
            self.end_run();
            self.value = value;
        }
        self.length += 1;
    }

    pub(super) fn finish(&mut self) -> PrimitiveArray<T> {
        self.end_run();
        self.builder.finish()
    }

    fn end_run(&mut self) {
        match self.value {
            Some(value) => self.builder.append_value_n(value, self.length),
            None => self.builder.append_nulls(self.length),
        }
        self.length = 0;
    }
}

/// Texts.
#[derive(Debug, Default)]
pub(super) struct TextRuns {
    builder: StringBuilder,
    value: String,
    present: bool,
    length: usize,
}

impl TextRuns {
    pub(super) fn append_value(&mut self, value: impl AsRef<str>) {
        self.append_option(Some(value));
    }

    pub(super) fn append_option(&mut self, value: Option<impl AsRef<str>>) {
        let same = match &value {
            Some(value) => self.present && value.as_ref() == self.value,
            None => !self.present,
        };
        if !same {
            self.end_run();
            self.present = value.is_some();
            if let Some(value) = &value {
                self.value.clear();
                self.value.push_str(value.as_ref());
            }
        }
        self.length += 1;
    }

    pub(super) fn finish(&mut self) -> StringArray {
        self.end_run();
        self.builder.finish()
    }

    fn end_run(&mut self) {
        if self.present {
            self.builder.append_value_n(&self.value, self.length);
        } else {
            self.builder.append_nulls(self.length);
        }
        self.length = 0;
    }
}

/// Names that the program itself knows.
#[derive(Debug, Default)]
pub(super) struct NameRuns {
    builder: StringBuilder,
    value: Option<&'static str>,
    length: usize,
}

impl NameRuns {
    pub(super) fn append_value(&mut self, value: &'static str) {
        self.append_option(Some(value));
    }

    pub(super) fn append_option(&mut self, value: Option<&'static str>) {
        // One name lies in one place: the same place is the same name, and another one at worst a run of its own.
        let place = |value: Option<&'static str>| value.map(|text| (text.as_ptr(), text.len()));
        if place(value) != place(self.value) {
            self.end_run();
            self.value = value;
        }
        self.length += 1;
    }

    pub(super) fn finish(&mut self) -> StringArray {
        self.end_run();
        self.builder.finish()
    }

    fn end_run(&mut self) {
        match self.value {
            Some(value) => self.builder.append_value_n(value, self.length),
            None => self.builder.append_nulls(self.length),
        }
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::UInt16Type;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_hold_what_was_appended(rows in proptest::collection::vec(proptest::option::of(0_u16..3), 0..60)) {
            const NAMES: [&str; 3] = ["", "ab", "abab"];
            let (mut numbers, mut texts) = (NumberRuns::<UInt16Type>::default(), TextRuns::default());
            let mut names = NameRuns::default();
            // A builder is used for one batch after another.
            for rows in [&rows[..rows.len() / 2], &rows[rows.len() / 2..]] {
                for &row in rows {
                    numbers.append_option(row);
                    texts.append_option(row.map(|row| "ab".repeat(usize::from(row))));
                    names.append_option(row.map(|row| NAMES[usize::from(row)]));
                }
                prop_assert_eq!(numbers.finish().iter().collect::<Vec<_>>(), rows);
                let texts = texts.finish();
                prop_assert_eq!(&texts, &names.finish());
                let found: Vec<_> = texts.iter().map(|text| text.map(|text| text.len() as u16 / 2)).collect();
                prop_assert_eq!(found, rows);
            }
        }
    }
}
