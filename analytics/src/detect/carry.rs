//! What a bucket that is scored again keeps of its first results, and which of its records are news.

use jobs::AnomalyRecord;

use crate::results::rows::{BucketOutcome, StoredRecord};

/// Keeps what was first written, and marks what late data changed.
pub fn carry(outcome: &mut BucketOutcome, known: Option<&BucketOutcome>, late: bool) {
    let Some(known) = known else { return };
    let counts = |o: &BucketOutcome| (o.bucket.event_count, o.bucket.failed_count);
    outcome.revised = known.revised || (late && counts(known) != counts(outcome));
    outcome.bucket.initial_anomaly_score = known.bucket.initial_anomaly_score;
    for stored in &mut outcome.records {
        let record = &mut stored.record;
        record.revised = outcome.revised;
        if let Some(first) = known.records.iter().find(|other| other.record.series == record.series) {
            record.initial_record_score = first.record.initial_record_score;
        }
    }
    for influencer in &mut outcome.influencers {
        let same = |other: &&jobs::InfluencerResult| other.field == influencer.field && other.value == influencer.value;
        if let Some(first) = known.influencers.iter().find(same) {
            influencer.initial_influencer_score = first.initial_influencer_score;
        }
    }
}

/// Telling records that were not there before, or had another score.
pub fn fresh(outcome: &BucketOutcome, known: Option<&BucketOutcome>) -> Vec<AnomalyRecord> {
    let is_new = |stored: &&StoredRecord| stored.primary && !known.is_some_and(|known| known.records.contains(stored));
    outcome.records.iter().filter(is_new).map(|stored| stored.record.clone()).collect()
}
