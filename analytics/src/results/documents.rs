//! Results as documents, of detection and of imported jobs alike, for those who take a stretch of time of them.

use std::ops::ControlFlow;
use std::str::FromStr;

use jobs::document::{JobScore, overall_buckets};
use jobs::{Document, Documents, JobDocuments, JobId, Prefix, Schema};
use tracker::Perspective;

use crate::error::Result;
use crate::jobs::{JobPlots, JobResults, JobShelf};
use crate::results::anomaly::Finder;
use crate::results::changes::Found;
use crate::results::{ResultStore, select};

/// What a document tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// An anomaly.
    Record,
    /// A bucket of a job.
    Bucket,
    /// An influencer.
    Influencer,
    /// What the model expected of a series.
    ModelPlot,
    /// A bucket of all jobs together.
    OverallBucket,
}

impl Part {
    /// What is given unless something else is asked for.
    pub const USUAL: [Self; 3] = [Self::Record, Self::Bucket, Self::Influencer];
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "records" => Ok(Self::Record),
            "buckets" => Ok(Self::Bucket),
            "influencers" => Ok(Self::Influencer),
            "model_plot" => Ok(Self::ModelPlot),
            "overall_buckets" => Ok(Self::OverallBucket),
            _ => Err("expected records, buckets, influencers, model_plot or overall_buckets"),
        }
    }
}

/// Several parts, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts(pub Vec<Part>);

impl Default for Parts {
    fn default() -> Self {
        Self(Part::USUAL.to_vec())
    }
}

impl FromStr for Parts {
    type Err = &'static str;

    fn from_str(names: &str) -> Result<Self, Self::Err> {
        names.split(',').map(|name| name.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

/// Which documents are wanted, and how they are written.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Buckets that start at or after this, ms.
    pub from: i64,
    /// Buckets that start before this, ms.
    pub to: i64,
    /// One job alone, by its id in either vocabulary.
    pub job: Option<JobId>,
    /// What they tell of.
    pub parts: Parts,
    /// Least score.
    pub min_score: f64,
    /// Vocabulary; `None`: that of the definition, and ECS for jobs that come with the program.
    pub schema: Option<Schema>,
    /// What the ids of the program's own jobs begin with.
    pub prefix: Prefix,
}

impl Selection {
    fn wants(&self, part: Part) -> bool {
        self.parts.0.contains(&part)
    }

    fn perspectives(&self) -> Vec<Perspective> {
        let is = |perspective: &Perspective| {
            self.job.as_ref().is_none_or(|job| {
                Schema::ALL.iter().any(|schema| JobId::of(&self.prefix, *schema, *perspective) == *job)
            })
        };
        Perspective::ALL.iter().copied().filter(is).collect()
    }
}

/// Takes a document; breaks when no more are wanted.
type Each<'a> = &'a mut dyn FnMut(Document) -> ControlFlow<()>;

impl ResultStore {
    /// Gives the documents that are wanted, one by one: for each job by time.
    ///
    /// # Errors
    /// The results cannot be listed.
    pub fn documents(&self, wanted: &Selection, each: Each<'_>) -> Result<()> {
        let mut scores = Vec::new();
        let mut give = |found: &Found, each: Each<'_>| give(found, wanted, &mut scores, each);
        if self.own(wanted, &mut give, each)?.is_break() || self.of_jobs(wanted, &mut give, each)?.is_break() {
            return Ok(());
        }
        if wanted.wants(Part::OverallBucket) {
            let documents = overall_buckets(scores, 1).into_iter();
            let mut high = documents.filter(|(score, _)| *score >= wanted.min_score);
            let _ = high.try_for_each(|(_, document)| each(document));
        }
        Ok(())
    }

    fn own(&self, wanted: &Selection, give: Give<'_>, each: Each<'_>) -> Result<ControlFlow<()>> {
        let perspectives = wanted.perspectives();
        if perspectives.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let buckets = self.buckets_now()?;
        for outcome in select::between(&buckets, wanted.from, wanted.to, None) {
            let ours = perspectives.contains(&outcome.bucket.perspective);
            if ours && give(&Found::detected(outcome), each).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if !wanted.wants(Part::ModelPlot) {
            return Ok(ControlFlow::Continue(()));
        }
        let documents = Documents::new(wanted.schema.unwrap_or(Schema::Ecs), wanted.prefix.clone());
        self.plotted((wanted.from, wanted.to), &mut |point| {
            if !perspectives.contains(&point.series.perspective) {
                return ControlFlow::Continue(());
            }
            each(documents.model_plot(&point.series, point.timestamp, point.bucket_span, point.actual, point.expected))
        })
    }

    fn of_jobs(&self, wanted: &Selection, give: Give<'_>, each: Each<'_>) -> Result<ControlFlow<()>> {
        let shelf = JobShelf::open(self.store());
        for job in shelf.ids()?.into_iter().filter(|id| wanted.job.as_ref().is_none_or(|job| job == id)) {
            let finder = Finder::Imported(job.clone(), None);
            let mut results = JobResults::open(self.store(), &job);
            let told = results
                .each_between(wanted.from, wanted.to, &mut |one| give(&Found::of_job(finder.clone(), one), each))?;
            if told.is_break() {
                return Ok(told);
            }
            if wanted.wants(Part::ModelPlot) {
                let documents = JobDocuments { job: job.clone(), schema: wanted.schema };
                let mut plots = JobPlots::open(&shelf, &job);
                let told = plots.each_between(wanted.from, wanted.to, &mut |plot| each(documents.model_plot(&plot)))?;
                if told.is_break() {
                    return Ok(told);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Gives the documents of what was found in a bucket.
type Give<'a> = &'a mut dyn FnMut(&Found, Each<'_>) -> ControlFlow<()>;

fn give(found: &Found, wanted: &Selection, scores: &mut Vec<JobScore>, each: Each<'_>) -> ControlFlow<()> {
    for (part, score, document) in found.documents(wanted.schema, &wanted.prefix) {
        if part == Part::Bucket && wanted.wants(Part::OverallBucket) {
            scores.push(JobScore {
                job: found.finder().job(&wanted.prefix, wanted.schema.unwrap_or(Schema::Ecs)),
                timestamp: found.timestamp(),
                bucket_span: found.bucket_span(),
                score: score.value(),
                is_interim: found.is_interim(),
            });
        }
        if wanted.wants(part) && score.value() >= wanted.min_score {
            each(document)?;
        }
    }
    ControlFlow::Continue(())
}
