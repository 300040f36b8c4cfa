//! One pass of detection: what is new or changed is scored in time order and committed chunk by chunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracker::Micros;

use crate::buckets::counts::BucketCounts;
use crate::buckets::stored::by_series;
use crate::detect::carry::{carry, fresh};
use crate::detect::compose::{compose, has_records, plot_points};
use crate::detect::detector::{Detector, fold};
use crate::detect::reasons::Reasons;
use crate::detect::status::{DetectSummary, Progress};
use crate::detect::world::{ScoredView, View, World};
use crate::error::Result;
use crate::results::columns::result_schema;
use crate::results::plots::{self, PlotPoint};
use crate::results::rows::{BucketOutcome, to_batch};
use crate::store::segments::BucketId;

/// Buckets scored between commits.
const CHUNK: usize = 96;
/// Series of a bucket that are drawn: those with the highest scores, then with the highest expectations.
const DRAWN: usize = 5_000;
/// Series of counted buckets read at once.
const ROWS: u64 = 200_000;
/// Buckets after which a snapshot is due; one more for so many bytes of models, which take that long to write.
const SNAPSHOT: usize = 16;
const SNAPSHOT_BYTES: usize = 8 << 20;
/// Going back by more than this (s) happens at most once in `PATIENCE` (µs): an exporter whose clock is wrong must not
/// keep detection in the past.
const FAR_BACK: i64 = 86_400;
const PATIENCE: Micros = 3_600_000_000;

/// The buckets of one pass.
struct Todo {
    /// Start (s) and mark of each, ascending.
    buckets: Vec<(i64, u64)>,
    /// Those among them whose results do not come from today's counts.
    stale: BTreeSet<i64>,
    /// Marks that the results there are were made from.
    made: BTreeMap<i64, u64>,
    /// Buckets that start before this (s) have lost their sessions: results that there are stay.
    frozen: i64,
}

impl Detector {
    /// Scores what is sealed and not scored yet, or no longer what it was scored as.
    pub(super) async fn score(&mut self, sealed: i64, progress: &dyn Progress) -> Result<DetectSummary> {
        let todo = self.todo(sealed);
        let mut summary = DetectSummary::default();
        self.waiting = todo.buckets.len();
        for chunk in todo.buckets.chunks(CHUNK) {
            self.chunk(chunk, &todo, &mut summary).await?;
            self.waiting -= chunk.len();
            progress.scored(summary.buckets, todo.buckets.len());
        }
        if let (Some(first), Some(last)) = (todo.buckets.first(), todo.buckets.last()) {
            summary.range = Some((first.0 * 1000, last.0 * 1000));
        }
        Ok(summary)
    }

    /// What there is to do, with the world put back to before the first changed bucket.
    fn todo(&mut self, sealed: i64) -> Todo {
        let counted = self.marked();
        let ours = self.results.current();
        let made: BTreeMap<i64, u64> =
            ours.iter().filter(|(id, _)| id.span == self.span).map(|(id, (_, mark))| (id.start, *mark)).collect();
        let stale: BTreeSet<i64> =
            counted.iter().filter(|(start, mark)| made.get(start) != Some(mark)).map(|(start, _)| *start).collect();
        if let (Some(first), Some(next)) = (stale.first(), self.world.next)
            && *first < next
        {
            let far = next - *first > FAR_BACK;
            if !far || self.rewound.is_none_or(|last| self.now - last >= PATIENCE) {
                self.rewound = if far { Some(self.now) } else { self.rewound };
                self.restore(*first);
            }
        }
        let next = self.world.next.unwrap_or(i64::MIN);
        let buckets = counted.into_iter().filter(|(start, _)| *start >= next && *start < sealed).collect();
        Todo { buckets, stale, made, frozen: self.store.horizon().hour * 3_600 }
    }

    /// Scores some buckets and commits what is new about them.
    async fn chunk(&mut self, chunk: &[(i64, u64)], todo: &Todo, summary: &mut DetectSummary) -> Result<()> {
        let span = i64::from(self.span);
        let end = chunk[chunk.len() - 1].0 + span;
        let before = self.known.buckets_now()?;
        let rules = self.settings.rules();
        let mut covers = Vec::new();
        let mut outcomes: Vec<BucketOutcome> = Vec::new();
        let mut points: Vec<PlotPoint> = Vec::new();
        let mut reasons = Reasons::new(&self.store, self.span, end);
        let (mut counts, mut read) = (BTreeMap::<i64, Arc<BucketCounts>>::new(), i64::MIN);
        for (place, &(start, mark)) in chunk.iter().enumerate() {
            if start >= read {
                let most = (ROWS / self.counts.rows_per_bucket(start).max(1)).max(1) as usize;
                read = chunk[(place + most - 1).min(chunk.len() - 1)].0 + span;
                counts = self.counts.read(start, read);
            }
            if let Some(next) = self.world.next.filter(|next| *next < start) {
                self.world.skip((start - next) as f64 / 86_400.0);
            }
            let empty = Arc::default();
            let counts = counts.get(&start).unwrap_or(&empty);
            let scored =
                self.world.observe(&self.calendar.moment(start), counts, rules, &|of| self.planned.skips(of, start));
            self.world.next = Some(start + span);
            self.world.lineage = fold(self.world.lineage, start, mark);
            self.unsaved += 1;
            summary.buckets += 1;
            let known = todo.made.get(&start);
            if known.is_some() && start < todo.frozen {
                continue;
            }
            let found = explained(&self.world, &scored, start, self.span, &mut reasons).await?;
            let late = known.is_some_and(|known| *known != mark);
            let mut changed = todo.stale.contains(&start);
            let mut ready = Vec::new();
            for mut outcome in found {
                let id = (outcome.bucket.timestamp, self.span, outcome.bucket.perspective);
                let known = before.get(&id).map(AsRef::as_ref);
                carry(&mut outcome, known, late);
                changed |= known != Some(&outcome);
                summary.records.extend(fresh(&outcome, known));
                ready.push(outcome);
            }
            if changed {
                summary.rescored += usize::from(known.is_some());
                covers.push((BucketId { span: self.span, start }, mark));
                outcomes.append(&mut ready);
                points.append(&mut drawn(&scored, start));
            }
        }
        // Plots first: the results' rename is what commits the chunk.
        self.plots.commit(plots::plot_schema(), &[by_series(&plots::to_batch(&points)?)?], covers.clone())?;
        self.results.commit(result_schema(), &[to_batch(&outcomes)?], covers)?;
        let heavy = self.world.views.values().map(View::bytes).sum::<usize>() / SNAPSHOT_BYTES;
        if self.unsaved >= SNAPSHOT.max(heavy) {
            self.checkpoints.save(&self.world)?;
            self.unsaved = 0;
        }
        Ok(())
    }
}

/// What to draw of a bucket.
fn drawn(scored: &[ScoredView], start: i64) -> Vec<PlotPoint> {
    let mut points: Vec<PlotPoint> = scored.iter().flat_map(|view| plot_points(view, start)).collect();
    if points.len() > DRAWN {
        points.sort_by(|a, b| {
            let expected = b.expected.typical.total_cmp(&a.expected.typical);
            b.score.total_cmp(&a.score).then(expected).then_with(|| a.series.cmp(&b.series))
        });
        points.truncate(DRAWN);
    }
    points
}

/// The results of a bucket, with whom its records are due to.
pub(super) async fn explained(
    world: &World,
    scored: &[ScoredView],
    start: i64,
    span: u32,
    reasons: &mut Reasons,
) -> Result<Vec<BucketOutcome>> {
    let failures = if scored.iter().any(has_records) { reasons.of(start).await? } else { &[] };
    let one =
        |view: &ScoredView| world.views.get(&view.perspective).map(|state| compose(view, state, failures, start, span));
    Ok(scored.iter().filter_map(one).collect())
}
