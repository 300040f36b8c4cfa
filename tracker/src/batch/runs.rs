//! Builders of columns whose neighbouring values are mostly the same, such as what an exporter says with every record.
//!
//! A run of equal values is appended at once; a column without any value takes no memory that was not zero before. Must not
//! know which columns there are.

use arrow::array::{ArrayBuilder as _, PrimitiveArray, PrimitiveBuilder, StringArray, StringBuilder};
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
    pub(super) fn extend(&mut self, values: impl Iterator<Item = Option<T::Native>>) {
        for value in values {
            if value != self.value {
                self.end_run();
                self.value = value;
            }
            self.length += 1;
        }
    }

    pub(super) fn finish(&mut self) -> PrimitiveArray<T> {
        if self.builder.is_empty() && self.value.is_none() {
            return PrimitiveArray::new_null(std::mem::take(&mut self.length));
        }
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
    value: Option<String>,
    length: usize,
}

impl TextRuns {
    pub(super) fn extend(&mut self, values: impl Iterator<Item = Option<impl AsRef<str>>>) {
        for value in values {
            let value = value.as_ref().map(AsRef::as_ref);
            if value != self.value.as_deref() {
                append(&mut self.builder, self.value.as_deref(), &mut self.length);
                self.value = value.map(str::to_owned);
            }
            self.length += 1;
        }
    }

    pub(super) fn finish(&mut self) -> StringArray {
        finish(&mut self.builder, self.value.as_deref(), &mut self.length)
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
    pub(super) fn extend(&mut self, values: impl Iterator<Item = Option<&'static str>>) {
        // One name lies in one place: the same place is the same name, and another one at worst a run of its own.
        let place = |value: Option<&'static str>| value.map(|text| (text.as_ptr(), text.len()));
        for value in values {
            if place(value) != place(self.value) {
                append(&mut self.builder, self.value, &mut self.length);
                self.value = value;
            }
            self.length += 1;
        }
    }

    pub(super) fn finish(&mut self) -> StringArray {
        finish(&mut self.builder, self.value, &mut self.length)
    }
}

/// Appends a run of texts; the next one has no length yet.
fn append(builder: &mut StringBuilder, value: Option<&str>, length: &mut usize) {
    match value {
        Some(value) => builder.append_value_n(value, *length),
        None => builder.append_nulls(*length),
    }
    *length = 0;
}

/// Appends the last run, and gives the column.
fn finish(builder: &mut StringBuilder, value: Option<&str>, length: &mut usize) -> StringArray {
    if builder.is_empty() && value.is_none() {
        return StringArray::new_null(std::mem::take(length));
    }
    append(builder, value, length);
    builder.finish()
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
                numbers.extend(rows.iter().copied());
                texts.extend(rows.iter().map(|row| row.map(|row| "ab".repeat(usize::from(row)))));
                names.extend(rows.iter().map(|row| row.map(|row| NAMES[usize::from(row)])));
                prop_assert_eq!(numbers.finish().iter().collect::<Vec<_>>(), rows);
                let texts = texts.finish();
                prop_assert_eq!(&texts, &names.finish());
                let found: Vec<_> = texts.iter().map(|text| text.map(|text| text.len() as u16 / 2)).collect();
                prop_assert_eq!(found, rows);
            }
        }
    }
}
