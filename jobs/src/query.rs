//! A datafeed's filter: Elasticsearch's query DSL as a tree.
//!
//! Owns the tree; rendering and reading are in its two submodules. Must not know field vocabularies or jobs.

pub mod lucene;
mod parse;
mod render;
#[cfg(test)]
pub(crate) mod tests;

use serde_json::Number;

/// A condition on a document.
///
/// Only what decides whether a document matches is kept: `boost` and `_name` are read and dropped, because a datafeed
/// reads in time order and never by relevance.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Every document.
    MatchAll,
    /// No document.
    MatchNone,
    /// A combination.
    Bool(Bool),
    /// The field has exactly this value; on an address field, a prefix in CIDR notation matches what lies in it.
    Term(Term),
    /// The field has one of these values.
    Terms {
        /// Field.
        field: String,
        /// Values.
        values: Vec<Scalar>,
    },
    /// The field has a value.
    Exists {
        /// Field.
        field: String,
    },
    /// The field's value lies in a range.
    Range(Range),
    /// Full-text match.
    Match(Match),
    /// Full-text match of a phrase.
    MatchPhrase {
        /// Field.
        field: String,
        /// Phrase.
        query: Scalar,
        /// Words that may lie between.
        slop: Option<u64>,
    },
    /// Full-text match in several fields.
    MultiMatch(MultiMatch),
    /// The value begins with, fits a wildcard pattern, or fits a regular expression.
    Pattern(Pattern),
    /// Lucene query syntax.
    QueryString(QueryString),
    /// The document has one of these ids.
    Ids {
        /// Ids.
        values: Vec<String>,
    },
    /// A nested object matches.
    Nested {
        /// Path of the nested object.
        path: String,
        /// Condition on it.
        query: Box<Query>,
        /// An unmapped path matches nothing instead of being an error.
        ignore_unmapped: Option<bool>,
    },
    /// A filter wrapped for constant relevance.
    ConstantScore(Box<Query>),
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Scalar {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

/// A combination of conditions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bool {
    /// All must match.
    pub must: Vec<Query>,
    /// All must match (and never count for relevance).
    pub filter: Vec<Query>,
    /// Some should match.
    pub should: Vec<Query>,
    /// None may match.
    pub must_not: Vec<Query>,
    /// How many of `should` have to: a count (`1`, `-1`) or a percentage (`75%`).
    pub minimum_should_match: Option<Scalar>,
}

/// Equality.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Field.
    pub field: String,
    /// Value.
    pub value: Scalar,
    /// Upper and lower case are the same.
    pub case_insensitive: Option<bool>,
}

/// A range of values, open where a bound is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Range {
    /// Field.
    pub field: String,
    /// Greater.
    pub gt: Option<Scalar>,
    /// Greater or equal.
    pub gte: Option<Scalar>,
    /// Less.
    pub lt: Option<Scalar>,
    /// Less or equal.
    pub lte: Option<Scalar>,
    /// Date format of the bounds.
    pub format: Option<String>,
    /// Time zone of the bounds.
    pub time_zone: Option<String>,
    /// How a range field relates: `intersects`, `contains` or `within`.
    pub relation: Option<Relation>,
}

/// How a range field relates to the range asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They overlap.
    Intersects,
    /// The field's range contains it.
    Contains,
    /// The field's range lies within it.
    Within,
}

/// Whether all words or any word must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// All.
    And,
    /// Any.
    Or,
}

/// Full-text match of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Field.
    pub field: String,
    /// What to look for.
    pub query: Scalar,
    /// All words or any.
    pub operator: Option<Operator>,
    /// How many words must match.
    pub minimum_should_match: Option<Scalar>,
    /// A value of the wrong type matches nothing instead of being an error.
    pub lenient: Option<bool>,
}

/// Full-text match of several fields.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiMatch {
    /// Fields; none means the index's default.
    pub fields: Vec<String>,
    /// What to look for.
    pub query: Scalar,
    /// How fields combine (`phrase`, `best_fields`, ...).
    pub kind: Option<String>,
    /// All words or any.
    pub operator: Option<Operator>,
    /// A value of the wrong type matches nothing instead of being an error.
    pub lenient: Option<bool>,
}

/// A pattern over whole values.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// Which language the pattern is in.
    pub kind: PatternKind,
    /// Field.
    pub field: String,
    /// The pattern.
    pub value: String,
    /// Upper and lower case are the same.
    pub case_insensitive: Option<bool>,
    /// Optional operators of the regular expression (`ALL`, `NONE`, ...).
    pub flags: Option<String>,
}

/// The language of a [`Pattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternKind {
    /// The value begins with it.
    Prefix,
    /// `*` and `?` stand for anything.
    Wildcard,
    /// Lucene regular expression.
    Regexp,
}

/// Lucene query syntax.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryString {
    /// The query.
    pub query: String,
    /// Field of words without one.
    pub default_field: Option<String>,
    /// Fields of words without one.
    pub fields: Vec<String>,
    /// How words combine.
    pub default_operator: Option<Operator>,
    /// Wildcard words are analysed.
    pub analyze_wildcard: Option<bool>,
    /// A value of the wrong type matches nothing instead of being an error.
    pub lenient: Option<bool>,
    /// Time zone of dates.
    pub time_zone: Option<String>,
}

impl Query {
    /// The field has exactly this value.
    pub fn term(field: &str, value: impl Into<Scalar>) -> Self {
        Self::Term(Term { field: field.to_owned(), value: value.into(), case_insensitive: None })
    }

    /// The field has a value.
    pub fn exists(field: &str) -> Self {
        Self::Exists { field: field.to_owned() }
    }

    /// How many conditions it is made of.
    pub fn size(&self) -> usize {
        1 + match self {
            Self::Bool(parts) => {
                let parts = [&parts.must, &parts.filter, &parts.should, &parts.must_not];
                parts.into_iter().flatten().map(Self::size).sum()
            }
            Self::Terms { values, .. } => values.len(),
            Self::Ids { values } => values.len(),
            Self::Nested { query, .. } | Self::ConstantScore(query) => query.size(),
            _ => 0,
        }
    }

    /// Every field that the query names, in order of appearance.
    ///
    /// Fields inside a Lucene query string are not looked for.
    pub fn fields(&self) -> Vec<&str> {
        match self {
            Self::MatchAll | Self::MatchNone | Self::Ids { .. } => Vec::new(),
            Self::Bool(parts) => [&parts.must, &parts.filter, &parts.should, &parts.must_not]
                .into_iter()
                .flatten()
                .flat_map(Self::fields)
                .collect(),
            Self::Term(Term { field, .. })
            | Self::Terms { field, .. }
            | Self::Exists { field }
            | Self::Range(Range { field, .. })
            | Self::Match(Match { field, .. })
            | Self::MatchPhrase { field, .. }
            | Self::Pattern(Pattern { field, .. }) => vec![field],
            Self::MultiMatch(MultiMatch { fields, .. }) => fields.iter().map(String::as_str).collect(),
            Self::QueryString(query) => query.default_field.iter().chain(&query.fields).map(String::as_str).collect(),
            Self::Nested { query, .. } | Self::ConstantScore(query) => query.fields(),
        }
    }
}
