//! Where answers come from: the only place that asks the store.
//!
//! Handlers see the trait, so that they can be tried over results that a test makes up.

use std::ops::ControlFlow;
use std::sync::Arc;

use analytics::{
    AnomalyFilter, ClientGroup, Flows, ForecastPoint, Forecaster, Overview, Page, ResultStore, Selection, SeriesView,
    SessionFilter, SessionStore, StoreError,
};
use futures::future::BoxFuture;
use jobs::{AnomalyRecord, BucketResult, Document, InfluencerResult, SeriesKey};
use tracker::{Micros, Perspective, SessionRecord};

use crate::problem::Problem;

type Answer<T> = Result<T, StoreError>;

/// What handlers ask.
pub trait Source: Send + Sync {
    /// Anomaly records that pass the filter, in its order. May read files.
    fn anomalies(&self, filter: &AnomalyFilter) -> Answer<Vec<AnomalyRecord>>;
    /// Buckets with `from <= timestamp < to` (ms), by time. May read files.
    fn buckets(&self, from: i64, to: i64, perspective: Option<Perspective>) -> Answer<Vec<BucketResult>>;
    /// Influencers with `from <= timestamp < to` (ms), by time. May read files.
    fn influencers(&self, from: i64, to: i64, perspective: Option<Perspective>) -> Answer<Vec<InfluencerResult>>;
    /// The documents that are wanted, of every job, one by one. May read files.
    fn documents(&self, wanted: &Selection, each: &mut dyn FnMut(Document) -> ControlFlow<()>) -> Answer<()>;
    /// One series in `from..to` (ms).
    fn series<'a>(&'a self, key: &'a SeriesKey, from: i64, to: i64) -> BoxFuture<'a, Answer<SeriesView>>;
    /// What a series is expected to have for so many ms after what was scored; `None` without a model. May read files.
    fn forecast(&self, key: &SeriesKey, horizon: i64) -> Option<Vec<ForecastPoint>>;
    /// Sessions by outcome, in cells of `step` microseconds.
    fn overview<'a>(&'a self, filter: &'a SessionFilter, step: Micros) -> BoxFuture<'a, Answer<Overview>>;
    /// Sessions, newest first.
    fn sessions<'a>(
        &'a self,
        filter: &'a SessionFilter,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Answer<Page<SessionRecord>>>;
    /// Sessions by client group, server, port and outcome, the `top` largest of each named.
    fn flows<'a>(&'a self, filter: &'a SessionFilter, group: ClientGroup, top: usize) -> BoxFuture<'a, Answer<Flows>>;
}

/// The stores on disk.
pub struct Stored {
    /// Sessions.
    pub store: SessionStore,
    /// Results.
    pub results: ResultStore,
    /// Models, where detection has any.
    pub forecaster: Option<Arc<Forecaster>>,
}

impl Source for Stored {
    fn anomalies(&self, filter: &AnomalyFilter) -> Answer<Vec<AnomalyRecord>> {
        self.results.anomalies(filter)
    }

    fn buckets(&self, from: i64, to: i64, perspective: Option<Perspective>) -> Answer<Vec<BucketResult>> {
        self.results.buckets(from, to, perspective)
    }

    fn influencers(&self, from: i64, to: i64, perspective: Option<Perspective>) -> Answer<Vec<InfluencerResult>> {
        self.results.influencers(from, to, perspective)
    }

    fn documents(&self, wanted: &Selection, each: &mut dyn FnMut(Document) -> ControlFlow<()>) -> Answer<()> {
        self.results.documents(wanted, each)
    }

    fn series<'a>(&'a self, key: &'a SeriesKey, from: i64, to: i64) -> BoxFuture<'a, Answer<SeriesView>> {
        Box::pin(self.results.series(key, from, to))
    }

    fn forecast(&self, key: &SeriesKey, horizon: i64) -> Option<Vec<ForecastPoint>> {
        let forecaster = self.forecaster.as_ref()?;
        let span = u64::from(forecaster.bucket_span()) * 1000;
        let buckets = u64::try_from(horizon).unwrap_or_default().div_ceil(span.max(1));
        forecaster.series(key, usize::try_from(buckets).unwrap_or_default())
    }

    fn overview<'a>(&'a self, filter: &'a SessionFilter, step: Micros) -> BoxFuture<'a, Answer<Overview>> {
        Box::pin(self.store.overview(filter, step))
    }

    fn sessions<'a>(
        &'a self,
        filter: &'a SessionFilter,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Answer<Page<SessionRecord>>> {
        Box::pin(self.store.sessions_page(filter, cursor, limit))
    }

    fn flows<'a>(&'a self, filter: &'a SessionFilter, group: ClientGroup, top: usize) -> BoxFuture<'a, Answer<Flows>> {
        Box::pin(self.store.flows(filter, group, top))
    }
}

/// Asks something that may read files, away from the threads that serve requests.
pub async fn ask<T: Send + 'static>(
    source: &Arc<dyn Source>,
    question: impl FnOnce(&dyn Source) -> Answer<T> + Send + 'static,
) -> Result<T, Problem> {
    let source = Arc::clone(source);
    match tokio::task::spawn_blocking(move || question(source.as_ref())).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Problem::internal("the request could not be completed")),
    }
}
