//! Checks of a job beyond its form: what Elasticsearch would refuse, and fields that nobody fills.

use super::JobDefinition;
use crate::schema::Schema;
use crate::span::Span;

const DAY_NANOS: u128 = 86_400 * 1_000_000_000;
const DEFAULT_BUCKET_SPAN: Span = Span::minutes(5);

/// Something wrong with a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The bucket span is neither a whole number of days nor fits a day a whole number of times.
    #[error("bucket span {0} does not divide a day")]
    BucketSpan(String),
    /// The prune window is too short or no multiple of the bucket span.
    #[error("model prune window {0} is no multiple of the bucket span, two at least")]
    PruneWindow(String),
    /// The datafeed reads oftener than buckets end and not in step with them.
    #[error("frequency {0} neither divides the bucket span nor is a multiple of it")]
    Frequency(String),
    /// A field is not in the vocabulary.
    #[error("field {field:?} is not in the {schema} vocabulary")]
    UnknownField {
        /// Field.
        field: String,
        /// Vocabulary.
        schema: Schema,
    },
    /// A field is listed twice.
    #[error("influencer {0:?} is listed twice")]
    RepeatedInfluencer(String),
    /// Two detectors are the same.
    #[error("detectors {0} and {1} are the same")]
    RepeatedDetector(usize, usize),
}

impl Finding {
    /// Where in the job's file it stands.
    pub const fn path(&self) -> &'static str {
        match self {
            Self::BucketSpan(_) => "$.job.analysis_config.bucket_span",
            Self::PruneWindow(_) => "$.job.analysis_config.model_prune_window",
            Self::Frequency(_) => "$.datafeed.frequency",
            Self::UnknownField { .. } => "$.job",
            Self::RepeatedInfluencer(_) => "$.job.analysis_config.influencers",
            Self::RepeatedDetector(..) => "$.job.analysis_config.detectors",
        }
    }

    /// Whether Elasticsearch refuses such a job; what is only odd is said.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::BucketSpan(_) | Self::PruneWindow(_) | Self::Frequency(_) | Self::RepeatedDetector(..))
    }
}

impl JobDefinition {
    /// The length of a bucket, 5 minutes unless set.
    pub fn bucket_span(&self) -> Span {
        self.analysis.bucket_span.unwrap_or(DEFAULT_BUCKET_SPAN)
    }

    /// What is wrong with the job. Its form was checked when it was read.
    ///
    /// With a schema, also the fields that its vocabulary does not have.
    pub fn findings(&self, schema: Option<Schema>) -> Vec<Finding> {
        let mut findings = self.span_findings();
        let detectors = &self.analysis.detectors;
        for (index, detector) in detectors.iter().enumerate() {
            if let Some(first) = detectors[..index].iter().position(|other| other == detector) {
                findings.push(Finding::RepeatedDetector(first, index));
            }
        }
        let influencers = &self.analysis.influencers;
        for (index, field) in influencers.iter().enumerate() {
            if influencers[..index].contains(field) {
                findings.push(Finding::RepeatedInfluencer(field.clone()));
            }
        }
        if let Some(schema) = schema {
            let unknown = self.fields().filter(|field| schema.concept(field).is_none());
            findings.extend(unknown.map(|field| Finding::UnknownField { field: field.to_owned(), schema }));
        }
        findings
    }

    fn span_findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let span = self.bucket_span().as_nanos();
        if span == 0 || (!DAY_NANOS.is_multiple_of(span) && !span.is_multiple_of(DAY_NANOS)) {
            findings.push(Finding::BucketSpan(self.bucket_span().to_string()));
            return findings;
        }
        if let Some(window) = self.analysis.model_prune_window
            && (!window.as_nanos().is_multiple_of(span) || window.as_nanos() < 2 * span)
        {
            findings.push(Finding::PruneWindow(window.to_string()));
        }
        if let Some(frequency) = self.datafeed.as_ref().and_then(|datafeed| datafeed.frequency) {
            let nanos = frequency.as_nanos();
            if nanos == 0 || (!span.is_multiple_of(nanos) && !nanos.is_multiple_of(span)) {
                findings.push(Finding::Frequency(frequency.to_string()));
            }
        }
        findings
    }
}
