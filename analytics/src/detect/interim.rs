//! Interim results: the buckets that are not sealed yet, scored as far as they have come. Nothing is learnt or stored.

use jobs::{AnomalyRecord, BucketResult};
use tracker::Micros;

use crate::detect::detector::Detector;
use crate::detect::pass::explained;
use crate::detect::reasons::Reasons;
use crate::error::Result;
use crate::results::ResultStore;

/// Interim results that are new or changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interim {
    /// Of the perspectives of the running buckets.
    pub buckets: Vec<BucketResult>,
    /// Telling records of these.
    pub records: Vec<AnomalyRecord>,
}

impl Detector {
    /// Scores the running buckets with what of them is stored at `now`, and lets `results` show it until they are
    /// sealed. While history waits to be scored there are none.
    ///
    /// # Errors
    /// The sessions cannot be read.
    pub async fn interim(&mut self, now: Micros, results: &ResultStore) -> Result<Interim> {
        let span = i64::from(self.span);
        let sealed = self.settings.sealed(now, self.span);
        let end = (now.div_euclid(1_000_000).div_euclid(span) + 1) * span;
        let mut outcomes = Vec::new();
        if self.world.next.is_some_and(|next| next <= sealed) && self.waiting == 0 {
            let counted = self.counts.count(sealed, end).await?;
            let mut reasons = Reasons::new(&self.store, self.span, end);
            for (start, counts) in counted {
                let mut scored = self.world.peek(&self.calendar.moment(start), &counts);
                scored.retain(|view| !self.planned.skips(view.perspective, start).result);
                let mut found = explained(&self.world, &scored, start, self.span, &mut reasons).await?;
                for outcome in &mut found {
                    outcome.bucket.is_interim = true;
                    outcome.records.iter_mut().for_each(|stored| stored.record.is_interim = true);
                    outcome.influencers.iter_mut().for_each(|influencer| influencer.is_interim = true);
                }
                outcomes.append(&mut found);
            }
        }
        let changed = results.show_interim(outcomes)?;
        let telling = |outcome: &crate::results::rows::BucketOutcome| {
            outcome
                .records
                .iter()
                .filter(|stored| stored.primary)
                .map(|stored| stored.record.clone())
                .collect::<Vec<_>>()
        };
        Ok(Interim {
            records: changed.iter().flat_map(|outcome| telling(outcome)).collect(),
            buckets: changed.iter().map(|outcome| outcome.bucket.clone()).collect(),
        })
    }
}
