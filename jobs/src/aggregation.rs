//! A datafeed's aggregations: documents that are summed up before a job reads them.
//!
//! Owns the understood forms: a date histogram (alone or in a composite), terms within it, filters, metrics and bucket
//! scripts in the innermost bucket, of which each becomes one document. Must not know columns or how it is computed.

mod read;
pub mod script;
#[cfg(test)]
mod tests;

use crate::query::Query;
use crate::span::Span;
use script::Script;

/// What one document of the datafeed stands for and carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregations {
    /// Time field of the histogram.
    pub time_field: String,
    /// Length of a histogram bucket.
    pub interval: Span,
    /// The buckets within, outermost first.
    pub terms: Vec<Terms>,
    /// What is computed in the innermost bucket; scripts come after what they use.
    pub measures: Vec<Measure>,
    /// Scripts that decide whether a document is kept.
    pub selectors: Vec<Computed>,
}

/// One bucket per value of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Name under which documents carry the value.
    pub name: String,
    /// The field.
    pub field: String,
    /// Values with the most documents that are kept, `None` for all.
    pub size: Option<u64>,
    /// Values with fewer documents are left out.
    pub min_count: u64,
    /// What stands for documents without a value; they are left out where absent.
    pub missing: Option<String>,
    /// Documents without a value form a bucket of their own.
    pub missing_bucket: bool,
}

/// A number that a document carries, or that a script uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// How scripts call it: `_count`, `bytes`, `failed>_count`.
    pub path: String,
    /// Name under which documents carry it, `None` where only scripts use it.
    pub name: Option<String>,
    /// Only documents that match all of these.
    pub filters: Vec<Query>,
    /// What is computed.
    pub kind: Kind,
}

/// What a [`Measure`] computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Number of documents.
    Count,
    /// A metric of a field.
    Metric(Metric, String),
    /// A script over other measures.
    Script(Computed),
}

/// A script with what its parameters stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The expression.
    pub script: Script,
    /// Place in [`Aggregations::measures`] by name of the parameter.
    pub params: Vec<(String, usize)>,
    /// A parameter without a value counts as 0 instead of leaving the script without one.
    pub zeros: bool,
}

/// A single-value metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Mean.
    Avg,
    /// Sum.
    Sum,
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// Number of distinct values.
    Cardinality,
    /// Number of values.
    ValueCount,
}

impl Aggregations {
    /// Every field that is read, in order of appearance.
    pub fn fields(&self) -> Vec<&str> {
        let terms = self.terms.iter().map(|terms| terms.field.as_str());
        let measures = self.measures.iter().flat_map(|measure| {
            let filters = measure.filters.iter().flat_map(Query::fields);
            let metric = match &measure.kind {
                Kind::Metric(_, field) => Some(field.as_str()),
                Kind::Count | Kind::Script(_) => None,
            };
            filters.chain(metric)
        });
        std::iter::once(self.time_field.as_str()).chain(terms).chain(measures).collect()
    }

    /// Names that documents carry beside the time and `doc_count`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let terms = self.terms.iter().map(|terms| terms.name.as_str());
        terms.chain(self.measures.iter().filter_map(|measure| measure.name.as_deref()))
    }
}
